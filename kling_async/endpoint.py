"""What every endpoint of the service's family has: create, looks, waits and many jobs.

Promises: a class of its own with a path and a request class is all that another endpoint needs; `image2video.py` is the
example. All waits of a client go through one poller for each endpoint, all its jobs through one limiter.
"""

from __future__ import annotations

import builtins
from collections import defaultdict
from collections.abc import AsyncIterator, Hashable
from typing import Any, Final, Generic, Protocol, TypeVar

from kling_async.errors import Problem, ValidationError
from kling_async.jobs.batch import JobOutcome, JobStream, Progress, Requests
from kling_async.jobs.job import Minders, identified, run_job
from kling_async.jobs.limiter import SlotLimiter
from kling_async.schema import rules, wire
from kling_async.schema.task import Task, read_task
from kling_async.session.calls import Calls
from kling_async.session.submit import Submitter
from kling_async.session.upload import Request
from kling_async.waiting.poller import Poller
from kling_async.waiting.schedule import Experience, Schedule, as_schedule
from kling_async.waiting.wait import OnUpdate, until_end

MAX_PAGE: Final = 1000
"""取值范围：[1,1000]: the last page of the list."""

MAX_PAGE_SIZE: Final = 500
"""取值范围：[1,500]: the largest page of the list."""


class EndpointRequest(Request, Protocol):
    """A request that jobs can be made of."""

    @property
    def kind(self) -> Hashable:
        """What decides how long a job takes."""
        ...


RequestT = TypeVar("RequestT", bound=EndpointRequest)


