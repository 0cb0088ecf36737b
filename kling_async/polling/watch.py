"""One waiter's view of one task: what polls showed, and how its wait ended.

Promises: a watch is written to by its own methods alone; a change of status is kept until the waiter takes it; a terminal
state is final; success counts only with a video; a task that is known to exist may be not found for a while; every
error that ends the wait carries the task and its id.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

from attrs import define, field

from kling_async.errors import (
    APIError,
    ClientClosedError,
    KlingError,
    ResultMissingError,
    TaskNotFoundError,
    TaskTimeoutError,
    harmless,
)
from kling_async.polling.schedule import Experience
from kling_async.polling.told import Told
from kling_async.schema.task import Task, TaskStatus

NOT_FOUND_FOR: Final = 60.0
"""Seconds for which a task that is known to exist may be not found before the wait for it ends."""

UNCLEAR_ANSWERS: Final = 3
"""How many answers that may mean "not found" end the wait for an id under which no task was ever seen."""

EMPTY_POLLS: Final = 4
"""How many polls may show success without a video before the wait ends."""

EMPTY_FOR: Final = 10.0
"""Seconds for which they may do so in any case, however close they are."""

logger: Final = logging.getLogger(__name__)


@define(eq=False)
class Watch:
    """One waiter's view of one task. All moments are on the event loop's clock, in seconds."""

    key: str
    """The id that is polled: the service's, or the caller's own."""

    gap: Callable[[float], float]
    """Its schedule: the task's age in, seconds until the next poll out."""

    begun: float
    """When the wait began."""

    born: float
    """When the task's age began."""

    deadline: float
    """When the wait ends; infinite for a wait without limit."""

    due: float
    """When the next poll is due by its own schedule."""

    ripe: float = -math.inf
    """Before this moment its task is unlikely to end, by what was learnt from others of its kind."""

    task: Task | None = None
    """The task as last seen."""

    known: bool = False
    """Whether the service is known to have the task."""

    own_id: bool = False
    """Whether `key` is known to be the service's own id, so that an answer without it is about another task."""

    seen_at: float = -math.inf
    """When a poll was last answered for it."""

    created: float = math.nan
    """When the service created the task, in unix seconds by the service's clock; NaN until known."""

    checked_at: float = -math.inf
    """When a single GET was last made beside the pages that show it."""

    status: str | None = None
    """The status as it was last received; None if the next poll is news in any case."""

    failures: int = 0
    """How many polls in a row failed with a transient error."""

    retry_at: float = -math.inf
    """After such a failure, when the next poll is due."""

    told: Told = field(factory=Told)
    """What callbacks have told of its task."""

    stretch: float = 1.0
    """By how much its gaps are longer than its schedule says, as one of many that only single GETs can serve."""

    gone: bool = False
    """Whether its waiter has left."""

    ended: bool = False
    """Whether a terminal state or an error has come; what comes later changes nothing."""

    error: BaseException | None = None
    """What ended the wait."""

    changes: list[Task] = field(factory=list)
    """Changes of status that the waiter has not taken yet."""

    _not_found_since: float | None = None
    _not_found_at: float = -math.inf
    _unclear_answers: int = 0
    _empty_polls: int = 0
    _empty_since: float | None = None
    _waiter: asyncio.Future[None] | None = None

    def __attrs_post_init__(self) -> None:
        self._note_creation()

    @property
    def over(self) -> bool:
        """Whether nothing has to be polled for it any more."""
        return self.ended or self.gone

    @property
    def latest(self) -> float:
        """The age in seconds by which its task has probably ended, by what was learnt from others of its kind."""
        return self.gap.latest if isinstance(self.gap, Experience) else math.inf

    @property
    def finished(self) -> bool:
        """Whether its task was seen to have ended, well or not."""
        return self.ended and self.error is None

    @property
    def ids(self) -> str:
        """Every id by which the task can be asked for again, made harmless."""
        external_id = None if self.task is None else self.task.external_task_id
        return harmless(self.key if external_id in {None, self.key} else f"{self.key} ({external_id})")

    def gap_at(self, now: float) -> float:
        """Seconds from `now` until its next poll, by its schedule or by `told`; a schedule that raises ends the wait."""
        try:
            age = now - self.born
            own = self.gap(age)
            return self.told.gap(own, age, self.latest) if self.told.at_least else own
        except Exception as error:  # noqa: BLE001 - a caller's schedule; its error belongs to its own wait
            self.end(error)
            return math.inf

    def next_due(self) -> float:
        """When its next poll is due by its own schedule or because of a callback, as things stand."""
        if self.failures:
            return self.retry_at
        own = (
            self.due if self.seen_at == -math.inf else self.seen_at + self.stretch * self.gap_at(self.seen_at)
        )
        return min(own, self.told.due)

    def pace(self, stretch: float) -> None:
        """Sets by how much its gaps are longer than its schedule says."""
        self.stretch = stretch

    def plan(self, due: float) -> None:
        """Sets the moment of its next poll."""
        self.due = due

    def check(self, now: float) -> None:
        """Records that a single GET is made beside the pages that show it."""
        self.checked_at = now

    def leave(self) -> None:
        """Records that its waiter has left."""
        self.gone = True

    def unchanged(self, status: object, now: float) -> bool:
        """Updates the watch from a list row, if the row's status is the one that was last seen.

        Args:
            status: The status as received.
            now: The event loop's time in seconds.

        Returns:
            Whether it is; otherwise nothing is updated.
        """
        if self.status != status:
            return False
        self.seen_at = now
        if self.failures:
            self.failures = 0
        return True

    def see(self, task: Task, now: float) -> None:
        """Updates the watch from a polled task.

        Args:
            task: The task as shown.
            now: The event loop's time in seconds.
        """
        if self.ended:
            return
        self.seen_at = now
        self.failures = self._unclear_answers = 0
        self.known = True
        empty = task.succeeded and not task.has_results
        status = task.raw.get("task_status")
        self.status = status if isinstance(status, str) and not empty else None
        if empty:
            self._see_no_video(task, now)
            return
        changed = self.task is None or task.status != self.task.status
        self.task = task
        self._note_creation()
        if changed or task.is_terminal:
            if not isinstance(task.status, TaskStatus):
                logger.warning(
                    "task %s has the unknown status %r; waiting on", self.ids, harmless(task.status)
                )
            self.ended = task.is_terminal
            self.changes.append(task)
            self._wake()

    def _note_creation(self) -> None:
        if self.task is not None and self.task.created_at is not None:
            self.created = self.task.created_at.timestamp()

    def _see_no_video(self, task: Task, now: float) -> None:
        self.task = task
        self._empty_polls += 1
        if self._empty_since is None:
            self._empty_since = now
        empty_for = now - self._empty_since
        if self._empty_polls >= EMPTY_POLLS and empty_for >= EMPTY_FOR:
            message = f"task {self.ids} succeeded, but {self._empty_polls} polls over {empty_for:.0f} s showed no video"
            self.end(ResultMissingError(message, task=task, task_id=task.task_id))

    def not_found(self, error: APIError, now: float) -> None:
        """Records that a poll did not find the task.

        A task that is known to exist may be not found for `NOT_FOUND_FOR` seconds. For an id under which no task was
        ever seen, "not found" ends the wait at once, and `UNCLEAR_ANSWERS` answers whose text says something else.

        Args:
            error: The service's answer, with one of the codes that can mean "not found".
            now: The event loop's time in seconds.
        """
        if self._not_found_since is None or self.seen_at > self._not_found_at:
            self._not_found_since = now
        self.seen_at = self._not_found_at = now
        self.failures = 0
        self._unclear_answers += 1
        if self.known:
            missing_for = now - self._not_found_since
            if missing_for >= NOT_FOUND_FOR:
                self._end_not_found(error, f"task {self.ids} was not found for {missing_for:.0f} s")
        elif isinstance(error, TaskNotFoundError) or self._unclear_answers >= UNCLEAR_ANSWERS:
            self._end_not_found(error, f"no task has the id {self.ids}")

    def _end_not_found(self, error: APIError, what: str) -> None:
        kind = error if isinstance(error, TaskNotFoundError) else _as_not_found(error)
        self.end(kind.ended_wait(self.task, self.key, f"{what}: {error}"))

    def poll_failed(self, retry_at: float) -> None:
        """Records that a poll failed with a transient error.

        Args:
            retry_at: When the next poll is due, on the event loop's clock in seconds.
        """
        self.failures += 1
        self.retry_at = retry_at

    def refuse(self, error: KlingError) -> None:
        """Ends the wait with an error of a poll that no later poll can mend."""
        text = f"{error}; this ended the wait for task {self.ids}, which may go on"
        self.end(error.ended_wait(self.task, self.key, text))

    def expire(self, now: float) -> None:
        """Ends the wait at its deadline."""
        self.end(self.timed_out(now))

    def timed_out(self, now: float) -> TaskTimeoutError:
        """The error for a wait that ends now because its deadline has come."""
        waited = _seconds(now - self.begun)
        if self.task is None:
            message = (
                f"no poll showed task {self.ids} within {waited} s; if it exists, it goes on at the service"
            )
        else:
            status = harmless(str(self.task.status))
            message = (
                f"task {self.ids} is still {status} after a wait of {waited} s; it goes on at the service"
            )
        return TaskTimeoutError(
            f"{message}, wait for {harmless(self.key)} again", task=self.task, task_id=self.key
        )

    def close(self) -> None:
        """Ends the wait because the client is closed."""
        message = (
            f"the client was closed while task {self.ids} was waited for; the task goes on at the service"
        )
        self.end(ClientClosedError(message, task=self.task, task_id=self.key))

    def end(self, error: BaseException) -> None:
        """Ends the wait with an error, after the changes that came before it; a foreign one gets a note with the ids."""
        if self.ended:
            return
        self.ended = True
        self.error = error if isinstance(error, KlingError) else _copy(error)
        if isinstance(error, KlingError) and error.task_id is None:
            self.error = error.ended_wait(
                self.task, self.key, f"{error} (while task {self.ids} was waited for)"
            )
        elif not isinstance(error, KlingError):
            self.error.add_note(f"it ended the wait for task {self.ids}, which may go on at the service")
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next_change(self) -> Task:
        """The task at its next change of status, or at the first poll that shows it.

        Raises:
            KlingError: What ended the wait.
        """
        while not self.changes:
            if self.error is not None:
                raise self.error
            await self._something_new()
        return self.changes.pop(0)

    async def done_or_broken(self, work: asyncio.Future[None]) -> None:
        """Waits until `work` is done or an error has ended the wait, whichever comes first."""
        work.add_done_callback(lambda _: self._wake())
        while not work.done() and self.error is None:
            await self._something_new()

    async def _something_new(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None


def _as_not_found(error: APIError) -> TaskNotFoundError:
    return TaskNotFoundError(
        error.code,
        error.message,
        http_status=error.http_status,
        request_id=error.request_id,
        retry_after=error.retry_after,
    )


def _copy(error: BaseException) -> BaseException:
    """A foreign error that several waits end with, as one that this wait has for itself."""
    try:
        copy = type(error).__new__(type(error), *error.args)
    except Exception:  # noqa: BLE001 - a foreign class may refuse to be made; then its instance is shared
        return error
    vars(copy).update(vars(error))
    copy.__notes__ = list(getattr(error, "__notes__", []))
    copy.__cause__ = error.__cause__
    return copy.with_traceback(error.__traceback__)


def _seconds(value: float) -> str:
    """Seconds with three digits that count, whole from 100 on."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
