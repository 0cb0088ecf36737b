"""What every endpoint of the service's family has: create, looks, waits and many jobs.

Promises: a class of its own with a path and a request class is all that another endpoint needs; `image2video.py` is the
example. All waits of a client go through one poller for each endpoint, all its jobs through one limiter.
"""

from __future__ import annotations

import builtins
import functools
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from typing import Any, Final, Generic, Protocol, TypeVar

from kling_async.errors import ConfigurationError, Problem, TaskFailedError, ValidationError
from kling_async.jobs.entry import JobEntry
from kling_async.jobs.job import Job, Minders, Progress, identified
from kling_async.jobs.journal import Journal
from kling_async.jobs.recorded import create_recorded
from kling_async.jobs.request_record import request_of
from kling_async.jobs.slots import SlotLimiter, checked_limit
from kling_async.jobs.stream import JobOutcome, JobStream, Requests
from kling_async.polling.poller import Poller, Watching
from kling_async.polling.reader import Looks
from kling_async.polling.schedule import Experience, Schedule, as_schedule
from kling_async.polling.wait import OnUpdate, finished, until_end
from kling_async.schema import rules
from kling_async.schema.task import Task
from kling_async.session.calls import Calls
from kling_async.session.submit import SubmitOptions, Submitter
from kling_async.session.upload import Request

LONGEST: Final = 1e9
"""The longest timeout, in seconds; None is for ever."""


class EndpointRequest(Request, Protocol):
    """A request that jobs can be made of."""

    @property
    def kind(self) -> Hashable:
        """What decides how long a job takes."""
        ...


RequestT = TypeVar("RequestT", bound=EndpointRequest)


