"""What every endpoint of the service's family has: create, polls, waits and many jobs; what differs is its `Spec`.

Promises: all waits of an endpoint go through one poller, all jobs of a client through the same slots; every argument is
checked before anything is sent.
"""

from __future__ import annotations

import builtins
import functools
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, Generic, TypeVar

from typing_extensions import override

from kling_async.endpoints.spec import EndpointRequest, Shared, Spec
from kling_async.errors import ConfigurationError, Problem, ValidationError
from kling_async.jobs.entry import JobEntry
from kling_async.jobs.handle import Job
from kling_async.jobs.observed import Observers, Stages
from kling_async.jobs.outcome import JobOutcome
from kling_async.jobs.registry import Jobs
from kling_async.jobs.slots import Slots, checked_limit
from kling_async.jobs.stream import JobStream, Requests
from kling_async.jobs.submission import SubmissionTools
from kling_async.jobs.waits import Waits, check_wait
from kling_async.polling.poller import Poller
from kling_async.polling.reader import Reader
from kling_async.polling.schedule import Schedule
from kling_async.polling.wait import OnUpdate
from kling_async.schema import rules
from kling_async.schema.capabilities import capability_problems
from kling_async.schema.models import retirement_warning
from kling_async.schema.task import Task
from kling_async.session.submit import send_create

GivenT = TypeVar("GivenT")

logger: Final = logging.getLogger(__name__)


