"""What the caller of a wait gets: changes as they come, and at the end the task or an error.

Promises: an `on_update` that raises, or that awaits something cancelled, is logged and the wait goes on; a slow one is
cancelled at the wait's deadline; no `on_update` delays anybody else's poll; a task that failed is an error that holds it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from kling_async.errors import TaskFailedError, harmless
from kling_async.polling.watch import Watch
from kling_async.schema.task import Task

OnUpdate: TypeAlias = Callable[[Task], Awaitable[None] | None]
"""Called with the task when its status changes; plain or async."""

logger: Final = logging.getLogger(__name__)


async def until_end(watch: Watch, on_update: OnUpdate | None, *, first: Task | None = None) -> Task:
    """Waits for the task's end.

    Args:
        watch: A watch that a poller serves.
        on_update: Called at every change of status, the last one included.
        first: A task that was just accepted; `on_update` is called with it before any poll.

    Returns:
        The task, succeeded.

    Raises:
        TaskFailedError: The task failed.
        TaskTimeoutError: The deadline came first, during `on_update` or not.
        KlingError: What else ended the wait.
    """
    if first is not None:
        await notify(on_update, first, watch)
    while True:
        task = await watch.next_change()
        await notify(on_update, task, watch)
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


async def notify(on_update: OnUpdate | None, task: Task, watch: Watch) -> None:
    """Calls a caller's callback; what it raises is logged and goes no further.

    An awaitable that it returns runs in a task of its own. It is cancelled when the caller of this function is, when an
    error ends the wait, and at the wait's deadline.

    Args:
        on_update: The callback, if there is one.
        task: What it is told.
        watch: The wait that it belongs to.

    Raises:
        TaskTimeoutError: The deadline came while it ran, and the task is not known to have ended.
    """
    if on_update is None:
        return
    try:
        pending = on_update(task)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a caller's callback can raise anything
        _log_failure(task, error)
        return
    if inspect.isawaitable(pending):
        await _bounded(pending, task, watch)


async def _bounded(pending: Awaitable[None], task: Task, watch: Watch) -> None:
    loop = asyncio.get_running_loop()
    work = loop.create_task(_awaited(pending, task), name="kling-on-update")
    try:
        async with asyncio.timeout_at(None if watch.deadline == math.inf else watch.deadline):
            await watch.done_or_broken(work)
    except TimeoutError:
        if not watch.finished:
            raise watch.timed_out(loop.time()) from None
        logger.warning("on_update was cut off at the deadline of the wait for task %s", watch.ids)
    finally:
        work.cancel()  # has no effect on one that is done
        if inspect.iscoroutine(pending) and inspect.getcoroutinestate(pending) == inspect.CORO_CREATED:
            pending.close()  # the deadline came before it could begin


async def _awaited(pending: Awaitable[None], task: Task) -> None:
    """Awaits a caller's awaitable; only a cancellation of the task that this runs in leaves it."""
    try:
        await pending
    except asyncio.CancelledError as error:
        this = asyncio.current_task()
        if this is not None and this.cancelling():
            raise
        _log_failure(task, error)
    except Exception as error:  # noqa: BLE001 - a caller's callback can raise anything
        _log_failure(task, error)


def _log_failure(task: Task, error: BaseException) -> None:
    logger.error("on_update raised for task %s; the wait goes on", harmless(task.task_id), exc_info=error)
