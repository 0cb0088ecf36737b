"""Killed in the middle of a commit, and the rollback journal lost too: what was acknowledged is there, or it is an error.

SQLite writes a commit's pages one after the other. Each file here has some pages of the file after a commit and the
others of the file before it, as a kill leaves them; the side file that would take the half commit back is gone.
"""

import asyncio
import random

import pytest
from jobs.journal_files import OWNER, PATH, Plain, without_sync

from kling_async import JournalError
from kling_async.jobs.entry import JobState
from kling_async.jobs.journal import JournalRecord
from kling_async.schema.task import read_task

pytestmark = pytest.mark.anyio

PAGE = 4096


@pytest.fixture(autouse=True)
def unsynced(monkeypatch):
    """Nothing is switched off, and hundreds of files are opened."""
    without_sync(monkeypatch)


async def recorded(path):
    """The file before and after a commit that adds 200 jobs and goes on with 100 of 300; the 300 jobs' keys."""
    journal = JournalRecord(path, OWNER)
    requests = [journal.meet(PATH, Plain(f"job {number} {'x' * (number % 700)}")) for number in range(300)]
    keys = [request.external_task_id for request, _ in await asyncio.gather(*requests)]
    await asyncio.gather(*map(journal.sending, keys[:200]))
    await asyncio.gather(
        *(journal.accepted(key, read_task({"task_id": f"task of {key}"})) for key in keys[:100])
    )
    before = path.read_bytes()
    after = [journal.meet(PATH, Plain(f"new {number}")) for number in range(200)]
    sent = [journal.sending(key) for key in keys[200:]]
    await asyncio.gather(*after, *sent)
    journal.close()
    return before, path.read_bytes(), keys


def torn(before, after, written):
    """The file with so many pages of the later one, given by their numbers."""
    pages = len(after) // PAGE
    length = max(len(before), max((number + 1 for number in written), default=0) * PAGE)
    file = bytearray(before.ljust(length, b"\0"))
    for number in written:
        assert number < pages
        file[number * PAGE : (number + 1) * PAGE] = after[number * PAGE : (number + 1) * PAGE]
    return bytes(file)


async def lost(path, keys):
    """How many acknowledged jobs a journal has lost; None if it cannot be opened."""
    journal = JournalRecord(path, OWNER)
    try:
        await journal.open()
        found = [await journal.find(key) for key in keys]
        listed = {entry.key for entry in await journal.view.entries()}
        accepted = [entry.task_id for entry in found[:100] if entry is not None]
        states = {entry.state for entry in found[:200] if entry is not None}
    except JournalError:
        return None
    finally:
        journal.close()
    assert [f"task of {key}" for key in keys[:100]] == accepted
    assert states <= {JobState.RUNNING, JobState.UNKNOWN}
    return sum(entry is None for entry in found) + len(set(keys) - listed)


async def test_a_torn_commit_loses_nothing_or_is_an_error(tmp_path):
    """Pages in SQLite's own order, and in any: no acknowledged job is ever missing from a journal that opens."""
    before, after, keys = await recorded(tmp_path / "whole.sqlite")
    changed = [
        number
        for number in range(len(after) // PAGE)
        if before[number * PAGE : (number + 1) * PAGE] != after[number * PAGE : (number + 1) * PAGE]
    ]
    assert len(changed) > 20
    chance = random.Random(3)
    orders = [changed[:count] for count in range(len(changed) + 1)]
    orders += [sorted(chance.sample(changed, chance.randrange(len(changed)))) for _ in range(60)]
    ends = []
    for number, written in enumerate(orders):
        path = tmp_path / f"{number}.sqlite"
        path.write_bytes(torn(before, after, written))
        ends.append(await lost(path, keys))
    assert {0, None} == set(ends), "acknowledged jobs are missing, and nobody was told"
    assert (0, 0) == (ends[0], ends[len(changed)])