class Endpoint(Reader, Generic[GivenT]):
    """One endpoint of the service; reached through a client.

    Args:
        spec: What tells it from others.
        shared: What the client's endpoints share.
    """

    def __init__(self, spec: Spec[GivenT], shared: Shared) -> None:
        super().__init__(spec.path, shared.calls)
        self._spec = spec
        self._shared = shared
        self._slots = shared.slots.of(spec.slot_kind)
        observers = Observers(spec.path, shared.events)
        poller = Poller(
            self.poll_one, self.poll_page, shared.calls.jitter, pace=shared.pace, on_poll=observers.polled
        )
        shared.callbacks.serve(poller)
        self._waits = Waits(poller, shared.calls.transport.claim, shared.recorder, observers, shared.schedule)
        submission = SubmissionTools(
            path=spec.path,
            send=functools.partial(send_create, shared.calls, spec.path),
            find=self._waits.find,
            throttle=shared.throttle,
            jitter=shared.calls.jitter,
            options=shared.submit,
            events=shared.events,
            idempotent=spec.idempotent,
        )
        self._jobs: Jobs[EndpointRequest] = Jobs(
            path=spec.path,
            submission=submission,
            waits=self._waits,
            recorder=shared.recorder,
            observers=observers,
            request_from=self._checked_request,
            kind_of=spec.kind_of,
            addressed=shared.callbacks.addressed,
        )

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._spec.path!r})"

    async def create(self, request: GivenT) -> Task:
        """Creates one task, and never two: a lost answer is looked up by its external id.

        Takes no slot of `max_in_flight`, since nobody would free it; `generate` and `submit` do.

        Args:
            request: What to create. If it has no `external_task_id`, one is generated. The same object creates one
                task, however often it is given.

        Returns:
            The new task, or the one that exists already under the request's `external_task_id`.

        Raises:
            ValidationError: Rules that the request breaks, all of them; nothing was sent.
            APIError: The service refused; the subclass tells why.
            ConnectionFailedError: The server could not be reached; nothing was sent.
            SubmissionUnknownError: Whether the task exists could not be learnt; holds the id to look it up by.
        """
        async with await self._jobs.begin(self._checked(request), lone=True) as life:
            await self._jobs.accept(life, (), Stages())
            return life.task if life.task is not None else await self.get(str(life.task_id))

    async def submit(self, request: GivenT) -> Job[Any]:
        """Waits for a slot, creates the task, and returns its handle after acceptance.

        If the client has a limit or a journal, a background watch frees the slot and records the end, whether or not
        anybody waits; otherwise nothing polls until somebody does.

        Args:
            request: What to create; as for `create`.

        Raises:
            NotSubmittedError: Creating was stopped by an account error, or the client closed, before it was sent.
            KlingError: As `create`.
        """
        checked = self._checked(request)
        async with await self._jobs.begin(checked) as life:
            await self._jobs.accept(life, (self._slots,), Stages(), weight=checked.slots)
            shared = self._shared
            return Job(
                life, life.request or checked, self._waits, shared.download, check_target=shared.check_target
            )

    async def wait_for_task(
        self,
        task: Task | str,
        *,
        timeout: float | None = 3600,
        schedule: Schedule | None = None,
        on_update: OnUpdate | None = None,
    ) -> Task:
        """Waits until a task has ended: polls at once, then with backoff.

        Args:
            task: The task, or its id or external id.
            timeout: Seconds until the wait is given up, above 0; None waits without limit. Long tails are real.
            schedule: When to poll, see `kling_async.polling.schedule`; None: the client's, which by default learns
                from finished jobs.
            on_update: Called with the task when its status changes, plain or async; what it raises is logged.

        Returns:
            The task, succeeded, with its results.

        Raises:
            TaskFailedError: The task failed; the error holds it and the service's reason.
            TaskTimeoutError: The time was over; the task goes on at the service and can be waited for again.
            ResultMissingError: The task succeeded, but several polls showed no result.
            TaskNotFoundError: There is no such task.
            ClientClosedError: The client was closed.
            KlingError: A permanent error, such as revoked keys. Transient ones never end the wait.
        """
        check_wait(timeout, schedule, on_update)
        watching = self._waits.watching(_checked_target(task), timeout, schedule)
        return await self._waits.until_end(watching, None, on_update)

    async def watch(
        self, task: Task | str, *, timeout: float | None = 3600, schedule: Schedule | None = None
    ) -> AsyncIterator[Task]:
        """A task's changes of status, the terminal one last, whether it succeeded or failed.

        Args:
            task: The task, or its id or external id.
            timeout: Seconds until the wait is given up, above 0; None waits without limit.
            schedule: When to poll; None: the client's.

        Raises:
            KlingError: As `wait_for_task`, but for a failed task, which is yielded.
        """
        check_wait(timeout, schedule)
        async for seen in self._waits.changes(self._waits.watching(_checked_target(task), timeout, schedule)):
            yield seen

    async def generate(
        self,
        request: GivenT,
        *,
        timeout: float | None = 3600,
        on_update: OnUpdate | None = None,
        schedule: Schedule | None = None,
        look_up_first: bool = False,
    ) -> Task:
        """Creates a task and waits for its end, within the client's `max_in_flight`.

        Args:
            request: What to create; as for `create`. Given again after `TaskTimeoutError`, the same object waits for
                its task and creates nothing; another object, even an equal one, is another job.
            timeout: Seconds to wait once the task exists, above 0; None waits without limit.
            on_update: Called with the task when it is accepted and when its status changes, plain or async; what it
                raises is logged.
            schedule: When to poll, see `kling_async.polling.schedule`; None: the client's.
            look_up_first: Whether the request's `external_task_id` is looked up before anything is sent (one free
                request), so that a task that another process created is adopted without an upload. Needs an id of
                the caller's, or a journal.

        Returns:
            The task, succeeded, with its results.

        Raises:
            NotSubmittedError: Creating was stopped by an account error, or the client closed, before it was sent.
            KlingError: As `create` and `wait_for_task`.
        """
        check_wait(timeout, schedule, on_update)
        checked = self._checked(request)
        if look_up_first and checked.external_task_id is None and not self._shared.recorder.durable:
            raise ValidationError(
                [
                    Problem(
                        "look_up_first",
                        "needs a request with an external_task_id, or a client with a journal",
                    )
                ]
            )
        return await self._run(
            checked,
            (self._slots,),
            timeout,
            Stages(),
            on_update,
            schedule,
            look_up_first=look_up_first,
        )

    def generate_many(
        self,
        requests: Requests[GivenT],
        *,
        concurrency: int | None = None,
        timeout: float | None = 3600,
        on_update: OnUpdate | None = None,
        schedule: Schedule | None = None,
    ) -> JobStream[GivenT]:
        """Runs many jobs and streams their outcomes as they finish.

        `async with kling.image2video.generate_many(requests) as outcomes: async for outcome in outcomes: …`;
        leaving the block cancels what still waits.

        Args:
            requests: Any iterable or async iterable, drawn as slots come free; endless ones too.
            concurrency: How many of these jobs run at once, 1 or more; None: as `max_in_flight` allows.
            timeout: Seconds to wait for each task once it exists, above 0; None waits without limit.
            on_update: Called with each job's task when it is accepted and when its status changes.
            schedule: When to poll, see `kling_async.polling.schedule`; None: the client's.

        Raises:
            ConfigurationError: `concurrency` is below 1 or not a whole number, or `schedule` is not a schedule.
            ValidationError: `timeout` is not above 0.
        """
        check_wait(timeout, schedule, on_update)
        limiters, slots = self._limits(concurrency)

        async def run(request: GivenT, stages: Stages) -> Task:
            return await self._run(self._checked(request), limiters, timeout, stages, on_update, schedule)

        return JobStream(requests, run, slots, self._shared.recorder.unmet)

    async def generate_all(
        self,
        requests: Requests[GivenT],
        *,
        concurrency: int | None = None,
        timeout: float | None = 3600,
        on_update: OnUpdate | None = None,
        schedule: Schedule | None = None,
    ) -> builtins.list[JobOutcome[GivenT]]:
        """Runs many jobs and returns their outcomes in the order of the input; arguments as `generate_many`."""
        stream = self.generate_many(
            requests, concurrency=concurrency, timeout=timeout, on_update=on_update, schedule=schedule
        )
        async with stream:
            return await stream.all()

    def resume(
        self,
        *,
        concurrency: int | None = None,
        timeout: float | None = 3600,
        on_update: OnUpdate | None = None,
        schedule: Schedule | None = None,
        cancelled: bool = False,
    ) -> JobStream[JobEntry]:
        """Goes on with every open job of the journal, as running the script again would, without the script.

        Jobs that have a task come first and take their slots at once; unclear creates are looked up; what was never
        accepted is sent last, from the pictures' files. The outcomes' `request` is the job's entry in the journal.

        Args:
            concurrency: How many of these jobs run at once, 1 or more; None: as `max_in_flight` allows.
            timeout: Seconds to wait for each task, above 0; None waits without limit.
            on_update: Called with each job's task when its status changes.
            schedule: When to poll; None: the client's.
            cancelled: Whether jobs that were cancelled before anything was sent are sent as well.

        Raises:
            ConfigurationError: The client keeps no journal, or `concurrency` is below 1.
        """
        check_wait(timeout, schedule, on_update)
        recorder = self._shared.recorder
        if not recorder.durable:
            raise ConfigurationError("there is nothing to resume: the client has no journal")
        limiters, slots = self._limits(concurrency)

        async def run(entry: JobEntry, stages: Stages) -> Task:
            async with self._jobs.resumed(entry) as life:
                await self._jobs.accept(life, limiters, stages)
                return await life.until_end(timeout, on_update, schedule)

        entries = recorder.entries_to_resume(self._spec.path, cancelled=cancelled)
        return JobStream(entries, run, slots, recorder.unmet)

    async def aclose(self) -> None:
        """Ends all waits and lets all slots go."""
        await self._jobs.aclose()

    async def _run(
        self,
        request: EndpointRequest,
        limiters: tuple[Slots, ...],
        timeout: float | None,
        stages: Stages,
        on_update: OnUpdate | None,
        schedule: Schedule | None,
        *,
        look_up_first: bool = False,
    ) -> Task:
        async with await self._jobs.begin(request) as life:
            weight = request.slots
            del request  # a wait is long, and pictures are not small
            await self._jobs.accept(life, limiters, stages, weight=weight, look_up_first=look_up_first)
            return await life.until_end(timeout, on_update, schedule, just_accepted=True)

    def _checked_request(self, values: Mapping[str, Any]) -> EndpointRequest:
        """A request of a journal's entry, checked as a new one is."""
        return self._judged(self._spec.from_mapping(values))

    def _checked(self, given: GivenT) -> EndpointRequest:
        """The request that a caller gave, checked; nothing was sent yet."""
        self._shared.calls.transport.claim()
        return self._judged(self._spec.taken(given))

    def _judged(self, request: EndpointRequest) -> EndpointRequest:
        """The request itself, if its model supports it; warns once of a model that ends."""
        self._warn_of_end(request)
        problems = () if self._shared.capabilities == "off" else tuple(capability_problems(request))
        if problems and self._shared.capabilities == "error":
            raise ValidationError(problems)
        for problem in problems:
            logger.warning("the service will probably refuse this request: %s", problem)
        return request

    def _warn_of_end(self, request: EndpointRequest) -> None:
        wanted = request.wanted()
        if wanted is None or wanted.model in self._shared.warned:
            return
        warning = retirement_warning(request.model)
        if warning is not None:
            self._shared.warned.add(wanted.model)
            logger.warning(warning)

    def _limits(self, concurrency: int | None) -> tuple[tuple[Slots, ...], Callable[[], int | None]]:
        """Where the slots of a stream of jobs come from, and what tells how many jobs that makes at once."""
        own = Slots(checked_limit(concurrency, "concurrency"), self._shared.calls.jitter)

        def slots() -> int | None:
            bounds = [bound for bound in (concurrency, self._slots.limit) if bound is not None]
            return min(bounds, default=None)

        return (own, self._slots), slots


def _checked_target(task: Task | str) -> Task | str:
    if not isinstance(task, Task):
        rules.raise_any([*rules.required("task", task), *rules.task_id("task", task)])
    return task
