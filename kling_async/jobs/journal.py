"""The journal: written before it is sent; what a killed process goes on from.

Promises: a job's intent is on the disk before the first byte of its create leaves; its task id, its end and its finished
download are recorded after. The key of a job is its external id: the caller's, or one derived from the request, its place
among equal requests and the journal's salt, so that the same script run again meets its own jobs. What the service has
accepted is never submitted again, and neither is a job whose entry is damaged.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from typing_extensions import override

from kling_async.errors import JournalError, KlingError, harmless
from kling_async.jobs import request_record, transitions
from kling_async.jobs.entry import JobEntry, JobState
from kling_async.jobs.journal_reader import UNMET, JournalReader
from kling_async.jobs.recorder import FromMapping
from kling_async.jobs.request_record import RequestT
from kling_async.jobs.rows import DAMAGED, JobTable, Stored
from kling_async.jobs.store import Store
from kling_async.jobs.transitions import entry_of
from kling_async.jobs.view import Journal
from kling_async.schema.task import Task
from kling_async.session.submit import ID_PREFIX

logger: Final = logging.getLogger(__name__)

_RESUMED: Final = (
    (JobState.RUNNING, JobState.READY),
    (JobState.UNKNOWN,),
    (JobState.QUEUED,),
    (JobState.CANCELLED,),
)
"""The order in which `entries_to_resume` gives entries: what is paid for comes first."""


class JournalRecord:
    """The jobs of one account in one file; a `Recorder`.

    Args:
        path: The file.
        owner: Whose jobs these are: the host and a digest of the key, with a space between.
        adopt: Whether a journal of another key at the same host becomes this key's.
        clock: Wall-clock time in unix seconds.
        store: Where the rows are kept instead of the file; for a simulation.
    """

    def __init__(
        self,
        path: Path,
        owner: str,
        *,
        adopt: bool = False,
        clock: Callable[[], float] = time.time,
        store: Store | None = None,
    ) -> None:
        self.path = path
        self.durable = True
        self._store = store or Store(path, owner, adopt=adopt)
        self._reader = JournalReader(path, self._store)
        self.view: Journal = Journal(self._reader)
        """What users may read of it."""

        self._clock = clock
        self._places: Counter[str] = Counter()
        self._in_order = asyncio.Lock()
        self._met: set[int] = set()  # places of unfinished jobs of earlier processes
        self._gone_on_with = 0  # how many of them were open
        self._intents: set[str] = (
            set()
        )  # keys whose intent this process made durable, and that have no answer
        self._were_queued: set[str] = set()  # keys that are unknown only by an intent of this process

    @override
    def __repr__(self) -> str:
        return f"JournalRecord({str(self.path)!r})"

    @property
    def opened_at(self) -> float:
        """Event-loop time, in seconds, at which the journal was opened; infinity until then."""
        return self._reader.opened_at

    async def open(self) -> None:
        """Opens the file, so that one that cannot be used is found before any work is done.

        Raises:
            JournalError: It is locked, damaged, gone, of another account or host, or of another version.
        """
        await self._reader.open()

    def close(self) -> None:
        """Writes what waits and lets the file go."""
        self._store.close()

    async def meet(self, endpoint: str, request: RequestT) -> tuple[RequestT, JobEntry]:
        """Records a request as queued, or meets the job that it became in an earlier run.

        Args:
            endpoint: Path of the endpoint that it is for.
            request: With an external id, or without one.

        Returns:
            The request under its key, and the job's entry.

        Raises:
            JournalError: The journal cannot be written, or the key belongs to another request.
            ValidationError: A picture's file cannot be read.
        """
        async with self._in_order:  # equal requests have places by their turn, however long a file takes
            await self._reader.open()
            recorded = await request_record.record(request)
            key = request.external_task_id or self._derived_key(request_record.fingerprint(recorded))
        text = json.dumps(recorded)

        def work(table: JobTable) -> tuple[Stored, JobEntry]:
            before, stored = transitions.met(table, key, endpoint, text)
            return before, entry_of(stored)

        before, entry = await self._reader.do(work)
        self._hand_out(before, entry)
        if request.external_task_id is None:
            request = request_record.identified_as(request, key)
        return request, entry

    async def find(self, key: str) -> JobEntry | None:
        """The job with this external id; None if there is none.

        Raises:
            JournalError: The journal cannot be read.
        """
        return await self._reader.find(key)

    async def sending(self, key: str) -> None:
        """Makes the intent durable; the create may be sent when this returns, and again until it is answered.

        Raises:
            JournalError: It could not be made durable, or the entry is damaged or has a task; nothing may be sent.
        """
        if key in self._intents:
            return

        now = self._clock()

        def work(table: JobTable) -> None:
            if transitions.intended(table, key, now):
                self._were_queued.add(key)

        await self._reader.do(work)
        self._intents.add(key)

    async def not_accepted(self, key: str, error: KlingError) -> None:
        """Notes that the create was refused or never left: the job may be sent again."""
        self._forget_intent(key)
        await self._note(lambda table: transitions.refused(table, key, harmless(str(error), 1000)))

    def cancelled(self, key: str) -> None:
        """Notes that the caller cancelled a job of which nothing was sent; never waits, and `close` flushes it."""

        def work(table: JobTable) -> None:
            transitions.cancelled(table, key, was_queued=key in self._were_queued)

        self._intents.discard(key)
        salt = self._reader.salt
        if salt is None:
            return  # so nothing was recorded
        try:
            self._store.post(lambda db: work(JobTable(db, salt)), _log)
        except JournalError as error:
            _log(error)

    async def accepted(self, key: str, task: Task) -> None:
        """Notes that the service has the task."""
        self._forget_intent(key)
        await self._note(lambda table: transitions.accepted(table, key, task))

    async def ended(self, task: Task) -> None:
        """Notes that the task has ended."""
        await self._note(lambda table: transitions.ended(table, task))

    async def fetched(self, task_id: str, file: Path, digest: str) -> None:
        """Notes that the task's video is on the disk.

        Args:
            task_id: The service's id of the task.
            file: The video's absolute path.
            digest: The file's SHA-256 in hexadecimal digits.
        """
        await self._note(lambda table: transitions.fetched(table, task_id, file, digest))

    async def request_of(self, entry: JobEntry, from_mapping: FromMapping[RequestT]) -> RequestT:
        """The entry's request, made again from its record.

        Raises:
            JournalError: A picture was given as bytes, has changed, or the request was lost to damage.
            ValidationError: A picture's file cannot be read.
        """
        return await request_record.request_of(entry, from_mapping)

    def unmet(self) -> int:
        """How many open entries were there at the opening and have been neither met nor resumed since."""
        return self._reader.unmet_at_opening - self._gone_on_with

    async def entries_to_resume(self, endpoint: str, *, cancelled: bool) -> AsyncIterator[JobEntry]:
        """The endpoint's open entries: those with a task, then unknown, then queued ones.

        Damaged entries, whose endpoint is not known, come with the unknown ones of every endpoint. What is recorded
        after the first entry was asked for is left to whoever recorded it.

        Args:
            endpoint: Path of the endpoint.
            cancelled: Whether cancelled jobs come after them.
        """
        last = await self._reader.do(JobTable.last)
        for states in _RESUMED if cancelled else _RESUMED[:-1]:
            async for stored, entry in self._reader.pages(*states, until=last):
                if stored.row.endpoint == endpoint or stored.row.state == DAMAGED:
                    sent = entry.key in self._intents  # since its page was read
                    now = (await self._reader.find(entry.key) or entry) if sent else entry
                    self._hand_out(stored, now)
                    yield now

    def _derived_key(self, fingerprint: str) -> str:
        place = self._places[fingerprint]
        self._places[fingerprint] += 1
        text = f"{(self._reader.salt or b'').hex()}:{fingerprint}:{place}"
        return f"{ID_PREFIX}{hashlib.sha256(text.encode()).hexdigest()[:40]}"

    def _hand_out(self, stored: Stored, entry: JobEntry) -> None:
        """Counts an open job as gone on with; one that is handed out as unknown was sent, for all that is known."""
        if entry.state is JobState.UNKNOWN:
            self._were_queued.discard(entry.key)
        row, seq = stored.row, stored.seq
        old = seq <= self._reader.last_at_opening and row.state in {*UNMET, JobState.CANCELLED}
        if old and seq not in self._met:
            self._met.add(seq)
            self._gone_on_with += row.state in UNMET

    def _forget_intent(self, key: str) -> None:
        self._intents.discard(key)
        self._were_queued.discard(key)

    async def _note(self, work: Callable[[JobTable], None]) -> None:
        """Records what has happened already: a full disk must not stop the fetching of what is paid for."""
        try:
            await self._reader.do(work)
        except JournalError as error:
            _log(error)


def _log(error: Exception) -> None:
    logger.error("the journal could not record what happened, and will look it up again: %s", error)
