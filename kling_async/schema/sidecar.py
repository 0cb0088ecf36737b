"""A result's sidecar: `007-cat.json` beside `007-cat.mp4`, what was asked for and what came of it.

Promises: no I/O; a sidecar holds no key, no signed URL and no picture's bytes. Pictures are files named relative to the
sidecar's folder, so that folders that are moved together stay right, or URLs without their query; `callback_url` and the
results' own URLs, which grant access and run out, are left out. Reading is total: whatever a file holds, it is a sidecar
or a `ValidationError`.

A job that failed has a sidecar and no video. The request's fields have the API reference's names, so that they are an entry
of a manifest that lies in the same folder, unless a picture was given as bytes or by a signed URL.

    {
      "sidecar": 1,
      "name": "007-cat",
      "number": 7,
      "endpoint": "/v1/videos/image2video",
      "status": "succeed",
      "reason": null,
      "request": {"model_name": "kling-v2-6", "image": "../stills/cat.jpg", "prompt": "the cat stands up"},
      "task_id": "…",
      "external_task_id": "…",
      "created_at": "2026-11-24T15:30:00.000+00:00",
      "updated_at": "2026-11-24T15:32:10.000+00:00",
      "video": "007-cat.mp4",
      "video_id": "…",
      "video_seconds": 5.0
    }
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args

from attrs import field, fields, frozen
from yarl import URL

from kling_async.errors import Problem, ValidationError, harmless
from kling_async.schema.images import ImageBase64, ImageBytes, ImageFile, ImageURL
from kling_async.schema.task import Task

FORMAT: Final = 1
"""Version of the format; a sidecar of a newer one is refused."""

LONGEST: Final = 1024 * 1024
"""Bytes of the largest sidecar that is worth reading; an honest one has a few thousand."""

Status = Literal["succeed", "failed"]
"""How the job ended."""

_URL: Final = re.compile(r"https?://[^\s]+", re.IGNORECASE)
_LEFT_OUT: Final = frozenset({"callback_url", "external_task_id"})


@frozen(kw_only=True)
class Sidecar:
    """What is known of one ended job."""

    name: str
    """Name of its files without a suffix, such as `007-cat`."""

    number: int | None = None
    """Its row in the batch; the first is 1. None if it is not known."""

    endpoint: str
    """Path of the endpoint that it was for."""

    status: Status
    """How it ended: `succeed` or `failed`."""

    reason: str | None = None
    """Why it failed; None for a success."""

    request: Mapping[str, Any] = field(factory=dict, hash=False)
    """What was asked for, by the API reference's names; pictures as text, see `portable`."""

    task_id: str | None = None
    """The service's id; None if no task was created."""

    external_task_id: str | None = None
    """The job's own id."""

    created_at: datetime | None = None
    """Time of the task's creation (UTC)."""

    updated_at: datetime | None = None
    """Time of its end (UTC)."""

    video: str | None = None
    """Name of the video's file in the same folder; None for a failure."""

    video_id: str | None = None
    """The video's own id, by which it can be made longer."""

    video_seconds: float | None = None
    """Length of the video in seconds, as generated; None if it is not known."""

    @property
    def seconds(self) -> float | None:
        """Seconds that the service took, from the task's creation to its end; None if it is not known."""
        if self.created_at is None or self.updated_at is None:
            return None
        return max(0.0, (self.updated_at - self.created_at).total_seconds())

    @property
    def image(self) -> str | None:
        """The first frame: a path relative to the sidecar's folder, or a URL; None if there is none, or only bytes."""
        return _text(self.request.get("image"))

    @property
    def image_tail(self) -> str | None:
        """The last frame, as `image`."""
        return _text(self.request.get("image_tail"))

    def document(self) -> dict[str, Any]:
        """Returns the sidecar as JSON takes it."""
        values = {each.name: getattr(self, each.name) for each in fields(type(self))}
        for name in ("created_at", "updated_at"):
            moment = values[name]
            values[name] = None if moment is None else moment.isoformat(timespec="milliseconds")
        return {"sidecar": FORMAT, **values, "request": dict(self.request)}

    @classmethod
    def read(cls, document: object) -> Self:
        """Reads a sidecar's document.

        Args:
            document: Whatever JSON a file holds.

        Raises:
            ValidationError: It is not a sidecar, is of a newer format, or names a video outside its folder.
        """
        if not isinstance(document, Mapping) or document.get("sidecar") != FORMAT:
            raise _wrong(
                "sidecar", f"is not {FORMAT}: this file is not a result's sidecar, or of a newer version"
            )
        get = document.get
        number, request = get("number"), get("request")
        name, endpoint, status, video = (get(each) for each in ("name", "endpoint", "status", "video"))
        if not isinstance(name, str) or not isinstance(endpoint, str):
            raise _wrong("name", "is missing, or endpoint is")
        if status not in get_args(Status):
            raise _wrong("status", f"is neither {' nor '.join(get_args(Status))}")
        if video is not None and not is_plain_name(video):
            raise _wrong("video", "is not the name of a file in the same folder")
        return cls(
            name=name,
            number=number if isinstance(number, int) and not isinstance(number, bool) else None,
            endpoint=endpoint,
            status="succeed" if status == "succeed" else "failed",
            reason=_text(get("reason")),
            request=dict(request) if isinstance(request, Mapping) else {},
            task_id=_text(get("task_id")),
            external_task_id=_text(get("external_task_id")),
            created_at=_moment(get("created_at")),
            updated_at=_moment(get("updated_at")),
            video=video,
            video_id=_text(get("video_id")),
            video_seconds=_length(get("video_seconds")),
        )


