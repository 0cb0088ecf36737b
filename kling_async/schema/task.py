"""A task as the service describes it.

Promises: every answer with a task id becomes a `Task`; what the page does not define (missing or null parts, text for
numbers, unknown words) is read tolerantly, and the mapping as received stays in `raw`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from attrs import field, frozen

from kling_async.errors import MalformedResponseError

KEPT_FOR: Final = timedelta(days=30)
"""生成的图片/视频会在30天后被清理: how long a result stays with the service, from the task's end on."""


class TaskStatus(StrEnum):
    """The page's four words."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"


_STATUSES: Final[dict[str, TaskStatus]] = {
    **{status.value: status for status in TaskStatus},
    "succeeded": TaskStatus.SUCCEED,  # the newer API's word
}
TERMINAL: Final = frozenset({TaskStatus.SUCCEED, TaskStatus.FAILED})


def read_status(value: object) -> TaskStatus | str:
    """A status word; one that the page does not know is kept as text, a missing one reads as "unknown"."""
    if not isinstance(value, str):
        return "unknown"
    return _STATUSES.get(value, value)


@frozen
class Video:
    """One generated video."""

    id: str
    """The video's own id, unique over the service; "" where the answer has none."""

    url: str
    """Where it lies until 30 days after the task ended; needs no keys."""

    duration: float | None
    """Length in seconds as made, such as 5.1; None where the answer has no number."""

    raw: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)
    """The mapping as received, with fields that the page does not know."""

    task_id: str = ""
    """The task that made it, for a fresh look where the URL is refused."""


@frozen
class Task:
    """A job at the service, as seen at one moment."""

    task_id: str
    """The service's id; always text."""

    status: TaskStatus | str
    """One of `TaskStatus`, or the service's word as it is."""

    status_message: str = ""
    """Why a task failed, in the service's words."""

    external_task_id: str | None = None
    """The caller's id, where the answer repeats it."""

    created_at: datetime | None = None
    """When it was created (UTC, to the millisecond)."""

    updated_at: datetime | None = None
    """When it last changed (UTC, to the millisecond)."""

    videos: tuple[Video, ...] = ()
    """The results; empty before success."""

    request_id: str | None = None
    """The service's id of the request that brought this answer."""

    raw: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)
    """The mapping as received."""

    @property
    def is_terminal(self) -> bool:
        """Whether the task has ended."""
        return self.status in TERMINAL

    @property
    def succeeded(self) -> bool:
        """Whether the task ended with success."""
        return self.status is TaskStatus.SUCCEED

    @property
    def failed(self) -> bool:
        """Whether the task ended without success."""
        return self.status is TaskStatus.FAILED

    @property
    def expires_at(self) -> datetime | None:
        """When the results are purged: 30 days after the end (UTC); None before it."""
        if not self.is_terminal or self.updated_at is None:
            return None
        try:
            return self.updated_at + KEPT_FOR
        except OverflowError:  # a moment at the calendar's end is no honest one
            return None


def read_task(data: object, *, request_id: str | None = None, http_status: int | None = None) -> Task:
    """Reads a task object: the `data` of an answer, a row of a list, or a callback's body.

    Raises:
        MalformedResponseError: It is no mapping or has no task id.
    """
    if not isinstance(data, dict):
        raise MalformedResponseError("the task is no object", http_status=http_status, excerpt=_excerpt(data))
    task_id = _id_text(data.get("task_id"))
    if task_id is None:
        raise MalformedResponseError(
            "the task has no task_id", http_status=http_status, excerpt=_excerpt(data)
        )
    info = data.get("task_info")
    message = data.get("task_status_msg")
    return Task(
        task_id,
        read_status(data.get("task_status")),
        message if isinstance(message, str) else "",
        _id_text(info.get("external_task_id")) if isinstance(info, dict) else None,
        _moment(data.get("created_at")),
        _moment(data.get("updated_at")),
        _videos(data.get("task_result"), task_id),
        request_id,
        data,
    )


def _id_text(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def _moment(value: object) -> datetime | None:
    """Unix milliseconds, as number or text."""
    milliseconds = value if type(value) is int else _number(value)  # numbers come by the thousand
    try:
        return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _videos(result: object, task_id: str) -> tuple[Video, ...]:
    rows = result.get("videos") if isinstance(result, dict) else None
    if not isinstance(rows, list):
        return ()
    return tuple(
        Video(_id_text(row.get("id")) or "", row["url"], _number(row.get("duration")), row, task_id)
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("url"), str) and row["url"]
    )


def _excerpt(data: object) -> str:
    try:
        return repr(data)[:400]
    except RecursionError:  # a parser takes a little more nesting than a repr
        return f"a deeply nested {type(data).__name__}"
