"""How an assumption compares with what came. Pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from attrs import frozen

from kling_async.probing.answers import Seen


class State(StrEnum):
    """The three ends of a comparison."""

    AS_ASSUMED = "as assumed"
    DIFFERENT = "different"
    NOT_SEEN = "not seen"


@frozen
class Verdict:
    """What became of one assumption."""

    state: State
    """Whether it holds."""

    came: str = ""
    """What came, or why nothing did."""


def holds(came: str = "") -> Verdict:
    """The assumption holds."""
    return Verdict(State.AS_ASSUMED, came)


def differs(came: str) -> Verdict:
    """It does not hold."""
    return Verdict(State.DIFFERENT, came)


def unseen(why: str) -> Verdict:
    """Nothing was seen that tells."""
    return Verdict(State.NOT_SEEN, why)


def refusal(answer: Seen, http_status: int, codes: Collection[int | None], said: str = "") -> Verdict:
    """Whether an answer is a refusal with this status, one of these codes and these words in its message."""
    if answer.beside_the_point:
        return unseen(answer.shown)
    right = answer.http_status == http_status and answer.code in codes and said in answer.message.lower()
    return holds() if right else differs(answer.shown)


def kind(value: object) -> str:
    """What a JSON value is, without telling it."""
    if value is None:
        return "absent or null"
    if isinstance(value, bool):
        return "true or false"
    names = ((str, "a text"), (int, "a whole number"), (float, "a number"), (list, "an array"))
    name = next((name for known, name in names if isinstance(value, known)), "an object")
    return f"an empty {name.split()[-1]}" if value in ("", [], {}) else name
