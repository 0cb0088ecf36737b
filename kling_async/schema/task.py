"""A task as the service describes it.

Promises: no I/O; every answer with a task id becomes a `Task`. What the API reference does not define (missing or null
parts, text for numbers, unknown statuses) is read tolerantly, and the mapping as received is kept in `raw`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import isfinite
from typing import Any, Final

from attrs import field, frozen

from kling_async.errors import MalformedResponseError

KEPT_FOR: Final = timedelta(days=30)
"""生成的图片/视频会在30天后被清理: how long the service keeps a result, counted from the end of its task."""


class TaskStatus(StrEnum):
    """The four statuses of the API reference."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"


_STATUSES: Final[dict[str, TaskStatus]] = {
    **{status.value: status for status in TaskStatus},
    "succeeded": TaskStatus.SUCCEED,  # the newer API's spelling
}
_from_timestamp: Final = datetime.fromtimestamp  # looked up once: pages hold a thousand times
_NUMBERS: Final[frozenset[Any]] = frozenset({int, float, str})  # not bool
TERMINAL: Final = frozenset({TaskStatus.SUCCEED, TaskStatus.FAILED})


def read_status(value: object) -> TaskStatus | str:
    """Reads a status; an unknown one is kept as text, a missing one becomes "unknown"."""
    if not isinstance(value, str):
        return "unknown"
    return _STATUSES.get(value, value)


@frozen
class Video:
    """One generated video."""

    id: str
    """The video's own id, unique at the service; "" if the answer has none."""

    url: str
    """URL of the file, valid until 30 days after the task ended; it needs no keys."""

    duration: float | None
    """Length in seconds as generated, such as 5.1; None if the answer has no number."""

    watermark_url: str | None = None
    """URL of the marked copy; None if the request's `watermark_info` did not ask for one."""

    raw: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)
    """The mapping as received, with fields that this library does not know."""

    task_id: str = ""
    """Id of the task that made it, to query a fresh URL if this one is refused."""


@frozen
class Image:
    """One generated image."""

    index: int | None
    """Its number among the images of its task, from 0; None if the answer has none."""

    url: str
    """URL of the file, valid until 30 days after the task ended; it needs no keys."""

    watermark_url: str | None = None
    """URL of the marked copy; None if the request's `watermark_info` did not ask for one."""

    raw: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)
    """The mapping as received, with fields that this library does not know."""

    task_id: str = ""
    """Id of the task that made it, to query a fresh URL if this one is refused."""


@frozen
class Audio:
    """One generated sound or speech."""

    id: str
    """The sound's own id; "" if the answer has none."""

    url: str
    """URL of the file, an MP3 if the service offers several; valid until 30 days after the task ended."""

    duration: float | None
    """Length in seconds as generated; None if the answer has no number."""

    wav_url: str | None = None
    """URL of the same sound as WAV; None if the service offers none."""

    raw: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)
    """The mapping as received, with fields that this library does not know."""

    task_id: str = ""
    """Id of the task that made it, to query a fresh URL if this one is refused."""


@frozen
class Task:
    """A task of the service, as it was at one moment."""

    task_id: str
    """The service's id; always text."""

    status: TaskStatus | str
    """One of `TaskStatus`, or the service's own text if it is none of them."""

    status_message: str = ""
    """Reason of a failure, in the service's words."""

    external_task_id: str | None = None
    """The caller's id; None if the answer does not repeat it."""

    created_at: datetime | None = None
    """Time of its creation (UTC, to the millisecond)."""

    updated_at: datetime | None = None
    """Time of its last change (UTC, to the millisecond)."""

    videos: tuple[Video, ...] = ()
    """The videos made; empty before success."""

    images: tuple[Image, ...] = ()
    """The images made; empty before success, and for tasks that make none."""

    audios: tuple[Audio, ...] = ()
    """The sounds made; empty before success, and for tasks that make none."""

    units: float | None = None
    """Units that the task cost (`final_unit_deduction`); None before success, and if the answer does not tell."""

    request_id: str | None = None
    """The service's id of the HTTP request that this answer belongs to."""

    raw: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)
    """The mapping as received."""

    @property
    def has_results(self) -> bool:
        """Whether the answer shows any result: videos, images, audios, or a list of another kind."""
        if self.videos or self.images or self.audios:
            return True
        result = self.raw.get("task_result")
        return isinstance(result, dict) and any(
            isinstance(items, list) and items
            for name, items in result.items()
            if name not in {"videos", "images", "audios"}
        )

    @property
    def is_terminal(self) -> bool:
        """Whether the task has ended."""
        return self.status in TERMINAL

    @property
    def succeeded(self) -> bool:
        """Whether the task has succeeded."""
        return self.status is TaskStatus.SUCCEED

    @property
    def failed(self) -> bool:
        """Whether the task has failed."""
        return self.status is TaskStatus.FAILED

    @property
    def expires_at(self) -> datetime | None:
        """Time at which the service deletes the results: 30 days after the end (UTC); None before the end."""
        if not self.is_terminal or self.updated_at is None:
            return None
        try:
            return self.updated_at + KEPT_FOR
        except OverflowError:  # a date at the end of the calendar
            return None


