"""What goes to stdout: tasks as lines for people and as documents for machines.

Promises: JSON is ASCII, so that any pipe takes it; text of the service is stripped of control and bidi characters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from kling_async.errors import harmless

if TYPE_CHECKING:
    from kling_async.schema.task import Task

_RESULTS: Final = frozenset({"videos", "images", "audios"})


def put(text: str) -> None:
    """Writes one line to stdout."""
    click.echo(text)


def put_json(document: Mapping[str, Any]) -> None:
    """Writes one JSON document to stdout, on one line."""
    click.echo(json.dumps(document))


def task_document(task: Task) -> dict[str, Any]:
    """A task for machines: its fields by the API reference's names, times in ISO 8601."""
    document: dict[str, Any] = {
        "task_id": task.task_id,
        "task_status": str(task.status),
        "task_status_msg": task.status_message,
        "external_task_id": task.external_task_id,
        "created_at": _iso(task.created_at),
        "updated_at": _iso(task.updated_at),
        "expires_at": _iso(task.expires_at),
        "videos": [{"id": video.id, "url": video.url, "duration": video.duration} for video in task.videos],
    }
    if task.images:
        document["images"] = [{"index": image.index, "url": image.url} for image in task.images]
    if task.audios:
        document["audios"] = [
            {"id": audio.id, "url": audio.url, "duration": audio.duration} for audio in task.audios
        ]
    return document


def results_of(task: Task) -> int:
    """How many files a task has made."""
    return len(task.videos) + len(task.images) + len(task.audios)


def task_lines(task: Task) -> list[str]:
    """A task for people, one `name: value` a line."""
    document = task_document(task)
    lines = [f"{name}: {shown(value)}" for name, value in document.items() if value and name not in _RESULTS]
    for video in task.videos:
        lines += [f"video: {shown(video.url)} ({video.duration} s)", f"video_id: {shown(video.id)}"]
    lines += [f"image: {shown(image.url)}" for image in task.images]
    return [*lines, *(f"audio: {shown(audio.url)} ({audio.duration} s)" for audio in task.audios)]


def task_row(task: Task) -> str:
    """A task on one line: id, status, last change and external id, with tabs between."""
    cells = (task.task_id, task.status, _iso(task.updated_at) or "-", task.external_task_id or "-")
    return "\t".join(map(shown, cells))


def shown(value: object) -> str:
    """Text from outside, without what could mislead a terminal."""
    return harmless(str(value), 2000)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")
