"""Compares the answers to the free questions with the assumptions. Pure: answers in, a verdict for each assumption out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from kling_async.errors import harmless
from kling_async.polling.pages import Order, order_of
from kling_async.probing.answers import Seen, members, rows_of
from kling_async.probing.caller import task_id_of
from kling_async.probing.free import Asked
from kling_async.probing.verdict import Verdict, differs, holds, unseen
from kling_async.schema.task import TaskStatus
from kling_async.session.auth import BACKDATED

_NO_TASK: Final = "the account has no task on the first page of 500"
_PARAMETER: Final = frozenset({1200, 1201, 1202, 1203})
_BAD_REQUEST: Final = frozenset({1200, 1201})
_MILLISECONDS: Final = range(1_500_000_000_000, 4_102_444_800_000)  # 2017 to 2100


def _refusal(answer: Seen, http_status: int, codes: Collection[int | None], said: str = "") -> Verdict:
    """Whether an answer is a refusal with this status, one of these codes and these words in its message."""
    if answer.beside_the_point:
        return unseen(answer.shown)
    right = answer.http_status == http_status and answer.code in codes and said in answer.message.lower()
    return holds() if right else differs(answer.shown)


def _envelope(asked: Asked) -> Verdict:
    answered = {name: each for name, each in asked.answers.items() if each.http_status is not None}
    for name, each in answered.items():
        if not each.complete:
            why = each.shown if each.code is None else f"{each.shown}, without a message or request_id"
            return differs(f"{name}: {why}")
    return holds(f"{len(answered)} answers") if answered else unseen("no answer")


def _unknown_id(asked: Asked) -> Verdict:
    return _refusal(asked.get("unknown id"), 400, {1201}, "not found")


def _token(question: str, code: int) -> Callable[[Asked], Verdict]:
    def judged(asked: Asked) -> Verdict:
        if question not in asked.answers:
            return unseen("a static API key is not signed")
        return _refusal(asked.get(question), 401, {code})

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
    return _refusal(asked.get("no path"), 404, {1202, 1203})


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
        verdict = _refusal(asked.get(question), 400, _PARAMETER)
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
        return differs(f"data is {_kind(answer.data)}")
    return holds(f"{len(answer.data)} rows")


def _behind_the_end(asked: Asked) -> Verdict:
    answer = asked.get("last page")
    if answer.beside_the_point:
        return unseen(answer.shown)
    if answer.code != 0:
        return differs(answer.shown)
    return holds() if answer.data == [] else differs(f"data is {_kind(answer.data)}")


def _order(asked: Asked) -> Verdict:
    created = [_number(row.get("created_at")) for row in rows_of(asked.get("largest page"))]
    order = order_of([each for each in created if each is not None])
    if order is Order.UNKNOWN:
        return unseen("it takes at least four tasks of different times")
    return holds() if order is Order.NEWEST else differs(order.value)


def _statuses(asked: Asked) -> Verdict:
    rows = _every_row(asked)
    if not rows:
        return unseen(_NO_TASK)
    words = {str(row.get("task_status")) for row in rows} - set(TaskStatus)
    return differs(harmless(", ".join(sorted(words)), 80)) if words else holds()


def _times(asked: Asked) -> Verdict:
    rows = _every_row(asked)
    if not rows:
        return unseen(_NO_TASK)
    for name in ("created_at", "updated_at"):
        for row in rows:
            value = row.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or value not in _MILLISECONDS:
                return differs(f"{name} is {_kind(value)}")
    return holds()


def _external_id(asked: Asked) -> Verdict:
    named, answer = members(asked.get("external id of").data), asked.get("external id")
    if not named:
        return unseen("no task on the first page of 500 has an external_task_id")
    if answer.beside_the_point:
        return unseen(answer.shown)
    if answer.code != 0:
        return differs(answer.shown)
    if task_id_of(answer) != str(named["task_id"]):
        return differs("another task came")
    return holds()


def _one_path(asked: Asked) -> Verdict:
    if "other path" not in asked.answers:
        return unseen(_NO_TASK)
    answer = asked.get("other path")
    if answer.code == 0:
        return differs("it was found under another endpoint's path")
    return _refusal(answer, 400, {1201}, "not found")


def _list_row(asked: Asked) -> Verdict:
    return row_verdict(asked.row, asked.get("succeeded"))


def row_verdict(row: Any, single: Seen) -> Verdict:
    """Compares the fields of a list's row with those of the query of the same task."""
    if not row:
        return unseen("no succeeded task on the first page of 500")
    if single.code != 0:
        return unseen(single.shown)
    lacking = _paths(members(single.data)) - _paths(members(row))
    lacking = {name for name in lacking if name.partition(".")[0] != "watermark_info"}
    return differs(f"the row lacks {harmless(', '.join(sorted(lacking)), 120)}") if lacking else holds()


