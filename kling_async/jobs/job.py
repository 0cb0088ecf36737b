"""One job's life: slot, create, wait.

Promises: the slot is held until a terminal state was seen, on every path. A job whose caller went away or lost patience
leaves its task running at the service, so its slot stays with a minder that looks on until the task has ended.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final, Protocol, TypeVar

import anyio
from attrs import evolve

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
from kling_async.jobs.limiter import Slot, SlotLimiter
from kling_async.schema.task import Task
from kling_async.session import retry
from kling_async.session.submit import SETTLE, new_external_id

MINDED_AGAIN: Final = 60.0
"""Seconds after which a minder whose look was refused for good looks again."""

STOPS_CREATING: Final = (AccountError, AuthenticationError)
"""Errors after which no create can succeed until somebody changes the account or the keys."""


class JobRequest(Protocol):
    """What a job needs to know of its request."""

    @property
    def external_task_id(self) -> str | None:
        """The caller's id, if there is one."""
        ...


RequestT = TypeVar("RequestT", bound=JobRequest)
Create = Callable[[RequestT], Awaitable[Task]]
Wait = Callable[[Task], Awaitable[Task]]


def identified(request: RequestT) -> RequestT:
    """The request with an external id, a new one where it has none."""
    if request.external_task_id is not None:
        return request
    return evolve(request, external_task_id=new_external_id())  # type: ignore[misc] # requests are attrs classes


class Minders:
    """Holds the slots of tasks that run on without a caller, until they end.

    Args:
        until_end: Waits for a task's end, by either id, however long it takes.
    """

    def __init__(self, until_end: Callable[[str], Awaitable[object]]) -> None:
        self._until_end = until_end
        self._tasks: set[asyncio.Task[None]] = set()

    def mind(self, task_id: str, limiters: tuple[SlotLimiter, ...], slots: AsyncExitStack) -> None:
        """Takes over the slots of a task that may run on; where nothing limits, there is nothing to hold."""
        if all(limiter.limit is None for limiter in limiters):
            return
        loop = asyncio.get_running_loop()
        minder = loop.create_task(self._mind(task_id, slots.pop_all()), context=contextvars.Context())
        self._tasks.add(minder)
        minder.add_done_callback(self._tasks.discard)

    async def _mind(self, task_id: str, slots: AsyncExitStack) -> None:
        async with slots:
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


async def run_job(
    request: RequestT,
    create: Create[RequestT],
    wait: Wait,
    limiters: tuple[SlotLimiter, ...],
    minders: Minders,
    on_slot: Callable[[], None] = lambda: None,
) -> Task:
    """Runs one job to its end.

    Args:
        request: What to create; it has an external id.
        create: Creates a task, raising `ConcurrencyLimitError` at once where the account is full.
        wait: Waits for a task's end.
        limiters: Slots of all of these are held; the last is the one that follows the account's capacity.
        minders: Takes the slots over where the task outlives the job.
        on_slot: Called when all slots are held.

    Raises:
        KlingError: What `create` and `wait` raise.
    """
    async with AsyncExitStack() as slots:
        held = [await slots.enter_async_context(limiter.slot()) for limiter in limiters]
        on_slot()
        try:
            task = await _created(request, create, held[-1], limiters)
        except (SubmissionUnknownError, asyncio.CancelledError):
            minders.mind(str(request.external_task_id), limiters, slots)
            raise
        try:
            return await wait(task)
        except (TaskFailedError, ResultMissingError):
            raise
        except BaseException:
            minders.mind(task.task_id, limiters, slots)
            raise


async def _created(
    request: RequestT, create: Create[RequestT], slot: Slot, limiters: tuple[SlotLimiter, ...]
) -> Task:
    while True:
        try:
            task = await create(request)
        except ConcurrencyLimitError as error:
            await slot.refused(retry.asked_wait(error))
        except STOPS_CREATING as error:
            for limiter in limiters:
                limiter.fail_waiting(error)
            raise
        else:
            slot.accepted()
            return task
