"""One job's life: slot, create, wait.

Promises: the slot is held until a terminal state was seen, on every path. A job whose caller went away or lost patience
leaves its task running at the service, so its slot stays with a minder that looks on until the task has ended.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self, TypeAlias, TypeVar

import anyio
from attrs import define

from kling_async.errors import (
    AccountError,
    AuthenticationError,
    ConcurrencyLimitError,
    ConfigurationError,
    KlingError,
    ResultMissingError,
    SubmissionUnknownError,
    TaskError,
    TaskFailedError,
    TaskNotFoundError,
)
from kling_async.jobs.slots import Slot, SlotLimiter
from kling_async.schema.task import Task
from kling_async.session import retry
from kling_async.session.submit import SETTLE, new_external_id
from kling_async.session.upload import Request

MINDED_AGAIN: Final = 60.0
"""Seconds after which a minder whose look was refused for good looks again."""

STOPS_CREATING: Final = (AccountError, AuthenticationError)
"""Errors after which no create can succeed until somebody changes the account or the keys."""


RequestT = TypeVar("RequestT", bound=Request)
Create: TypeAlias = Callable[[], Awaitable[Task]]


def identified(request: RequestT) -> RequestT:
    """The request with an external id, a new one where it has none."""
    if request.external_task_id is not None:
        return request
    return request.with_external_task_id(new_external_id())


class Progress:
    """What a job tells whoever started it; by itself it tells nobody."""

    __slots__ = ()

    def on_slot(self) -> None:
        """It holds its slot."""

    def on_accepted(self) -> None:
        """Its task exists."""


class Minders:
    """Holds the slots of tasks that run on without a caller, until they end.

    Args:
        until_end: Waits for a task's end, by either id, however long it takes.
    """

    def __init__(self, until_end: Callable[[str], Awaitable[object]]) -> None:
        self._until_end = until_end
        self._tasks: set[asyncio.Task[None]] = set()

    def mind(self, task_id: str, slots: tuple[Slot, ...]) -> None:
        """Takes over the slots of a task that may run on."""
        loop = asyncio.get_running_loop()
        minder = loop.create_task(self._mind(task_id, slots), context=contextvars.Context())
        self._tasks.add(minder)
        minder.add_done_callback(self._tasks.discard)

    async def _mind(self, task_id: str, slots: tuple[Slot, ...]) -> None:
        try:
            await self._look_on(task_id)
        finally:
            _release(slots)

    async def _look_on(self, task_id: str) -> None:
        settled = anyio.current_time() + SETTLE
        while True:
            try:
                await self._until_end(task_id)
            except TaskNotFoundError:
                if anyio.current_time() >= settled:
                    return
                await anyio.sleep(SETTLE / 10)  # a create that was cancelled may still be on its way
            except (TaskError, ConfigurationError):
                return  # it has ended, or nothing more can be learnt of it
            except KlingError:
                await anyio.sleep(MINDED_AGAIN)  # the account or the keys: it holds its slot all the same
            else:
                return

    async def aclose(self) -> None:
        """Lets all slots go."""
        for minder in self._tasks:
            minder.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@define(eq=False)
class Job:
    """One job's life, as a block: entering it waits for the slots, leaving it gives them back.

    Where the block is left while the task may run on, a minder takes the slots over.

    Raises:
        NotSubmittedError: Creating was stopped by an account error while the job had no slot.
    """

    external_id: str
    """By which its task can be found, whatever happens."""

    _limiters: tuple[SlotLimiter, ...]
    """Slots of all of these are held; the last is the one that follows the account's capacity."""

    _minders: Minders
    _progress: Progress
    _slots: tuple[Slot, ...] = ()
    _task_id: str | None = None

    async def __aenter__(self) -> Self:
        try:
            for limiter in self._limiters:
                slot = limiter.slot()
                self._slots += (slot,)
                await limiter.wait_for(slot)
        except BaseException:
            _release(self._slots)
            raise
        self._progress.on_slot()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        limited = any(limiter.limit is not None for limiter in self._limiters)
        if limited and error is not None and self._may_run_on(error):
            self._minders.mind(self._task_id or self.external_id, self._slots)
        else:
            _release(self._slots)

    def _may_run_on(self, error: BaseException) -> bool:
        if self._task_id is None:
            return isinstance(error, SubmissionUnknownError | asyncio.CancelledError)
        return not isinstance(error, TaskFailedError | ResultMissingError)

    async def created(self, create: Create) -> Task:
        """Creates the job's task; where the account is full, at its next turn.

        Args:
            create: Creates the task, raising `ConcurrencyLimitError` at once where the account is full.

        Raises:
            KlingError: What else `create` raises.
        """
        slot = self._slots[-1]
        while True:
            try:
                task = await create()
            except ConcurrencyLimitError as error:
                await slot.refused(retry.asked_wait(error))
            except STOPS_CREATING as error:
                for limiter in self._limiters:
                    limiter.fail_waiting(error)
                raise
            else:
                self._task_id = task.task_id
                slot.accepted()
                self._progress.on_accepted()
                return task


def _release(slots: tuple[Slot, ...]) -> None:
    for slot in reversed(slots):
        slot.release()