def _shape(asked: Asked) -> Verdict:
    return shape_verdict(asked.get("succeeded"))


def shape_verdict(single: Seen) -> Verdict:
    """Looks at the results of a succeeded task."""
    if single.code != 0:
        return unseen("no succeeded task was seen")
    videos = members(members(single.data).get("task_result")).get("videos")
    if not isinstance(videos, list) or not videos:
        return differs(f"task_result.videos is {_kind(videos)}")
    for name in ("id", "url", "duration"):
        value = members(videos[0]).get(name)
        if not isinstance(value, str) or not value:
            return differs(f"{name} is {_kind(value)}")
    return holds()


def _units(asked: Asked) -> Verdict:
    return units_verdict(asked.get("succeeded"))


def units_verdict(single: Seen) -> Verdict:
    """Looks at what a succeeded task says that it cost."""
    if single.code != 0:
        return unseen("no succeeded task was seen")
    value = members(single.data).get("final_unit_deduction")
    if isinstance(value, str) and _number(value) is not None:
        return holds()
    return differs(f"final_unit_deduction is {_kind(value)}")


def _refused_create(asked: Asked) -> Verdict:
    answer = asked.get("no picture")
    verdict = _refusal(answer, 400, _BAD_REQUEST)
    if verdict == holds() and answer.data is not None:
        return differs(f"data is {_kind(answer.data)}")
    return verdict


def _not_json(asked: Asked) -> Verdict:
    return _refusal(asked.get("not JSON"), 400, _BAD_REQUEST)


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


def _every_row(asked: Asked) -> list[Mapping[str, Any]]:
    single = members(asked.get("succeeded").data)
    return [*rows_of(asked.get("largest page")), *([single] if single else [])]


def _paths(value: Mapping[str, Any], above: str = "") -> set[str]:
    """The names of all members that are there, inside of objects and of a list's first item too."""
    found = set()
    for name, item in value.items():
        path = f"{above}{name}"
        found.add(path)
        inner = item[0] if isinstance(item, list) and item else item
        if isinstance(inner, Mapping):
            found |= _paths(inner, f"{path}.")
    return found


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        return None


def _kind(value: object) -> str:
    """What a JSON value is, without telling it."""
    if value is None:
        return "absent or null"
    if isinstance(value, bool):
        return "true or false"
    kinds = ((str, "a text"), (int, "a whole number"), (float, "a number"), (list, "an array"))
    name = next((name for kind, name in kinds if isinstance(value, kind)), "an object")
    return f"an empty {name.split()[-1]}" if value in ("", [], {}) else name


FREE: Final[Mapping[str, Callable[[Asked], Verdict]]] = {
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
    "list-order": _order,
    "status-words": _statuses,
    "times-in-milliseconds": _times,
    "look-up-by-external-id": _external_id,
    "one-path": _one_path,
    "list-row": _list_row,
    "result-shape": _shape,
    "units": _units,
    "refused-create": _refused_create,
    "not-json": _not_json,
    "empty-text": _empty_text,
}
"""What compares each assumption that is free to see."""
