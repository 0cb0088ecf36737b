"""How an assumption compares with what came. Pure."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


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
