"""Opens a journal to be read, without keys and without a client.

Promises: no job is changed and nothing is sent. Damage that is found is marked, as at any opening; a journal that a client
has open cannot be opened here as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kling_async.jobs.journal_reader import JournalReader
from kling_async.jobs.store import Store
from kling_async.jobs.view import Journal


@asynccontextmanager
async def opened_journal(path: Path) -> AsyncIterator[Journal]:
    """A block with the journal at a path, whoever's it is.

    Args:
        path: An existing journal.

    Raises:
        JournalError: There is none, or it is in use, damaged, or of another version.
    """
    store = Store(path, None)
    try:
        reader = JournalReader(path, store)
        await reader.open()
        yield Journal(reader)
    finally:
        store.close()
