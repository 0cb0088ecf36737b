"""A task as the service shows it: in a create's answer, in a query's, and in a callback.

Pure. Follows facts.md, section 6, and family.md, section 1: `task_info` always, `task_result` on success alone.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from kling_async.emulator.service.billing import deduction
from kling_async.emulator.service.states import Status, Task
from kling_async.emulator.videos.scene import lasting
from kling_async.emulator.videos.sound import mp3_seconds

NAMES = uuid.UUID("8f0c3c1e-2d5b-4a0e-9b1d-6f1b2f7a5c33")
"""Results' ids are derived from task ids, so that every poll shows the same."""


def task_created(task: Task) -> dict[str, Any]:
    """Returns the `data` of a create's answer; a task is always new in it."""
    return {
        "task_id": task.task_id,
        "task_status": Status.SUBMITTED,
        "task_info": _info(task, ""),
        "created_at": task.created_at,
        "updated_at": task.created_at,
    }


def task_shown(task: Task, url: str) -> dict[str, Any]:
    """Returns the task object of a query, a list's row and a callback.

    Args:
        task: What to show.
        url: Where its files are, without a slash at its end.
    """
    shown: dict[str, Any] = {
        "task_id": task.task_id,
        "task_status": task.status,
        "task_status_msg": task.status_message,
        "task_info": _info(task, url),
    }
    if task.marked:
        shown["watermark_info"] = {"enabled": True}
    if task.status is Status.SUCCEED:
        shown["task_result"] = {name: _RESULTS[name](task, url) for name in task.product.results}
        shown["final_unit_deduction"] = deduction(task)
    return {**shown, "created_at": task.created_at, "updated_at": task.updated_at}


def _info(task: Task, url: str) -> dict[str, Any]:
    info: dict[str, Any] = {}
    if task.product.parented and url:
        parent = task.parent
        given = {
            "id": str(task.body.get("video_id", "")),
            "url": str(task.body.get("video_url", "")),
            "duration": "",
        }
        info["parent_video"] = given if parent is None else _video(parent, url)
    if task.external_task_id is not None:
        info["external_task_id"] = task.external_task_id
    return info


def video_id(task: Task) -> str:
    """The id of a task's video."""
    return str(uuid.uuid5(NAMES, task.task_id))


def _video(task: Task, url: str) -> dict[str, str]:
    """A result; its length is text and a little more than was asked for, as the service's is."""
    shown = {"id": video_id(task), "url": f"{url}/_emulator/videos/{task.task_id}.mp4"}
    if task.marked:
        shown["watermark_url"] = f"{url}/_emulator/videos/{task.task_id}-marked.mp4"
    if task.product.timed:
        shown["duration"] = f"{lasting(task.seconds):.1f}"
    return shown


def _videos(task: Task, url: str) -> list[dict[str, str]]:
    video = _video(task, url)
    if task.product.path == "/v1/videos/multi-elements":
        video["session_id"] = str(task.body.get("session_id", ""))
    return [video]


def _images(task: Task, url: str) -> list[dict[str, Any]]:
    return [_image(task, url, index) for index in range(task.product.images(task.body))]


def _image(task: Task, url: str, index: int) -> dict[str, Any]:
    address = f"{url}/_emulator/images/{task.task_id}-{index}"
    shown: dict[str, Any] = {"index": index, "url": f"{address}.png"}
    if task.marked:
        shown["watermark_url"] = f"{address}-marked.png"
    return shown


def _audios(task: Task, url: str) -> list[dict[str, str]]:
    address = f"{url}/_emulator/audios/{task.task_id}"
    return [
        {
            "id": str(uuid.uuid5(NAMES, f"{task.task_id}/audio")),
            "url_mp3": f"{address}.mp3",
            "url_wav": f"{address}.wav",
            "duration_mp3": f"{mp3_seconds(task.seconds):.3f}",
            "duration_wav": f"{task.seconds:.1f}",
        }
    ]


def _voices(task: Task, url: str) -> list[dict[str, str]]:
    return [
        {
            "voice_id": str(860_000_000 + task.number),
            "voice_name": str(task.body.get("voice_name", "")),
            "trial_url": f"{url}/_emulator/audios/{task.task_id}.mp3",
            "owned_by": "me",
        }
    ]


def _elements(task: Task, _: str) -> list[dict[str, Any]]:
    name, description = (str(task.body.get(f"element_{part}", "")) for part in ("name", "description"))
    return [
        {
            "element_id": 870_000_000 + task.number,
            "element_name": name,
            "element_description": description,
            "status": "succeed",
        }
    ]


_RESULTS: Mapping[str, Any] = {
    "videos": _videos,
    "images": _images,
    "audios": _audios,
    "voices": _voices,
    "elements": _elements,
}
