"""One waiter's view of one task: what it was shown, when it wants to look again, and how its wait ended.

Promises: a change of status is kept until the waiter takes it; a terminal state is sticky; success counts only with a
video; a task that is known to exist may be missing for a while.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

from attrs import define, field

from kling_async.errors import ResultMissingError, TaskNotFoundError, TaskTimeoutError, harmless
from kling_async.schema.task import Task, TaskStatus

MISSING_FOR: Final = 60.0
"""Seconds for which a task that is known to exist may be missing before the wait for it ends."""

EMPTY_LOOKS: Final = 4
"""How many looks may show success without a video before the wait ends."""

logger: Final = logging.getLogger("kling_async")


@define(eq=False)
class Watch:
    """One waiter's view of one task."""

    key: str
    """The id that it was asked for by: the service's, or the caller's own."""

    gap: Callable[[float], float]
    """Its schedule."""

    born: float
    """When its age began, on the event loop's clock in seconds."""

    deadline: float
    """When its wait ends, on the same clock; infinite for a wait without end."""

    due: float
    """When its next look is due, on the same clock."""

    task: Task | None
    """The task as last seen."""

    seen_at: float = -math.inf
    """When the last look showed it."""

    word: str | None = None
    """The status word that was last seen, as it came."""

    ticket: int = -1
    """Its place in the poller's queue; -1 while it has none."""

    gone: bool = False
    """Whether its waiter has left."""

    ended: bool = False
    """Whether a terminal state or an error has come; what comes later changes nothing."""

    known: bool = False
    """Whether the service is known to have the task."""

    failures: int = 0
    """Looks in a row that failed with a transient error."""

    error: BaseException | None = None
    """What ended the wait."""

    changes: list[Task] = field(factory=list)
    """What the waiter has not taken yet."""

    _missing_since: float | None = None
    _missed_at: float = -math.inf
    _empty_looks: int = 0
    _waiter: asyncio.Future[None] | None = None

    @property
    def ids(self) -> str:
        """Every id by which the task can be asked for again."""
        external_id = None if self.task is None else self.task.external_task_id
        return self.key if external_id in {None, self.key} else f"{self.key} ({external_id})"

    def gap_at(self, now: float) -> float:
        """Seconds from now until its next look, by its schedule; a schedule that raises ends the wait."""
        try:
            return self.gap(now - self.born)
        except Exception as error:  # noqa: BLE001 - a caller's schedule; its error belongs to its own wait
            self.end(error)
            return math.inf

    def see(self, task: Task, now: float) -> None:
        """Takes what a look showed.

        Args:
            task: The task as shown.
            now: The event loop's time in seconds.
        """
        self.seen_at = now
        self.failures = 0
        self.known = True
        if task.succeeded and not task.videos:
            self._see_no_video(task)
            return
        changed = self.task is None or task.status != self.task.status
        self.task = task
        if changed or task.is_terminal:
            if not isinstance(task.status, TaskStatus):
                logger.warning(
                    "task %s has the unknown status %r; waiting on", task.task_id, harmless(task.status)
                )
            self.ended = task.is_terminal
            self.changes.append(task)
            self.wake()

    def _see_no_video(self, task: Task) -> None:
        self.task = task
        self._empty_looks += 1
        if self._empty_looks >= EMPTY_LOOKS:
            message = f"task {task.task_id} succeeded, but {EMPTY_LOOKS} looks showed no video"
            self.end(ResultMissingError(message, task=task, task_id=task.task_id))

    def miss(self, error: TaskNotFoundError, now: float) -> None:
        """Takes that a look did not find the task.

        Args:
            error: The service's answer; ends the wait at once where the task was never seen.
            now: The event loop's time in seconds.
        """
        if self._missing_since is None or self.seen_at > self._missed_at:
            self._missing_since = now
        self.seen_at = self._missed_at = now
        if not self.known or now - self._missing_since >= MISSING_FOR:
            self.end(error.about(self.ids))

    def expire(self, now: float) -> None:
        """Ends the wait at its deadline."""
        key = harmless(self.ids)
        last = "was never seen" if self.task is None else f"is still {harmless(str(self.task.status))}"
        message = f"task {key} {last} after {now - self.born:.0f} s; it goes on at the service, wait for {key} again"
        self.end(TaskTimeoutError(message, task=self.task, task_id=self.key))

    def wake(self) -> None:
        """Lets the waiter see what is new."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def end(self, error: BaseException) -> None:
        """Ends the wait with an error, after the changes that came before it."""
        if not self.ended:
            self.ended = True
            self.error = error
            self.wake()

    async def next_change(self) -> Task:
        """The task at its next change of status, or at the first look.

        Raises:
            KlingError: What ended the wait.
        """
        while not self.changes:
            if self.error is not None:
                raise self.error
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self.changes.pop(0)
