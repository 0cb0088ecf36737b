"""The journal as users may read it; reached as `client.journal`.

Promises: nothing here writes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from kling_async.jobs.entry import JobEntry, JobState


class Readable(Protocol):
    """What a view reads from."""

    path: Path

    def iter_entries(self, *states: JobState) -> AsyncIterator[JobEntry]:
        """The jobs in these states, or all, in the order in which they were recorded."""
        ...

    async def find(self, key: str) -> JobEntry | None:
        """The job with this external id; None if there is none."""
        ...

    async def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state."""
        ...


class Journal:
    """The jobs of one account as its journal has them; read-only.

    Args:
        journal: What is read.
    """

    def __init__(self, journal: Readable) -> None:
        self._journal = journal

    @override
    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The journal's file."""
        return self._journal.path

    async def entries(self, *states: JobState) -> list[JobEntry]:
        """The jobs in these states, or all, in the order in which they were recorded.

        Raises:
            JournalError: The journal cannot be read.
        """
        return [entry async for entry in self._journal.iter_entries(*states)]

    async def find(self, key: str) -> JobEntry | None:
        """The job with this external id; None if there is none.

        Raises:
            JournalError: The journal cannot be read.
        """
        return await self._journal.find(key)

    async def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state.

        Raises:
            JournalError: The journal cannot be read.
        """
        return await self._journal.counts()
