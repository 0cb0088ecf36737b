"""Compares the answers to calls that need no task with the assumptions. Pure: answers in, verdicts out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kling_async.probing.free import Asked
from kling_async.probing.verdict import Verdict, differs, holds, kind, refusal, unseen
from kling_async.session.auth import BACKDATED

_PARAMETER: Final = frozenset({1200, 1201, 1202, 1203})
_BAD_REQUEST: Final = frozenset({1200, 1201})


def _envelope(asked: Asked) -> Verdict:
    answered = {name: each for name, each in asked.answers.items() if each.http_status is not None}
    for name, each in answered.items():
        if not each.complete:
            why = each.shown if each.code is None else f"{each.shown}, without a message or request_id"
            return differs(f"{name}: {why}")
    return holds(f"{len(answered)} answers") if answered else unseen("no answer")


def _unknown_id(asked: Asked) -> Verdict:
    return refusal(asked.get("unknown id"), 400, {1201}, "not found")


def _token(question: str, code: int) -> Callable[[Asked], Verdict]:
    def judged(asked: Asked) -> Verdict:
        if question not in asked.answers:
            return unseen("a static API key is not signed")
        return refusal(asked.get(question), 401, {code})

    return judged


def _date(asked: Asked) -> Verdict:
    lacking = [
        name for name, each in asked.answers.items() if each.http_status is not None and each.skew is None
    ]
    return differs(f"none on: {', '.join(lacking)}") if lacking else holds()


def _skew(asked: Asked) -> Verdict:
    skew = asked.get("unknown id").skew
    if skew is None:
        return unseen("no Date")
    where = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours"
    return holds(where) if abs(skew) < BACKDATED else differs(f"the service's clock is {where}")


def _keys_first(asked: Asked) -> Verdict:
    answer = asked.get("no path, no token")
    if answer.beside_the_point:
        return unseen(answer.shown)
    return holds() if answer.http_status == 401 else differs(answer.shown)


def _wrong_path(asked: Asked) -> Verdict:
    return refusal(asked.get("no path"), 404, {1202, 1203})


def _slashes(asked: Asked) -> Verdict:
    answer, doubled = asked.get("slash"), asked.get("slashes")
    if answer.beside_the_point or doubled.beside_the_point:
        return unseen(answer.shown if answer.beside_the_point else doubled.shown)
    if answer.code != 0:
        return differs(f"at the end: {answer.shown}")
    if doubled.code != asked.get("unknown id").code:
        return differs(f"doubled: {doubled.shown}")
    return holds()


def _page_bounds(asked: Asked) -> Verdict:
    for question in ("page 0", "page too large"):
        verdict = refusal(asked.get(question), 400, _PARAMETER)
        if verdict != holds():
            return Verdict(verdict.state, f"{question}: {verdict.came}")
    return holds()


def _largest_page(asked: Asked) -> Verdict:
    answer = asked.get("largest page")
    if answer.beside_the_point:
        return unseen(answer.shown)
    if answer.code != 0:
        return differs(answer.shown)
    if not isinstance(answer.data, list):
        return differs(f"data is {kind(answer.data)}")
    return holds(f"rows: {len(answer.data)}")


def _behind_the_end(asked: Asked) -> Verdict:
    answer = asked.get("last page")
    if answer.beside_the_point:
        return unseen(answer.shown)
    if answer.code != 0:
        return differs(answer.shown)
    return holds() if answer.data == [] else differs(f"data is {kind(answer.data)}")


def _refused_create(asked: Asked) -> Verdict:
    answer = asked.get("no picture")
    verdict = refusal(answer, 400, _BAD_REQUEST)
    if verdict == holds() and answer.data is not None:
        return differs(f"data is {kind(answer.data)}")
    return verdict


def _not_json(asked: Asked) -> Verdict:
    return refusal(asked.get("not JSON"), 400, _BAD_REQUEST)


def _empty_text(asked: Asked) -> Verdict:
    answer = asked.get("empty texts")
    if answer.code == 0:
        return differs(answer.shown)
    if answer.beside_the_point or not answer.refused:
        return unseen(answer.shown)
    words = answer.message.lower()
    if any(name in words for name in ("callback_url", "negative_prompt", "base64", "invalid image")):
        return differs(answer.shown)
    return holds() if "image" in words else unseen(f"{answer.shown}, which does not tell")


CALLS: Final[Mapping[str, Callable[[Asked], Verdict]]] = {
    "envelope": _envelope,
    "unknown-id": _unknown_id,
    "no-authorization": _token("no token", 1001),
    "malformed-token": _token("malformed token", 1002),
    "early-token": _token("early token", 1003),
    "expired-token": _token("late token", 1004),
    "date-header": _date,
    "clock-skew": _skew,
    "keys-before-path": _keys_first,
    "wrong-path": _wrong_path,
    "trailing-slash": _slashes,
    "page-bounds": _page_bounds,
    "largest-page": _largest_page,
    "page-behind-the-end": _behind_the_end,
    "refused-create": _refused_create,
    "not-json": _not_json,
    "empty-text": _empty_text,
}
"""What compares each assumption that takes no task."""
