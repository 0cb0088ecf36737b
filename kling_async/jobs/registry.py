"""The jobs of one endpoint: which job a request belongs to, and the end of all of them when the client is closed.

Promises: one id has one job in a client, so that callers who ask for it at once share it; a request object that comes
again meets its own job; closing ends every job that is on its way to acceptance, and says of each what is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

from attrs import define, field

from kling_async.jobs.entry import JobEntry, JobState
from kling_async.jobs.job import JobLife
from kling_async.jobs.known import KnownJobs
from kling_async.jobs.observed import Observers, Stages
from kling_async.jobs.orphans import Orphans
from kling_async.jobs.recorder import Recorder
from kling_async.jobs.slots import Slots
from kling_async.jobs.submission import SubmissionTools
from kling_async.jobs.tools import JobTools
from kling_async.jobs.waits import Waits
from kling_async.session.submit import ID_PREFIX
from kling_async.session.upload import Request

RequestT = TypeVar("RequestT", bound=Request)


@define(eq=False)
class Jobs(Generic[RequestT]):
    """The jobs of one endpoint."""

    path: str
    """The endpoint's path."""

    submission: SubmissionTools
    """For creates."""

    waits: Waits
    """For waits."""

    recorder: Recorder
    """Where each job's steps are recorded."""

    observers: Observers
    """Told of what happens."""

    request_from: Callable[[Mapping[str, Any]], RequestT]
    """Makes a request from the API's names, and checks it."""

    kind_of: Callable[[Mapping[str, Any]], Hashable]
    """What decides how long a job takes, by the fields of its request."""

    addressed: Callable[[RequestT], RequestT] = lambda request: request
    """Fills in the URL to which the service posts, if the client has a callback receiver."""

    _known: KnownJobs = field(factory=KnownJobs)
    _orphans: Orphans = field(factory=Orphans)
    _lives: dict[str, JobLife[RequestT]] = field(factory=dict)
    _meeting: dict[int, asyncio.Future[None]] = field(factory=dict)
    _accepting: dict[asyncio.Timeout, None] = field(factory=dict)
    _closed: bool = False
    _tools: JobTools[RequestT] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tools = JobTools(
            submission=self.submission,
            waits=self.waits,
            recorder=self.recorder,
            orphans=self._orphans,
            observers=self.observers,
            request_of=self._request_of,
            addressed=self.addressed,
            forget=self._forget,
        )

    async def begin(self, request: RequestT, *, lone: bool = False) -> JobLife[RequestT]:
        """The job of a request, to be entered as a block: a new one, or the one that the request belongs to.

        Args:
            request: What is asked for; checked already.
            lone: Whether the job ends with its create, without slots.

        Raises:
            JournalError: The journal cannot be written, or the id belongs to another request there.
            ValidationError: The id belongs to another request of this client, or a picture cannot be read.
        """
        named = request.external_task_id is not None
        while (other := self._meeting.get(id(request))) is not None:
            await asyncio.wait([other])
        done = self._meeting[id(request)] = asyncio.get_running_loop().create_future()
        try:
            own_id = None if named else self._known.id_of(request)
            asked = request if own_id is None else request.with_external_task_id(own_id)
            identified, entry = await self._met(asked)
            key = str(identified.external_task_id)
            known = self._known.remember(request, key, named=named)
        finally:
            del self._meeting[id(request)]
            done.set_result(None)
        life = self._lives.get(key)
        if life is None:
            life = self._lives[key] = JobLife(
                external_task_id=key,
                request=identified,
                entry=entry,
                known=known,
                kind=request.kind,
                model=request.model,
                named=named,
                lone=lone,
                tools=self._tools,
            )
        return life

    async def _met(self, asked: RequestT) -> tuple[RequestT, JobEntry | None]:
        """The request under its key, and its entry; recorded as cancelled if the caller goes away meanwhile."""
        if not self.recorder.durable:
            return await self.recorder.meet(self.path, asked)
        meeting = asyncio.get_running_loop().create_task(self.recorder.meet(self.path, asked))
        try:
            return await asyncio.shield(meeting)
        except asyncio.CancelledError:
            meeting.add_done_callback(self._not_wanted)
            raise

    def _not_wanted(self, meeting: asyncio.Task[tuple[RequestT, JobEntry | None]]) -> None:
        """Notes that a job was recorded whose caller has gone, unless another caller has it by now."""
        if meeting.cancelled() or meeting.exception() is not None:
            return  # nothing was recorded
        identified, entry = meeting.result()
        key = str(identified.external_task_id)
        if entry is not None and entry.state is JobState.QUEUED and key not in self._lives:
            self.recorder.cancelled(key)

    def resumed(self, entry: JobEntry) -> JobLife[RequestT]:
        """The job of a journal's entry, to be entered as a block."""
        life = self._lives.get(entry.key)
        if life is None:
            model = entry.request.get("model_name")
            life = self._lives[entry.key] = JobLife(
                external_task_id=entry.key,
                request=None,
                entry=entry,
                known=self._known.job(entry.key) or self._known.recall(entry.key),
                kind=self.kind_of(entry.request),
                model=model if isinstance(model, str) else None,
                named=not entry.key.startswith(ID_PREFIX),
                lone=False,
                tools=self._tools,
            )
        return life

    async def accept(
        self,
        life: JobLife[RequestT],
        limiters: tuple[Slots, ...],
        stages: Stages,
        *,
        weight: int = 1,
        look_up_first: bool = False,
    ) -> None:
        """Brings a job to where its task is known, unless the client is closed meanwhile; see `JobLife.accept`.

        Raises:
            NotSubmittedError: The client was closed before anything was sent.
            SubmissionUnknownError: It was closed while a create was on its way.
            KlingError: As `JobLife.accept`.
        """
        scope = asyncio.timeout(
            0.0 if self._closed else None
        )  # ends when the client is closed, and never before
        try:
            async with scope:
                self._accepting[scope] = None
                try:
                    await life.accept(limiters, stages, weight=weight, look_up_first=look_up_first)
                finally:
                    del self._accepting[scope]
        except TimeoutError:
            if not scope.expired():
                raise
        else:
            return
        raise life.closed()

    async def aclose(self) -> None:
        """Ends every job that is on its way to acceptance, every wait and every background watch."""
        self._closed = True
        for scope in tuple(self._accepting):
            scope.reschedule(0.0)
        self.waits.poller.close()
        await self._orphans.aclose()
        while self._accepting:  # noqa: ASYNC110 - what they have to record goes before the journal's end, in a few turns
            await asyncio.sleep(0)

    async def _request_of(self, entry: JobEntry) -> RequestT:
        return await self.recorder.request_of(entry, self.request_from)

    def _forget(self, life: JobLife[RequestT]) -> None:
        if self._lives.get(life.external_task_id) is life:
            del self._lives[life.external_task_id]
        if not life.may_exist:
            self._known.release(life.external_task_id)