class Endpoint(Generic[RequestT]):
    """One endpoint of the service; reached through a client.

    Args:
        path: The endpoint's path on the service.
        calls: Sends the requests.
        limiter: The client's slots.
        submit_timeout: Seconds for one create in all.
    """

    def __init__(self, path: str, calls: Calls, limiter: SlotLimiter, submit_timeout: float) -> None:
        self._path = path
        self._calls = calls
        self._limiter = limiter
        self._submitter = Submitter(calls, path, submit_timeout)
        self._poller = Poller(self._look, self._page, calls.jitter)
        self._experience: defaultdict[Hashable, Experience] = defaultdict(Experience)
        self._minders = Minders(self._run_out)

    def _check(self, request: RequestT) -> None:
        """Raises `ValidationError` where the endpoint's own rules forbid a request; does nothing by default."""

    async def _create(self, request: RequestT, *, as_job: bool = False) -> Task:
        self._check(request)
        return await self._submitter.submit(request, as_job=as_job)

    async def get(self, task_id: str) -> Task:
        """Looks at one task.

        Args:
            task_id: The service's id or the caller's external id; one path serves both.

        Returns:
            The task as it is now.

        Raises:
            ValidationError: The id is empty or cannot be part of a path.
            TaskNotFoundError: There is no such task under this endpoint and account.
            KlingError: The look failed, after retries where they can help.
        """
        rules.raise_any([*rules.required("task_id", task_id), *rules.task_id("task_id", task_id)])
        return _task(await self._calls.read(wire.task_path(self._path, task_id)))

    async def list(self, page_num: int = 1, page_size: int = 30) -> builtins.list[Task]:
        """Looks at one page of the account's tasks. The service documents no order.

        Args:
            page_num: The page, 1 to 1000; the first is 1.
            page_size: Tasks on a page, 1 to 500.

        Raises:
            ValidationError: A number is out of bounds; nothing was sent.
            KlingError: The look failed, after retries where they can help.
        """
        rules.raise_any(
            [
                *_page_problems("page_num", page_num, MAX_PAGE),
                *_page_problems("page_size", page_size, MAX_PAGE_SIZE),
            ]
        )
        envelope = await self._calls.read(self._path, _page_query(page_num, page_size))
        rows = wire.read_tasks(envelope, http_status=200)
        return [read_task(row, request_id=envelope.request_id) for row in rows]

    async def iter_tasks(self, page_size: int = 500) -> AsyncIterator[Task]:
        """Every task of the account, page after page, none twice; ends on a short page.

        Args:
            page_size: Tasks on a page, 1 to 500.

        Raises:
            ValidationError: The number is out of bounds; nothing was sent.
            KlingError: A look failed, after retries where they can help.
        """
        seen: set[str] = set()
        for number in range(1, MAX_PAGE + 1):
            page = await self.list(number, page_size)
            for task in page:
                if task.task_id not in seen:  # tasks created meanwhile push others onto the next page
                    seen.add(task.task_id)
                    yield task
            if len(page) < page_size:
                return

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
            schedule: When to look, see `kling_async.waiting.schedule`; the default learns from finished jobs.
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
        return await self._wait(task, None, timeout, schedule, on_update)

    async def watch(
        self, task: Task | str, *, timeout: float | None = 3600, schedule: Schedule | None = None
    ) -> AsyncIterator[Task]:
        """A task's changes of status, the terminal one last, whether it succeeded or failed.

        Args:
            task: The task, or its id or external id.
            timeout: Seconds until the wait is given up, above 0; None waits for ever.
            schedule: When to look, see `kling_async.waiting.schedule`.

        Raises:
            KlingError: As `wait_for_task`, but for a failed task, which is yielded.
        """
        _check_timeout(timeout)
        gap = self._experience[None] if schedule is None else as_schedule(schedule)
        with self._poller.watching(_checked_target(task), gap, timeout) as watch:
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
        return await self._job(request, (self._limiter,), timeout, on_update)

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
        own = SlotLimiter(concurrency, self._calls.jitter)

        async def run(request: RequestT, progress: Progress) -> Task:
            return await self._job(request, (own, self._limiter), timeout, None, progress)

        bounds = [bound for bound in (concurrency, self._limiter.limit) if bound is not None]
        return JobStream(requests, run, min(bounds, default=None))

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

    async def _job(
        self,
        request: RequestT,
        limiters: tuple[SlotLimiter, ...],
        timeout: float | None,
        on_update: OnUpdate | None,
        progress: Progress | None = None,
    ) -> Task:
        async def create(request: RequestT) -> Task:
            return await self._create(request, as_job=True)

        async def wait(task: Task) -> Task:
            if progress is not None:
                progress.on_accepted()
            return await self._wait(task, request.kind, timeout, None, on_update, look_now=False)

        self._check(request)
        on_slot = (lambda: None) if progress is None else progress.on_slot
        return await run_job(identified(request), create, wait, limiters, self._minders, on_slot)

    async def _wait(
        self,
        task: Task | str,
        kind: Hashable,
        timeout: float | None,
        schedule: Schedule | None,
        on_update: OnUpdate | None,
        *,
        look_now: bool = True,
    ) -> Task:
        _check_timeout(timeout)
        gap = self._experience[kind] if schedule is None else as_schedule(schedule)
        with self._poller.watching(_checked_target(task), gap, timeout, look_now=look_now) as watch:
            ended = await until_end(watch, on_update)
        if ended.created_at is not None and ended.updated_at is not None:
            self._experience[kind].record((ended.updated_at - ended.created_at).total_seconds())
        return ended

    async def _run_out(self, task_id: str) -> Task:
        return await self._wait(task_id, None, None, None, None)

    async def _look(self, task_id: str) -> Task:
        return _task(await self._calls.look(wire.task_path(self._path, task_id)))

    async def _page(self, number: int, size: int) -> builtins.list[Any]:
        return wire.read_tasks(await self._calls.look(self._path, _page_query(number, size)), http_status=200)

    async def aclose(self) -> None:
        """Ends all waits and lets all slots go."""
        self._poller.close()
        await self._minders.aclose()


def _task(envelope: wire.Envelope) -> Task:
    return read_task(envelope.data, request_id=envelope.request_id)


def _page_query(number: int, size: int) -> dict[str, str]:
    return {"pageNum": str(number), "pageSize": str(size)}


def _page_problems(path: str, value: Any, high: int) -> builtins.list[Problem]:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
        return [Problem(path, f"is {value!r}; it must be a whole number from 1 to {high}")]
    return []


def _check_timeout(timeout: Any) -> None:
    if timeout is None or (
        isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout > 0
    ):
        return
    raise ValidationError([Problem("timeout", f"is {timeout!r}; it must be seconds above 0, or None")])


def _checked_target(task: Task | str) -> Task | str:
    if not isinstance(task, Task):
        rules.raise_any([*rules.required("task", task), *rules.task_id("task", task)])
    return task
