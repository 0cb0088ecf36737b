"""A task as the service shows it: in a create's answer, in a query's, and in a callback.

Pure. Follows facts.md, section 6: `task_info` if there is something to tell, `task_result` on
success alone.
"""

import uuid
from typing import Any

from kling_async.emulator.service.states import Status, Task

VIDEO_NAMES = uuid.UUID("8f0c3c1e-2d5b-4a0e-9b1d-6f1b2f7a5c33")
"""Video ids are derived from task ids, so that every poll shows the same."""


def task_created(task: Task) -> dict[str, Any]:
    """Returns the `data` of a create's answer; a task is always new in it."""
    shown: dict[str, Any] = {"task_id": task.task_id, "task_status": Status.SUBMITTED}
    if task.external_task_id is not None:
        shown["task_info"] = {"external_task_id": task.external_task_id}
    return {**shown, "created_at": task.created_at, "updated_at": task.created_at}


def task_shown(task: Task, url: str) -> dict[str, Any]:
    """Returns the task object of a query, a list's row and a callback.

    Args:
        task: What to show.
        url: The emulator's address, without a slash at its end.
    """
    shown: dict[str, Any] = {
        "task_id": task.task_id,
        "task_status": task.status,
        "task_status_msg": task.status_message,
    }
    if task.external_task_id is not None:
        shown["task_info"] = {"external_task_id": task.external_task_id}
    if task.status is Status.SUCCEED:
        shown["task_result"] = {"videos": [_video(task, url)]}
    return {**shown, "created_at": task.created_at, "updated_at": task.updated_at}


def _video(task: Task, url: str) -> dict[str, str]:
    """The result; its length is text and a little more than was asked for, as the service's is."""
    return {
        "id": str(uuid.uuid5(VIDEO_NAMES, task.task_id)),
        "url": f"{url}/_emulator/videos/{task.task_id}.mp4",
        "duration": f"{task.body.get('duration', '5')}.1",
    }
