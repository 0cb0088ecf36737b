"""The journal: written before it is sent; what a killed process goes on from.

Promises: a job's intent is on the disk before the first byte of its create leaves; its task id, its end and its finished
download are recorded after. The key of a job is its external id: the caller's, or one derived from the request, its place
among equal requests and the journal, so that the same script run again meets its own jobs. What the service has accepted
is never submitted again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from anyio import to_thread
from attrs import evolve
from typing_extensions import override

from kling_async.errors import JournalError, KlingError, harmless
from kling_async.jobs import request_record
from kling_async.jobs.entry import JobEntry, JobState
from kling_async.jobs.store import Store
from kling_async.jobs.view import JournalView
from kling_async.schema.task import Task, read_task
from kling_async.session.submit import ID_PREFIX

logger: Final = logging.getLogger("kling_async")


PAGE: Final = 500
"""How many jobs are read from the file at a time."""

_SELECT: Final = (
    "SELECT rowid, key, endpoint, state, request, sent_at, task_id, task, error, file, digest FROM jobs"
)


def _entry(row: Sequence[Any]) -> JobEntry:
    _, key, endpoint, state, request, sent_at, task_id, task, error, file, digest = row
    try:
        return JobEntry(
            key,
            endpoint,
            JobState(state),
            dict(json.loads(request)),
            sent_at,
            task_id,
            None if task is None else read_task(json.loads(task)),
            error,
            None if file is None else Path(file),
            digest,
        )
    except (ValueError, TypeError, RecursionError, KlingError) as damage:
        raise JournalError(f"the journal's entry of job {key} is damaged: {damage}") from None


def _read_entries(rows: Sequence[Sequence[Any]]) -> list[JobEntry]:
    return [_entry(row) for row in rows]


class Journal:
    """The jobs of one account in one file; reached as `client.journal`.

    Args:
        path: The file.
        owner: Whose jobs these are: the host and a digest of the key.
        clock: Wall-clock time in unix seconds.
    """

    def __init__(self, path: Path, owner: str, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._store = Store(path, owner)
        self._clock = clock
        self._places: Counter[str] = Counter()
        self._in_order = asyncio.Lock()
        self._salt: str | None = None

    @override
    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r})"

    async def open(self) -> None:
        """Opens the file, so that one that cannot be used is found before any work is done.

        Raises:
            JournalError: It is locked, damaged, of another account or host, or of a newer version.
        """
        if self._salt is None:
            query = "SELECT value FROM meta WHERE name = 'salt'"
            self._salt = (await self._store.run(lambda db: db.execute(query).fetchone()))[0]

    async def entries(self, *states: JobState, endpoint: str = "%") -> list[JobEntry]:
        """The jobs in these states, or all, in the order in which they were recorded."""
        return [entry async for entry in self.iter_entries(*states, endpoint=endpoint)]

    async def iter_entries(self, *states: JobState, endpoint: str = "%") -> AsyncIterator[JobEntry]:
        """The same, read a page at a time, so that the first come at once however many there are."""
        wanted = states or tuple(JobState)
        marks = ", ".join("?" * len(wanted))
        query = f"{_SELECT} WHERE rowid > ? AND state IN ({marks}) AND endpoint LIKE ? ORDER BY rowid LIMIT {PAGE}"
        last = 0
        while rows := await self._rows(query, (last, *wanted, endpoint)):
            last = rows[-1][0]
            for entry in await to_thread.run_sync(_read_entries, rows):
                yield entry

    async def counts(self) -> dict[JobState, int]:
        """How many jobs stand where."""
        found = dict(await self._rows("SELECT state, count(*) FROM jobs GROUP BY state", ()))
        return {state: found.get(state.value, 0) for state in JobState}

    async def find(self, key: str) -> JobEntry | None:
        """The job with this external id, or None."""
        rows = await self._rows(f"{_SELECT} WHERE key = ?", (key,))
        return _entry(rows[0]) if rows else None

    async def meet(
        self, endpoint: str, request: request_record.RequestT
    ) -> tuple[request_record.RequestT, JobEntry]:
        """Records a request that is to become a job, or meets the job that it became in an earlier run.

        Args:
            endpoint: The path of the endpoint that it is for.
            request: With an external id, or without one.

        Returns:
            The request under its key, and the job's entry.

        Raises:
            JournalError: The journal cannot be written, or the key belongs to another request.
            ValidationError: A picture's file cannot be read.
        """
        async with (
            self._in_order
        ):  # equal requests have their places by their turn, however long a file takes
            await self.open()
            recorded = await request_record.record(request)
            key = request.external_task_id or self._derived_key(request_record.fingerprint(recorded))
        await self._write(
            "INSERT INTO jobs (key, endpoint, state, request) VALUES (?, ?, 'queued', ?) ON CONFLICT DO NOTHING",
            (key, endpoint, json.dumps(recorded)),
        )
        entry = await self.find(key)
        if entry is None:
            raise JournalError(f"the journal {self.path} has lost job {key}")
        if request_record.fingerprint(entry.request) != request_record.fingerprint(recorded):
            raise JournalError(f"job {harmless(key)} is in the journal already, with another request")
        if request.external_task_id is None:
            request = evolve(request, external_task_id=key)  # type: ignore[misc] # requests are attrs classes
        return request, entry

    def _derived_key(self, fingerprint: str) -> str:
        place = self._places[fingerprint]
        self._places[fingerprint] += 1
        text = f"{self._salt}:{fingerprint}:{place}"
        return f"{ID_PREFIX}{hashlib.sha256(text.encode()).hexdigest()[:40]}"

    def doubtful_for(self, entry: JobEntry) -> float | None:
        """Seconds since a create of unknown outcome was about to be sent; None where there is no doubt."""
        if entry.state is not JobState.UNKNOWN or entry.sent_at is None:
            return None
        return max(0.0, self._clock() - entry.sent_at)

    async def sending(self, key: str) -> None:
        """Makes the intent durable; the create may be sent when this returns."""
        await self._write(
            "UPDATE jobs SET state = 'unknown', sent_at = ?, error = NULL WHERE key = ?", (self._clock(), key)
        )

    async def not_accepted(self, key: str, error: KlingError) -> None:
        """The create was refused or never left: the job may be sent again."""
        await self._note(
            "UPDATE jobs SET state = 'queued', error = ? WHERE key = ?", (harmless(str(error), 1000), key)
        )

    async def accepted(self, key: str, task: Task) -> None:
        """The service has the task."""
        await self._note("UPDATE jobs SET state = 'running', task_id = ? WHERE key = ?", (task.task_id, key))

    async def ended(self, task: Task) -> None:
        """The task has ended."""
        state = JobState.READY if task.succeeded else JobState.FAILED
        await self._note(
            "UPDATE jobs SET state = ?, task = ?, error = ? WHERE task_id = ? AND state IN ('running', 'unknown')",
            (state, json.dumps(dict(task.raw)), task.status_message or None, task.task_id),
        )

    async def fetched(self, task_id: str, file: Path, digest: str) -> None:
        """The task's video is on the disk, as the absolute path `file`."""
        await self._note(
            "UPDATE jobs SET state = 'done', file = ?, digest = ? WHERE task_id = ?",
            (str(file), digest, task_id),
        )

    durable = True
    opened_at = 0.0

    @property
    def view(self):
        return JournalView(self)

    def cancelled(self, key):
        pass

    async def request_of(self, entry, from_mapping):
        return await request_record.request_of(entry.request, entry.key, from_mapping)

    def unmet(self):
        return 0

    async def entries_to_resume(self, endpoint, *, cancelled):
        for states in (("running", "ready"), ("unknown",), ("queued",)):
            async for entry in self.iter_entries(*map(JobState, states), endpoint=endpoint):
                yield entry

    def close(self) -> None:
        """Writes what waits and lets the file go."""
        self._store.close()

    async def _rows(self, query: str, values: Sequence[Any]) -> list[Any]:
        return await self._store.run(lambda db: db.execute(query, values).fetchall())

    async def _write(self, statement: str, values: Sequence[Any]) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute(statement, values)

        await self._store.run(work)

    async def _note(self, statement: str, values: Sequence[Any]) -> None:
        """Records what has happened already: a full disk must not stop the fetching of what is paid for."""
        try:
            await self._write(statement, values)
        except JournalError as error:
            logger.error("the journal could not record what happened, and will look it up again: %s", error)  # noqa: TRY400 - the error says it all