def read_task(data: object, *, request_id: str | None = None, http_status: int | None = None) -> Task:
    """Reads a task object: the `data` of an answer, a row of a list, or a callback's body.

    Raises:
        MalformedResponseError: It is not an object or has no task id.
    """
    if not isinstance(data, dict):
        raise MalformedResponseError(
            "the task is not an object", http_status=http_status, excerpt=_excerpt(data)
        )
    get = data.get  # a page has hundreds of rows, and most lack one field or another
    task_id = get("task_id")
    if task_id.__class__ is not str or not task_id:
        task_id = _id_text(task_id)
    if task_id is None:
        raise MalformedResponseError(
            "the task has no task_id", http_status=http_status, excerpt=_excerpt(data)
        )
    status, message, units = get("task_status"), get("task_status_msg"), get("final_unit_deduction")
    info, result = get("task_info"), get("task_result")
    known = _STATUSES.get(status) if isinstance(status, str) else None
    external = info.get("external_task_id") if isinstance(info, dict) else None
    videos: tuple[Video, ...] = ()
    images: tuple[Image, ...] = ()
    audios: tuple[Audio, ...] = ()
    if result and isinstance(result, dict):
        videos = _videos(result.get("videos"), task_id)
        if len(result) > 1 or not videos:
            images, audios = _images(result, task_id), _audios(result, task_id)
    return Task(
        task_id,
        read_status(status) if known is None else known,
        message if isinstance(message, str) else "",
        external if external and isinstance(external, str) else _id_text(external),
        _moment(get("created_at")),
        _moment(get("updated_at")),
        videos,
        images,
        audios,
        None if units is None else _number(units),
        request_id,
        data,
    )


def _id_text(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def _moment(value: Any) -> datetime | None:
    """Reads unix milliseconds, given as number or text."""
    milliseconds = value if type(value) is int else _number(value)
    if milliseconds is None:
        return None
    try:
        return _from_timestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _number(value: Any) -> float | None:
    if value.__class__ not in _NUMBERS:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _videos(rows: object, task_id: str) -> tuple[Video, ...]:
    if not isinstance(rows, list):
        return ()
    found = []
    for row in rows:
        url = row.get("url") if isinstance(row, dict) else None
        if url and isinstance(url, str):
            video_id, length, marked = row.get("id"), row.get("duration"), row.get("watermark_url")
            found.append(
                Video(
                    video_id if isinstance(video_id, str) else _id_text(video_id) or "",
                    url,
                    _number(length),
                    None if marked is None else _text(marked),
                    row,
                    task_id,
                )
            )
    return tuple(found)


def _images(result: dict[str, Any], task_id: str) -> tuple[Image, ...]:
    return tuple(
        [
            Image(_index(row.get("index")), row["url"], _text(row.get("watermark_url")), row, task_id)
            for row in _rows(result, "images")
            if _text(row.get("url"))
        ]
    )


def _audios(result: dict[str, Any], task_id: str) -> tuple[Audio, ...]:
    return tuple(
        [
            Audio(
                _id_text(row.get("id")) or "",
                url,
                _number(row.get("duration_mp3", row.get("duration"))),
                _text(row.get("url_wav")),
                row,
                task_id,
            )
            for row in _rows(result, "audios")
            if (url := next(filter(None, map(_text, map(row.get, ("url_mp3", "url", "url_wav")))), None))
        ]
    )


def _rows(result: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = result.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _index(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _excerpt(data: object) -> str:
    try:
        return repr(data)[:400]
    except RecursionError:  # a parser takes a little more nesting than a repr
        return f"a deeply nested {type(data).__name__}"
