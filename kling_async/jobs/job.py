"""THE home of a job: slot, record, create, wait, record; `next_step` decides what it goes on with.

Promises: one id has one job in a client, and whoever asks for it again joins it; what has a task is never created again
and takes its slots at once; a create that may have left is looked up before anything is sent, and a picture is asked for
only if it has to be sent; the slots are held until a terminal state was seen, on every path; from acceptance on, the ids
are known to whoever leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from attrs import define, field

from kling_async.errors import (
    AccountError,
    AuthenticationError,
    ClientClosedError,
    ConcurrencyLimitError,
    KlingError,
    NotSubmittedError,
    ResultMissingError,
    SubmissionUnknownError,
    TaskFailedError,
    TaskNotFoundError,
)
from kling_async.jobs.entry import JobEntry
from kling_async.jobs.known import KnownJob
from kling_async.jobs.observed import GOES_ON, MAY_EXIST, NEVER_SENT, Stages
from kling_async.jobs.slots import Slot, Slots, not_submitted
from kling_async.jobs.step import Step, next_step
from kling_async.jobs.submission import Submission, logger
from kling_async.jobs.tools import JobTools
from kling_async.jobs.waits import noting
from kling_async.polling.poller import Watching
from kling_async.polling.schedule import Schedule
from kling_async.polling.wait import OnUpdate, finished
from kling_async.schema.task import Task
from kling_async.session import retry
from kling_async.session.clock import now
from kling_async.session.upload import Request, Upload, prepare

STOPS_CREATING: Final = (AccountError, AuthenticationError)
"""Errors after which no create can succeed until somebody changes the account or the keys."""

RequestT = TypeVar("RequestT", bound=Request)


@define(eq=False)
class JobLife(Generic[RequestT]):
    """One job's life, as a block that each of its callers enters; the last one to leave gives the slots back.

    If the block is left while the task may run on, a background watch keeps the slots until the task has ended.
    """

    external_task_id: str
    """The job's id, under which the service knows its task as well."""

    request: RequestT | None
    """The request under its id; None for a job that was resumed from a journal."""

    _tools: JobTools[RequestT] = field(alias="tools")
    _known: KnownJob = field(alias="known")
    _entry: JobEntry | None = field(alias="entry")
    _kind: Hashable = field(alias="kind")
    _model: str | None = field(alias="model")
    _named: bool = field(alias="named")
    _lone: bool = field(alias="lone")
    task: Task | None = None
    """The task as last seen; None if none was seen yet."""

    task_id: str | None = None
    """The service's id of the task; None before acceptance."""

    _confirmed: bool = True
    _over: bool = False
    _failure: KlingError | None = None
    _users: int = 0
    _slots: tuple[Slot, ...] = ()
    _submission: Submission | None = None
    _turn: asyncio.Lock = field(factory=asyncio.Lock)
    _began: float = field(factory=now)

    async def __aenter__(self) -> Self:
        self._users += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        kept = self._tools.recorder.durable or any(slot.is_scarce for slot in self._slots)
        if self._users == 1 and kept and not self._lone and not self._over and self.may_exist:
            self._tools.orphans.keep(self)  # in the place of the caller who leaves
        else:
            self.let_go()

    async def accept(
        self, limiters: tuple[Slots, ...], stages: Stages, *, weight: int = 1, look_up_first: bool = False
    ) -> None:
        """Brings the job to where its task is known; callers who come at once wait for the first.

        Args:
            limiters: Where its slots come from; empty for a create that takes none.
            stages: Told of its way.
            weight: How many slots it takes from each.
            look_up_first: Whether its id is looked up before anything is sent.

        Raises:
            NotSubmittedError: Creating was stopped, or the client closed, before anything was sent.
            SubmissionUnknownError: Whether the task exists could not be learnt.
            KlingError: The create was refused, or could not be sent.
        """
        joined = self._turn.locked()
        try:
            async with self._turn:
                if joined and self._failure is not None:
                    raise self._failure
                if self.task_id is None and not self._over:
                    await self._accept(limiters, stages, weight, look_up_first=look_up_first)
                elif limiters and not self._slots and not self._over:  # a bare create has made the task
                    self._lone = False
                    self._slots = tuple(limiter.slot(weight) for limiter in limiters)
                    self._take_slots()
        except asyncio.CancelledError as cancelled:
            observers = self._tools.observers
            observers.abandoned(cancelled, self._state, self.task_id, self.external_task_id)
            raise
        stages.on_slot()
        stages.on_accepted()

    async def until_end(
        self,
        timeout: float | None,
        on_update: OnUpdate | None,
        schedule: Schedule | None,
        *,
        just_accepted: bool = False,
        attended: bool = True,
    ) -> Task:
        """Waits until the task has ended; the arguments are checked already.

        Args:
            timeout: Seconds; None: without limit.
            on_update: Called with changes of status.
            schedule: When to poll; None: the client's.
            just_accepted: Whether `on_update` is called first with the task as it was accepted.
            attended: Whether a caller waits, who is told the ids when he goes away.
        """
        if self._over and self.task is not None:
            return finished(self.task)
        deadline = None if timeout is None else now() + timeout
        first = self.task if just_accepted and self._confirmed else None
        while True:
            watching = self.watching(_left(deadline), schedule, poll_now=first is None)
            try:
                ended = await self._tools.waits.until_end(
                    watching, self._kind, noting(self.see, on_update), first=first, attended=attended
                )
            except TaskFailedError as error:
                self.see(error.task)
                raise
            except ResultMissingError as error:
                self._end(error.task, error)
                raise
            except TaskNotFoundError:
                if self._confirmed:
                    raise
                await self._find_by_own_id(_left(deadline))
            else:
                self.see(ended)
                return ended

    async def run_out(self) -> None:
        """Waits until the task has ended, without a caller."""
        if self.task_id is None and self._submission is not None:
            found = await self._submission.settle()
            if found is None:
                return
            if self.task_id is None:  # nobody has asked for the job meanwhile
                await self._accepted(found, adopted=True)
        await self.until_end(None, None, None, attended=False)

    def let_go(self) -> None:
        """Ends one use of the job; the last one gives the slots back and leaves the client's list."""
        self._users -= 1
        if self._users:
            return
        for slot in reversed(self._slots):
            slot.release()
        self._tools.forget(self)

    @property
    def may_exist(self) -> bool:
        """Whether the service has, or may have, a task for this job."""
        return self.task_id is not None or self._known.doubt_since is not None

    def closed(self) -> KlingError:
        """The error of a job whose client was closed before its acceptance."""
        if self.task_id is not None:
            message = f"the client was closed; task {self.task_id} goes on at the service"
            return ClientClosedError(message, task=self.task, task_id=self.task_id)
        if self._known.doubt_since is not None:
            return SubmissionUnknownError(self.external_task_id, "the client was closed")
        return NotSubmittedError(f"job {self.external_task_id} was not sent: the client was closed")

    @property
    def _state(self) -> str:
        before = NEVER_SENT if self._known.doubt_since is None else MAY_EXIST
        return before if self.task_id is None else GOES_ON

    async def _accept(
        self, limiters: tuple[Slots, ...], stages: Stages, weight: int, *, look_up_first: bool
    ) -> None:
        self._tools.observers.queued(self.external_task_id, self._model)
        self._failure = None
        step = next_step(self._entry, self._known)
        if step is Step.COLLECT and self._entry is not None:
            self.task, self._over = self._entry.task, True
            self.task_id = self._entry.task_id or (self.task.task_id if self.task else None)
            return
        if not any(slot.held for slot in self._slots):  # an earlier caller's, if its create may have left
            self._slots = tuple(limiter.slot(weight) for limiter in limiters)
        if step is Step.WAIT:
            self.task_id = self._known.task_id or (self._entry.task_id if self._entry else None)
            self._confirmed = self._known.task_id is not None
            self._take_slots()
            return
        try:
            await self._create(limiters, stages, step, look_up_first=look_up_first)
        except BaseException as error:
            self._failure = error if isinstance(error, KlingError) else None
            await self._note_failure(error)
            raise

    async def _create(
        self, limiters: tuple[Slots, ...], stages: Stages, step: Step, *, look_up_first: bool
    ) -> None:
        if step is Step.LOOK_UP and self._known.doubt_since is None:
            self._known.doubt_since = self._tools.recorder.opened_at
        submission = self._submission = Submission(
            self._tools.submission,
            self.external_task_id,
            named=self._named,
            doubt_since=self._known.doubt_since,
        )
        found = None
        if step is Step.LOOK_UP:
            found = await submission.look_up(KlingError("an earlier create may have left"))
        elif look_up_first:
            found = await submission.find_existing()
        if found is not None:
            self._take_slots()
            await self._accepted(found, adopted=True)
            return
        self._known.doubt_since = None
        if stages.stopped_by is not None:
            raise not_submitted(stages.stopped_by)
        request = await self._the_request()
        for slot in self._slots:
            await slot.acquire()
        stages.on_slot()
        await self._send(submission, request, limiters)

    async def _the_request(self) -> RequestT:
        """The request; made again from the journal's entry if the job was resumed."""
        if self.request is not None:
            return self.request
        if self._entry is None:
            raise RuntimeError("a job has a request or an entry")
        return await self._tools.request_of(self._entry)

    async def _send(self, submission: Submission, request: RequestT, limiters: tuple[Slots, ...]) -> None:
        upload = await prepare(addressed := self._tools.addressed(request))
        recorded = False

        async def before_send() -> None:
            nonlocal recorded
            if not recorded:
                await self._tools.recorder.sending(self.external_task_id)
                recorded = True

        task, adopted = await self._sent(submission, upload, before_send, limiters)
        for slot in self._slots:
            slot.accepted()
        if adopted and submission.is_surprised:
            logger.warning(
                "external_task_id %s was in use: its earlier task %s was adopted, nothing was created",
                self.external_task_id,
                task.task_id,
            )
        self._known.called_back = addressed is not request and not adopted
        await self._accepted(task, adopted=adopted)

    async def _sent(
        self,
        submission: Submission,
        upload: Upload,
        before_send: Callable[[], Awaitable[None]],
        limiters: tuple[Slots, ...],
    ) -> tuple[Task, bool]:
        """Sends the create; after 1303, again at its next turn, and after an account error nobody's any more."""
        while True:
            try:
                return await submission.run(upload, before_send, lone=not self._slots)
            except ConcurrencyLimitError as error:
                if not self._slots:
                    raise
                await self._slots[-1].refused(retry.asked_wait(error))
            except STOPS_CREATING as error:
                for limiter in limiters:
                    limiter.fail_waiting(error)
                raise

    def _take_slots(self) -> None:
        for slot in self._slots:
            slot.take()

    async def _accepted(self, task: Task, *, adopted: bool) -> None:
        """Notes the task; the ids are known from here on, whatever interrupts the rest."""
        tools = self._tools
        self.task, self.task_id = task, task.task_id
        self._known.task_id, self._known.doubt_since = task.task_id, None
        self._submission = self._entry = None
        tools.waits.remember_kind(task.task_id, self._kind)
        seconds = now() - self._began
        tools.observers.accepted(self.external_task_id, self._model, task, seconds, adopted=adopted)
        await tools.recorder.accepted(self.external_task_id, task)

    async def _note_failure(self, error: BaseException) -> None:
        """Records how a job ended that has no task, and gives back its slots unless its create may have left."""
        submission = self._submission
        if self.task_id is not None or submission is None:
            return
        self._known.doubt_since = submission.doubt_since
        if submission.doubt_since is not None:
            return
        recorder, key = self._tools.recorder, self.external_task_id
        if isinstance(error, KlingError):
            if not isinstance(error, SubmissionUnknownError):
                await recorder.not_accepted(key, error)
            self._tell_end(None, error)
        elif isinstance(error, asyncio.CancelledError):
            recorder.cancelled(key)

    async def _find_by_own_id(self, timeout: float | None) -> None:
        """Finds the task under the job's own id, since the service does not know the recorded one."""
        self._confirmed = True  # whatever comes out of it: the recorded id is waited for as one that exists
        waits = self._tools.waits
        try:
            with waits.watching(self.external_task_id, timeout, known=False) as watch:
                found = await watch.next_change()
        except TaskNotFoundError:
            return
        await self._accepted(found, adopted=True)

    def watching(
        self, timeout: float | None, schedule: Schedule | None, *, poll_now: bool = True
    ) -> Watching:
        """A watch of the task, for a block; see `Waits.watching`."""
        return self._tools.waits.watching(
            self.task or self.task_id or self.external_task_id,
            timeout,
            schedule,
            kind=self._kind,
            poll_now=poll_now,
            known=self._confirmed,
            own_id=self.task_id is not None,
            job=self.external_task_id,
            called_back=self._known.called_back,
        )

    def see(self, task: Task | None) -> None:
        """Notes what a poll showed; the slots go back when it is the end."""
        if task is None:
            return
        if task.is_terminal:
            self._end(task, None)
        else:
            self.task, self.task_id = task, task.task_id

    def _end(self, task: Task | None, error: KlingError | None) -> None:
        """Notes the task's end, once, and gives the slots back."""
        if self._over:
            return
        self._over = True
        self.task = task
        for slot in reversed(self._slots):
            slot.release()
        self._tell_end(task, error)

    def _tell_end(self, task: Task | None, error: KlingError | None) -> None:
        seconds = now() - self._began
        self._tools.observers.ended(self.external_task_id, self._model, task, seconds, error)


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.001, deadline - now())
