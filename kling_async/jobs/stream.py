"""Requests in, outcomes out, as they finish.

Promises: one bad job never ends the others; requests are drawn as slots come free, at most `MARGIN` before their turn
(and as many more as an opened journal has open jobs that were not met yet), and no new ones while the consumer has as
many finished outcomes left to take; leaving the block cancels what still waits, waits for its end whatever else is
cancelled, and tells the ids of ended jobs whose outcomes nobody took; an iterable that raises has what was started
finish first, and its error comes out once, at the end.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from contextlib import aclosing
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar

from typing_extensions import override

from kling_async.errors import ConfigurationError, KlingError, Problem, ValidationError, harmless
from kling_async.jobs.closing import finished_whatever_comes
from kling_async.jobs.job import STOPS_CREATING
from kling_async.jobs.observed import Stages
from kling_async.jobs.outcome import Failed, JobOutcome, Succeeded
from kling_async.schema.task import Task

MARGIN: Final = 2
"""How many requests are drawn before a slot is free for them."""

UNANSWERED: Final = 8
"""How many creates may be under way at once where nothing else limits the jobs."""

UNANSWERED_IN_SLOTS: Final = 64
"""How many of the jobs that hold a slot may wait for the answer to their create, so that thousands do not open
connections in one moment."""

logger: Final = logging.getLogger(__name__)

RequestT = TypeVar("RequestT")
Requests: TypeAlias = Iterable[RequestT] | AsyncIterable[RequestT]


RunJob: TypeAlias = Callable[[Any, Stages], Awaitable[Task]]


class JobStream(Generic[RequestT]):
    """The outcomes of many jobs: `async with stream as outcomes: async for outcome in outcomes`.

    Args:
        requests: What to create; may be endless.
        run_job: Runs one job to its end.
        slots: Tells how many jobs run at once at most, which can change; None if only the service limits them.
        unmet: Tells how many open jobs of the journal have not been met yet; so many requests are drawn beside
            those that wait for a slot, so that jobs that have a task do not stand behind them.
    """

    def __init__(
        self,
        requests: Requests[RequestT],
        run_job: RunJob,
        slots: Callable[[], int | None],
        unmet: Callable[[], int] = lambda: 0,
    ) -> None:
        self._requests = requests
        self._run_job = run_job
        self._slots = slots
        self._unmet = unmet
        self._jobs: dict[asyncio.Task[None], None] = {}  # in the order of their start
        self._drawing: asyncio.Task[None] | None = None
        self._outcomes: deque[JobOutcome[RequestT]] = deque()
        self._changed = asyncio.Event()
        self._without_slot = 0
        self._unanswered = 0
        self._stopped_by: KlingError | None = None
        self._source_error: Exception | None = None
        self._seen = _Seen()

    @override
    def __repr__(self) -> str:
        return f"JobStream(running={len(self._jobs)}, finished={len(self._outcomes)})"

    async def __aenter__(self) -> Self:
        if self._drawing is not None:
            raise RuntimeError("a stream of jobs is entered once")
        self._drawing = asyncio.get_running_loop().create_task(self._draw())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await finished_whatever_comes(self._stop())
        for outcome in self._outcomes:
            _tell_untaken(outcome, error)

    async def all(self) -> list[JobOutcome[RequestT]]:
        """Every outcome, in the order of the input; if that is interrupted, all that came count as not taken."""
        taken: list[JobOutcome[RequestT]] = []
        try:
            async for outcome in self:
                taken.append(outcome)  # noqa: PERF401 - what was taken before an interruption is needed
        except BaseException:
            self._outcomes.extendleft(reversed(taken))
            raise
        return sorted(taken, key=lambda outcome: outcome.index)

    async def _stop(self) -> None:
        jobs = [*self._jobs, *([self._drawing] if self._drawing is not None else [])]
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    def __aiter__(self) -> AsyncIterator[JobOutcome[RequestT]]:
        return self

    async def __anext__(self) -> JobOutcome[RequestT]:
        if self._drawing is None:
            raise RuntimeError("enter the stream of jobs first: async with ... as outcomes")
        while not self._outcomes:
            if self._drawing.done() and not self._jobs:
                error, self._source_error = self._source_error, None
                if self._drawing.cancelled():
                    raise ConfigurationError("the iterable of requests was cancelled before its end")
                raise error or StopAsyncIteration
            await self._change()
        outcome = self._outcomes.popleft()
        self._changed.set()
        return outcome

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _draw(self) -> None:
        """Draws requests and starts their jobs, for as long as there is room."""
        try:
            index = 0
            async with aclosing(_drawn(self._requests)) as source:
                while True:
                    while not self._has_room():
                        await self._change()
                    request = await anext(source, _END)
                    if request is _END:
                        break
                    self._start(index, request)
                    index += 1
        except Exception as error:  # noqa: BLE001 - whatever the caller's iterable raises is the caller's to see
            self._source_error = error
        finally:
            self._changed.set()

    def _has_room(self) -> bool:
        slots = self._slots()
        return (
            self._without_slot < MARGIN + self._unmet()
            and (
                self._unanswered < UNANSWERED
                if slots is None
                else self._unanswered - self._without_slot < UNANSWERED_IN_SLOTS
            )
            and len(self._outcomes) < max(slots or 0, MARGIN)
        )

    def _start(self, index: int, request: RequestT) -> None:
        repeated = self._seen.check(request, index)
        if repeated is not None:
            self._outcomes.append(Failed(index, request, repeated))
            self._changed.set()
            return
        job = asyncio.get_running_loop().create_task(self._job(index, request, _Steps(self)))
        self._jobs[job] = None
        job.add_done_callback(self._ended)

    def _ended(self, job: asyncio.Task[None]) -> None:
        self._jobs.pop(job, None)
        self._changed.set()

    async def _job(self, index: int, request: RequestT, steps: _Steps) -> None:
        try:
            outcome: JobOutcome[RequestT] = Succeeded(index, request, await self._run_job(request, steps))
        except Exception as error:  # noqa: BLE001 - one bad job never ends the others
            if isinstance(error, STOPS_CREATING) and not steps.answered and self._stopped_by is None:
                self._stopped_by = error
            outcome = Failed(index, request, error, error.task if isinstance(error, KlingError) else None)
        finally:
            steps.on_slot()
            steps.on_accepted()
            self._seen.forget(request)
        self._outcomes.append(outcome)

    def begin_job(self) -> None:
        """Counts a job that has neither a slot nor an answer yet."""
        self._without_slot += 1
        self._unanswered += 1

    def got_slot(self) -> None:
        """Counts a job that holds its slot."""
        self._without_slot -= 1
        self._changed.set()

    def got_answer(self) -> None:
        """Counts a job whose create was answered."""
        self._unanswered -= 1
        self._changed.set()

    @property
    def stopped_by(self) -> KlingError | None:
        """The account error that stopped creating, if one did."""
        return self._stopped_by


def _tell_untaken(outcome: JobOutcome[Any], error: BaseException | None) -> None:
    """Tells the ids of a job that has ended, by a WARNING record and a note on the exception that interrupts."""
    failure = outcome.error if isinstance(outcome.error, KlingError) else None
    known = {
        "task_id": outcome.task.task_id if outcome.task is not None else getattr(failure, "task_id", None),
        "external_task_id": outcome.task.external_task_id
        if outcome.task is not None
        else getattr(failure, "external_task_id", None),
    }
    ids = ", ".join(f"{name} {harmless(value)}" for name, value in known.items() if value is not None)
    if not ids:
        return
    if error is not None:
        error.add_note(f"kling_async: ended, and its outcome was not taken: {ids}")
    logger.warning("a job has ended whose outcome nobody took; %s", ids)


_END: Final[Any] = object()


async def _drawn(requests: Requests[Any]) -> AsyncGenerator[Any, None]:
    """Both kinds of iterable as one; an async generator is closed with it."""
    if isinstance(requests, AsyncGenerator):
        async with aclosing(requests) as source:
            async for request in source:
                yield request
    elif isinstance(requests, AsyncIterable):
        async for request in requests:
            yield request
    else:
        for request in requests:
            yield request


class _Steps(Stages):
    """Counts one job among those without a slot and those without an answer, until it has each."""

    __slots__ = ("_has_slot", "_stream", "answered")

    def __init__(self, stream: JobStream[Any]) -> None:
        self._stream = stream
        self._has_slot = False
        self.answered = False
        stream.begin_job()

    @property
    @override
    def stopped_by(self) -> KlingError | None:
        return self._stream.stopped_by

    @override
    def on_slot(self) -> None:
        if not self._has_slot:
            self._has_slot = True
            self._stream.got_slot()

    @override
    def on_accepted(self) -> None:
        if not self.answered:
            self.answered = True
            self._stream.got_answer()


class _Seen:
    """Finds requests that would silently share one task: the same object, or the same external id, twice."""

    def __init__(self) -> None:
        self._objects: dict[int, tuple[weakref.KeyedRef[int, Any], int]] = {}
        self._ids: dict[str, int] = {}

    def check(self, request: Any, index: int) -> ValidationError | None:
        """Notes a request; returns an error where it was there before."""
        before = self._objects.get(id(request))
        if before is not None and before[0]() is request:
            return _twice("", f"is the same object as request {before[1]}; use attrs.evolve for a copy of it")
        external_id = _external_id(request)
        if external_id is not None and external_id in self._ids:
            return _twice("external_task_id", f"is that of request {self._ids[external_id]} as well")
        try:
            key = id(request)
            self._objects[key] = (weakref.KeyedRef(request, self._drop, key), index)
        except TypeError:
            if not isinstance(request, Mapping):  # a dict is a value, and has no identity of its own
                return _twice("", f"is of type {type(request).__name__}; give requests")
        if external_id is not None:
            self._ids[external_id] = index
        return None

    def _drop(self, reference: weakref.KeyedRef[int, Any]) -> None:
        self._objects.pop(reference.key, None)

    def forget(self, request: Any) -> None:
        """A finished job's external id may come again."""
        self._ids.pop(_external_id(request) or "", None)


def _external_id(request: Any) -> str | None:
    """The id of a request, which can be an object or a mapping; None if it has none."""
    found = (
        request.get("external_task_id")
        if isinstance(request, Mapping)
        else getattr(request, "external_task_id", None)
    )
    return found if isinstance(found, str) and found else None


def _twice(field: str, message: str) -> ValidationError:
    return ValidationError([Problem(f"request.{field}" if field else "request", message)])
