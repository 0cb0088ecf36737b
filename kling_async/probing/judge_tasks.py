"""Compares what existing tasks showed with the assumptions. Pure: answers in, a verdict for each assumption out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from kling_async.errors import harmless
from kling_async.polling.pages import Order, order_of
from kling_async.probing.answers import Seen, members, rows_of
from kling_async.probing.caller import task_id_of
from kling_async.probing.free import Asked
from kling_async.probing.verdict import Verdict, differs, holds, kind, refusal, unseen
from kling_async.schema.task import TaskStatus

_NO_TASK: Final = "the account has no task on the first page of 500"
_MILLISECONDS: Final = range(1_500_000_000_000, 4_102_444_800_000)  # 2017 to 2100


def _order(asked: Asked) -> Verdict:
    created = [_number(row.get("created_at")) for row in rows_of(asked.get("largest page"))]
    order = order_of([each for each in created if each is not None])
    if order is Order.UNKNOWN:
        return unseen("it takes at least four tasks of different times")
    return holds() if order is Order.NEWEST else differs(order.value)


def _statuses(asked: Asked) -> Verdict:
    return statuses_verdict(_every_row(asked))


def statuses_verdict(rows: list[Mapping[str, Any]]) -> Verdict:
    """Looks at the words of some tasks' status."""
    if not rows:
        return unseen(_NO_TASK)
    words = {str(row.get("task_status")) for row in rows} - set(TaskStatus)
    return differs(harmless(", ".join(sorted(words)), 80)) if words else holds()


def _times(asked: Asked) -> Verdict:
    return times_verdict(_every_row(asked))


def times_verdict(rows: list[Mapping[str, Any]]) -> Verdict:
    """Looks at the times of some tasks."""
    if not rows:
        return unseen(_NO_TASK)
    for name in ("created_at", "updated_at"):
        for row in rows:
            value = row.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or value not in _MILLISECONDS:
                return differs(f"{name} is {kind(value)}")
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
    return refusal(answer, 400, {1201}, "not found")


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
        return differs(f"task_result.videos is {kind(videos)}")
    for name in ("id", "url", "duration"):
        value = members(videos[0]).get(name)
        if not isinstance(value, str) or not value:
            return differs(f"{name} is {kind(value)}")
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
    return differs(f"final_unit_deduction is {kind(value)}")


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


TASKS: Final[Mapping[str, Callable[[Asked], Verdict]]] = {
    "list-order": _order,
    "status-words": _statuses,
    "times-in-milliseconds": _times,
    "look-up-by-external-id": _external_id,
    "one-path": _one_path,
    "list-row": _list_row,
    "result-shape": _shape,
    "units": _units,
}
"""What compares each assumption that takes an existing task."""