class Endpoint(Looks, ABC, Generic[RequestT]):
    """One endpoint of the service; reached through a client.

    Args:
        path: The endpoint's path on the service.
        calls: Sends the requests.
        limiter: The client's slots.
        submit: How creates are carried through.
        journal: Where each job's steps are recorded, if anywhere.
    """

    def __init__(
        self, path: str, calls: Calls, limiter: SlotLimiter, submit: SubmitOptions, journal: Journal | None
    ) -> None:
        super().__init__(path, calls)
        self._limiter = limiter
        self._journal = journal
        self._submitter = Submitter(calls, path, submit.timeout, self._find, submit.on_unknown)
        self._poller = Poller(self._look, self._page, calls.jitter)
        self._experience: defaultdict[Hashable, Experience] = defaultdict(Experience)
        self._minders = Minders(self._run_out)

    @abstractmethod
    def _request_from(self, values: Mapping[str, Any]) -> RequestT:
        """Builds the endpoint's request from the page's names."""

    def _check(self, request: RequestT) -> None:
        """Raises `ValidationError` where the endpoint's own rules forbid a request; does nothing by default."""

    async def _create(
        self, request: RequestT, entry: JobEntry | None = None, *, as_job: bool = False
    ) -> Task:
        self._check(request)
        if self._journal is None:
            return await self._submitter.submit(request, as_job=as_job)
        if entry is None:
            request, entry = await self._journal.meet(self._path, request)
        submit = functools.partial(self._submitter.submit, request, as_job=as_job)
        return await create_recorded(self._journal, entry, submit, self.get)

    async def wait_for_task(
        self,
        task: Task | str,
        *,
        timeout: float | None = 3600,
        schedule: Schedule | None = None,
        on_update: OnUpdate | None = None,
    ) -> Task:
        """Waits until a task has ended: looks at once, then with backoff.

        Args:
            task: The task, or its id or external id.
            timeout: Seconds until the wait is given up, above 0; None waits for ever. Long tails are real.
            schedule: When to look, see `kling_async.polling.schedule`; the default learns from finished jobs.
            on_update: Called with the task when its status changes, plain or async; what it raises is logged.

        Returns:
            The task, succeeded, with its videos.

        Raises:
            TaskFailedError: The task failed; the error holds it and the service's reason.
            TaskTimeoutError: The time was over; the task goes on at the service and can be waited for again.
            ResultMissingError: The task succeeded, but several looks showed no video.
            TaskNotFoundError: There is no such task.
            KlingError: A permanent error, such as revoked keys. Transient ones never end the wait.
        """
        return await self._end(self._watching(task, None, timeout, schedule), None, on_update)

    async def watch(
        self, task: Task | str, *, timeout: float | None = 3600, schedule: Schedule | None = None
    ) -> AsyncIterator[Task]:
        """A task's changes of status, the terminal one last, whether it succeeded or failed.

        Args:
            task: The task, or its id or external id.
            timeout: Seconds until the wait is given up, above 0; None waits for ever.
            schedule: When to look, see `kling_async.polling.schedule`.

        Raises:
            KlingError: As `wait_for_task`, but for a failed task, which is yielded.
        """
        with self._watching(task, None, timeout, schedule) as watch:
            while True:
                seen = await watch.next_change()
                yield seen
                if seen.is_terminal:
                    return

    async def generate(
        self, request: RequestT, *, timeout: float | None = 3600, on_update: OnUpdate | None = None
    ) -> Task:
        """Creates a task and waits for its end, within the client's `max_in_flight`.

        Args:
            request: What to create.
            timeout: Seconds to wait once the task exists; None waits for ever.
            on_update: Called with the task when its status changes.

        Returns:
            The task, succeeded, with its videos.

        Raises:
            NotSubmittedError: Creating was stopped by an account error while the job had no slot.
            KlingError: As `create` and `wait_for_task`.
        """
        _check_timeout(timeout)
        return await self._job(request, (self._limiter,), timeout, Progress(), on_update)

    def generate_many(
        self,
        requests: Requests[RequestT],
        *,
        concurrency: int | None = None,
        timeout: float | None = 3600,
    ) -> JobStream[RequestT]:
        """Runs many jobs and streams their outcomes as they finish.

        `async with kling.image2video.generate_many(requests) as outcomes: async for outcome in outcomes: …`;
        leaving the block cancels what still waits.

        Args:
            requests: Any iterable or async iterable, drawn as slots come free; endless ones too.
            concurrency: How many of these jobs run at once, 1 or more; None: as `max_in_flight` allows.
            timeout: Seconds to wait for each task once it exists; None waits for ever.

        Raises:
            ConfigurationError: `concurrency` is below 1 or no whole number.
            ValidationError: `timeout` is not above 0.
        """
        _check_timeout(timeout)
        limiters, slots = self._limits(concurrency)

        def run(request: RequestT, progress: Progress) -> Awaitable[Task]:
            return self._job(request, limiters, timeout, progress)

        return JobStream(requests, run, slots)

    async def generate_all(
        self,
        requests: Requests[RequestT],
        *,
        concurrency: int | None = None,
        timeout: float | None = 3600,
    ) -> builtins.list[JobOutcome[RequestT]]:
        """Runs many jobs and returns their outcomes in the order of the input; arguments as `generate_many`."""
        async with self.generate_many(requests, concurrency=concurrency, timeout=timeout) as stream:
            outcomes = [outcome async for outcome in stream]
        return sorted(outcomes, key=lambda outcome: outcome.index)

    def resume(self, *, concurrency: int | None = None, timeout: float | None = 3600) -> JobStream[JobEntry]:
        """Goes on with every job of the journal that has not been fetched, without the script that asked for it.

        Jobs that run are waited for, unknown ones looked up, queued ones sent; those that are ready come out at
        once. The outcomes' `request` is the job's entry in the journal.

        Args:
            concurrency: How many of these jobs run at once, 1 or more; None: as `max_in_flight` allows.
            timeout: Seconds to wait for each task; None waits for ever.

        Raises:
            ConfigurationError: The client keeps no journal, or `concurrency` is below 1.
        """
        _check_timeout(timeout)
        if self._journal is None:
            raise ConfigurationError("there is nothing to resume: the client was made without journal=")
        limiters, slots = self._limits(concurrency)

        def run(entry: JobEntry, progress: Progress) -> Awaitable[Task]:
            return self._resumed(entry, limiters, timeout, progress)

        return JobStream(self._journal.entries_to_resume(self._path, cancelled=False), run, slots)

    async def _resumed(
        self, entry: JobEntry, limiters: tuple[SlotLimiter, ...], timeout: float | None, progress: Progress
    ) -> Task:
        if entry.task is not None:
            return finished(entry.task)

        async with Job(entry.key, limiters, self._minders, progress) as job:
            watching = self._watching(
                await job.created(functools.partial(self._recreate, entry)), None, timeout
            )
            return await self._end(watching, None)

    async def _recreate(self, entry: JobEntry) -> Task:
        if entry.task_id is not None:
            return await self.get(entry.task_id)
        request = await request_of(entry, self._request_from)
        return await self._create(request, entry, as_job=True)

    def _limits(self, concurrency: int | None) -> tuple[tuple[SlotLimiter, ...], Callable[[], int | None]]:
        """The limiters of a stream of jobs, and what tells how many jobs that makes at once."""
        own = SlotLimiter(checked_limit(concurrency, "concurrency"), self._calls.jitter)

        def slots() -> int | None:
            bounds = [bound for bound in (concurrency, self._limiter.limit) if bound is not None]
            return min(bounds, default=None)

        return (own, self._limiter), slots

    async def _job(
        self,
        request: RequestT,
        limiters: tuple[SlotLimiter, ...],
        timeout: float | None,
        progress: Progress,
        on_update: OnUpdate | None = None,
    ) -> Task:
        self._calls.transport.claim()
        self._check(request)
        if self._journal is None:
            request, entry = identified(request), None
        else:
            request, entry = await self._journal.meet(self._path, request)
            if entry.task is not None:
                return finished(entry.task)
        async with Job(str(request.external_task_id), limiters, self._minders, progress) as job:
            task = await job.created(functools.partial(self._create, request, entry, as_job=True))
            kind = request.kind
            watching = self._watching(task, kind, timeout, look_now=False)
            del task, request, entry  # a wait is long, and these are not small
            return await self._end(watching, kind, on_update)

    def _watching(
        self,
        task: Task | str,
        kind: Hashable,
        timeout: float | None,
        schedule: Schedule | None = None,
        *,
        look_now: bool = True,
    ) -> Watching:
        self._calls.transport.claim()
        _check_timeout(timeout)
        gap = self._experience[kind] if schedule is None else as_schedule(schedule)
        return self._poller.watching(_checked_target(task), gap, timeout, look_now=look_now)

    async def _end(self, watching: Watching, kind: Hashable, on_update: OnUpdate | None = None) -> Task:
        with watching as watch:
            try:
                ended = await until_end(watch, on_update)
            except TaskFailedError as error:
                await self._note_end(error.task)
                raise
        await self._note_end(ended)
        if ended.created_at is not None and ended.updated_at is not None:
            self._experience[kind].record((ended.updated_at - ended.created_at).total_seconds())
        return ended

    async def _note_end(self, task: Task | None) -> None:
        if self._journal is not None and task is not None:
            await self._journal.ended(task)

    async def _find(self, external_id: str, timeout: float) -> Task:
        """A task by its external id, through the poller: many look-ups at once share list pages."""
        with self._watching(external_id, None, timeout) as watch:
            return await watch.next_change()

    async def _run_out(self, task_id: str) -> Task:
        return await self._end(self._watching(task_id, None, None), None)

    async def aclose(self) -> None:
        """Ends all waits and lets all slots go."""
        self._poller.close()
        await self._minders.aclose()


def _check_timeout(timeout: Any) -> None:
    if timeout is None or (
        isinstance(timeout, int | float) and not isinstance(timeout, bool) and 0 < timeout <= LONGEST
    ):
        return
    raise ValidationError(
        [Problem("timeout", f"is {timeout!r}; it must be seconds above 0 and at most {LONGEST:.0f}, or None")]
    )


def _checked_target(task: Task | str) -> Task | str:
    if not isinstance(task, Task):
        rules.raise_any([*rules.required("task", task), *rules.task_id("task", task)])
    return task