def sidecar_of(
    video: Path,
    endpoint: str,
    request: Mapping[str, Any],
    *,
    task: Task | None = None,
    external_task_id: str | None = None,
    reason: str | None = None,
    number: int | None = None,
) -> Sidecar:
    """Makes the sidecar of an ended job.

    Args:
        video: Where its video is, or would be.
        endpoint: Path of the endpoint.
        request: The request's document, or its record in a journal.
        task: The task as it ended; None if none was created.
        external_task_id: The job's own id; None: the task's.
        reason: Why it failed; None for a success.
        number: Its row in the batch; the first is 1.
    """
    made = task.videos[0] if task is not None and task.videos and reason is None else None
    return Sidecar(
        name=video.stem,
        number=number,
        endpoint=endpoint,
        status="succeed" if reason is None else "failed",
        reason=None if reason is None else harmless(reason, 2000),
        request=portable(request, video.parent),
        task_id=None if task is None else task.task_id,
        external_task_id=external_task_id or (None if task is None else task.external_task_id),
        created_at=None if task is None else task.created_at,
        updated_at=None if task is None else task.updated_at,
        video=video.name if reason is None else None,
        video_id=None if made is None else made.id or None,
        video_seconds=None if made is None else made.duration,
    )


def portable(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Returns a request without what is secret or only holds on this machine.

    Args:
        request: The request's document with its pictures as they were given, or a journal's record of it.
        folder: The sidecar's folder; pictures are named relative to it, with `/` between the parts.

    Returns:
        The fields by the API reference's names. A picture is a text: the path of its file, or its URL without
        query, fragment and user; one that was given as bytes is `{"bytes": length}`.
    """
    return {name: _portable(value, folder) for name, value in request.items() if name not in _LEFT_OUT}


def is_plain_name(name: object) -> bool:
    """Returns whether this is the name of a file in the same folder, whatever the system."""
    return isinstance(name, str) and name not in {"", ".", ".."} and not re.search(r"[/\\:\x00-\x1f]", name)


def _portable(value: Any, folder: Path) -> Any:
    if isinstance(value, ImageFile):
        return _relative(value.path, folder)
    if isinstance(value, ImageBytes | ImageBase64):
        return {"bytes": value.size}
    if isinstance(value, Mapping):
        return _portable_mapping(value, folder)
    if isinstance(value, list | tuple):
        return [_portable(item, folder) for item in value]
    text = value.url if isinstance(value, ImageURL) else value
    return _without_query(text) if isinstance(text, str) and _URL.fullmatch(text) else text


def _portable_mapping(value: Mapping[str, Any], folder: Path) -> Any:
    if set(value) == {"path", "sha256"}:  # as a journal records a file, and below as it records bytes
        return _relative(Path(str(value["path"])), folder)
    if set(value) == {"sha256", "size"}:
        return {"bytes": value["size"]}
    return {name: _portable(item, folder) for name, item in value.items()}


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return path.absolute().as_posix()


def _without_query(text: str) -> str:
    try:
        return str(URL(text, encoded=True).with_query(None).with_fragment(None).with_user(None))
    except ValueError:
        return text.partition("?")[0].partition("#")[0]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _length(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value < 1e9 else None  # written this way round so that NaN is none


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo is not None else None


def _wrong(path: str, message: str) -> ValidationError:
    return ValidationError([Problem(path, message)])
