"""What a caller of a wait sees: changes as they come, and at the end the task or an error.

Promises: a raising or slow `on_update` never ends or delays anybody's look; failed tasks are errors that hold the task.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from kling_async.errors import TaskFailedError, harmless
from kling_async.polling.watch import Watch, logger
from kling_async.schema.task import Task

OnUpdate: TypeAlias = Callable[[Task], Awaitable[None] | None]
"""Called with the task when its status changes; plain or async."""


async def until_end(watch: Watch, on_update: OnUpdate | None, *, first: Task | None = None) -> Task:
    """Waits for the task's end.

    Args:
        watch: A watch that a poller serves.
        on_update: Called at every change of status, the last one included.

    Returns:
        The task, succeeded.

    Raises:
        TaskFailedError: The task failed.
        KlingError: What else ended the wait.
    """
    if first is not None:
        await notify(on_update, first)
    while True:
        task = await watch.next_change()
        await notify(on_update, task)
        if task.is_terminal:
            return finished(task)


def finished(task: Task) -> Task:
    """The ended task itself, if it succeeded.

    Raises:
        TaskFailedError: It failed.
    """
    if task.failed:
        raise failed(task)
    return task


def failed(task: Task) -> TaskFailedError:
    """The error for a task that ended as failed."""
    reason = harmless(task.status_message, 500) or "the service gave no reason"
    ids = task.task_id if task.external_task_id is None else f"{task.task_id} ({task.external_task_id})"
    return TaskFailedError(f"task {harmless(ids)} failed: {reason}", task=task, task_id=task.task_id)


async def notify(on_update: OnUpdate | None, task: Task) -> None:
    """Calls a caller's callback; what it raises is logged and goes no further."""
    if on_update is None:
        return
    try:
        pending = on_update(task)
        if inspect.isawaitable(pending):
            await pending
    except Exception:  # noqa: BLE001 - a caller's callback can raise anything
        logger.exception("on_update raised for task %s; the wait goes on", task.task_id)
