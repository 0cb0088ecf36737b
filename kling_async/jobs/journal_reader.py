"""The journal as it is read: one entry, a page of them, and how many there are.

Promises: a journal of any length is read a page at a time; a damaged row comes out as an unknown job that says so, and
what a checksum does not vouch for is never told.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, TypeVar

from kling_async.jobs import journal_schema
from kling_async.jobs.entry import OPEN, JobEntry, JobState
from kling_async.jobs.rows import DAMAGED, JobTable, Stored
from kling_async.jobs.store import Store
from kling_async.jobs.transitions import entry_of
from kling_async.session.clock import now

PAGE: Final = 500
"""How many jobs are read from the file at a time."""

UNMET: Final = frozenset({*map(str, OPEN), DAMAGED})
"""States of rows that count as open jobs until they are met."""

T = TypeVar("T")


class JournalReader:
    """Reads a journal, and opens it first if need be.

    Args:
        path: The journal's file, as it was given.
        store: The thread that has it.
    """

    def __init__(self, path: Path, store: Store) -> None:
        self.path = path
        self.opened_at: float = math.inf
        """Event-loop time, in seconds, of the opening; infinity until then."""

        self.salt: bytes | None = None
        """What tells this journal's keys from another's; None until it is opened."""

        self.last_at_opening: int = 0
        """Place of the last job that was there at the opening."""

        self.unmet_at_opening: int = 0
        """How many open jobs were there at the opening."""

        self._store = store

    async def open(self) -> None:
        """Opens the journal; does nothing if it is open.

        Raises:
            JournalError: It is locked, damaged, gone, of another account or host, or of another version.
        """
        if self.salt is None:
            salt, last, unmet = await self._store.run(_at_opening)
            if self.salt is None:  # nobody else opened it meanwhile
                self.salt, self.last_at_opening, self.unmet_at_opening = salt, last, unmet
                self.opened_at = now()

    async def do(self, work: Callable[[JobTable], T]) -> T:
        """Does a piece of work on the rows; returns when what it wrote is on the disk.

        Raises:
            JournalError: The journal cannot be used.
        """
        await self.open()
        salt = self.salt or b""
        return await self._store.run(lambda db: work(JobTable(db, salt)))

    async def find(self, key: str) -> JobEntry | None:
        """The job with this external id; None if there is none.

        Raises:
            JournalError: The journal cannot be read.
        """

        def work(table: JobTable) -> JobEntry | None:
            stored = table.find(key)
            return None if stored is None else entry_of(stored)

        return await self.do(work)

    async def iter_entries(self, *states: JobState) -> AsyncIterator[JobEntry]:
        """The jobs in these states, or all, in the order in which they were recorded.

        They are read a page at a time, so that the first come at once however many there are.
        """
        async for _, entry in self.pages(*states):
            yield entry

    async def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state; damaged ones are unknown."""
        found: Counter[str] = Counter()
        for state, number in await self.do(lambda table: list(table.counts())):
            found[JobState.UNKNOWN if state == DAMAGED else state] += number
        return {state: found[state] for state in JobState}

    async def pages(
        self, *states: JobState, until: float = math.inf
    ) -> AsyncIterator[tuple[Stored, JobEntry]]:
        """Rows and entries in these states, or all, in the order in which they were recorded.

        Args:
            states: The states; unknown ones include damaged rows.
            until: Place of the last row.
        """
        wanted = [*states, DAMAGED] if JobState.UNKNOWN in states else states
        after = 0

        def work(table: JobTable) -> list[tuple[Stored, JobEntry]]:
            return [(stored, entry_of(stored)) for stored in table.page(after, wanted, PAGE)]

        while page := await self.do(work):
            for stored, entry in page:
                if stored.seq > until:
                    return
                yield stored, entry
            after = page[-1][0].seq


def _at_opening(db: sqlite3.Connection) -> tuple[bytes, int, int]:
    """The salt, the last job's place, and how many jobs are open."""
    salt = journal_schema.salt_of(db)
    table = JobTable(db, salt)
    counts = dict(table.counts())
    if not counts.keys() <= {*JobState, DAMAGED}:
        table.mark_damage()  # rows that no list of states would show
        counts = dict(table.counts())
    return salt, table.last(), sum(counts.get(state, 0) for state in UNMET)
