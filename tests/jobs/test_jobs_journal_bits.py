"""One flipped bit anywhere in a closed journal: nothing is paid for twice, nothing foreign is believed, nothing hangs.

The service is a dictionary here, so that each of thousands of journals can be gone on with; the judge is what it has.
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

STATES = ("ready", "running", "unknown", "done", "failed", "cancelled", "queued")
IN_CI = 3000
"""So many bits in the ordinary run; all of them in the slow one."""


def raw(task_id, status):
    """A task as the service shows it."""
    videos = [{"id": "v", "url": f"https://cdn.example/{task_id}.mp4", "duration": "5"}]
    return {"task_id": task_id, "task_status": status, "task_result": {"videos": videos}}


class Service:
    """Remembers what was created under which id, and what was paid for twice."""

    def __init__(self, tasks=()):
        self.tasks = dict(tasks)
        self.twice = []

    def create(self, key):
        """A new task, however often the id was there before."""
        if key in self.tasks:
            self.twice.append(key)
        self.tasks[key] = f"task of {key}"
        return self.find(key)

    def find(self, key):
        """The task with this external id, or None."""
        return read_task(raw(self.tasks[key], "processing")) if key in self.tasks else None


async def recorded(path, service):
    """A closed journal with a job in each state; the keys by state."""
    journal, keys = JournalRecord(path, OWNER), {}
    for state in STATES:
        request, _ = await journal.meet(PATH, Plain(f"a job that is {state}"))
        key = keys[state] = request.external_task_id
        if state == "cancelled":
            journal.cancelled(key)
        if state in {"queued", "cancelled"}:
            continue
        await journal.sending(key)
        task = service.create(key)
        if state == "unknown":
            continue
        await journal.accepted(key, task)
        if state in {"ready", "done", "failed"}:
            await journal.ended(read_task(raw(task.task_id, "failed" if state == "failed" else "succeed")))
        if state == "done":
            await journal.fetched(task.task_id, path.with_name("v.mp4"), "0" * 64)
    journal.close()
    return keys


async def go_on(journal, service, entry, key):
    """What a job does with its entry: the end, the task, a look-up, or a create."""
    if entry.task is not None:
        assert service.tasks[key] == entry.task.task_id, "another task's end was believed"
        return
    if entry.task_id is not None:
        assert service.tasks[key] == entry.task_id, "another task's id was believed"
        return
    task = service.find(key) if entry.state is JobState.UNKNOWN else None
    if task is None:
        await journal.sending(key)
        task = service.create(key)
    await journal.accepted(key, task)


async def whole_script(path, service):
    """The script again, then `resume`: each job goes on or is told as a `JournalError`."""
    refused = 0
    journal = JournalRecord(path, OWNER)
    try:
        for state in STATES:
            try:
                request, entry = await journal.meet(PATH, Plain(f"a job that is {state}"))
                await go_on(journal, service, entry, request.external_task_id)
            except JournalError:
                refused += 1
        try:
            async for entry in journal.entries_to_resume(PATH, cancelled=True):
                await go_on(journal, service, entry, entry.key)
            await journal.view.entries()
            await journal.view.counts()
        except JournalError:
            refused += 1
    finally:
        journal.close()
    return refused


@pytest.fixture(autouse=True)
def unsynced(monkeypatch):
    """Thousands of syncs take minutes."""
    without_sync(monkeypatch)


@pytest.fixture
async def closed(tmp_path):
    """A closed journal's bytes, the service after it, and the jobs' keys."""
    service = Service()
    keys = await recorded(tmp_path / "whole.sqlite", service)
    return (tmp_path / "whole.sqlite").read_bytes(), service.tasks, keys


async def check(path, whole, tasks, bit):
    """Flips one bit and goes on; returns how many jobs were refused."""
    spoilt = bytearray(whole)
    spoilt[bit // 8] ^= 1 << bit % 8
    path.write_bytes(spoilt)
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    service = Service(tasks)
    refused = await asyncio.wait_for(whole_script(path, service), 20)
    assert not service.twice, f"bit {bit}: paid for twice"
    known = {*tasks, *service.tasks}
    assert len(known) <= len(STATES), f"bit {bit}: a job under another key"
    return refused


async def test_the_judge_has_teeth(tmp_path, closed):
    """A fresh journal in the old one's place pays for every job again, under other keys."""
    _, tasks, _ = closed
    service = Service(tasks)
    assert 0 == await whole_script(tmp_path / "fresh.sqlite", service)
    assert len({*tasks, *service.tasks}) > len(STATES)


async def test_an_undamaged_journal_goes_on_with_every_job(tmp_path, closed):
    """No job is refused, and what was queued or cancelled is created once."""
    whole, tasks, keys = closed
    (tmp_path / "same.sqlite").write_bytes(whole)
    service = Service(tasks)
    assert 0 == await whole_script(tmp_path / "same.sqlite", service)
    assert set(keys.values()) == set(service.tasks)
    assert not service.twice


async def test_flipped_bits_of_a_closed_journal(tmp_path, closed):
    """A sample over the whole file, all bits of its header and of each page's first bytes among it."""
    whole, tasks, _ = closed
    heads = [
        8 * (page + at) + bit for page in range(0, len(whole), 4096) for at in range(8) for bit in (0, 3, 7)
    ]
    bits = [*range(8 * 16, 8 * 100, 5), *heads, *random.Random(7).sample(range(8 * len(whole)), IN_CI)]
    used = [bit for bit in bits if any(whole[bit // 8 - 4 : bit // 8 + 5])]  # SQLite leaves much unused
    for bit in used:
        await check(tmp_path / "jobs.sqlite", whole, tasks, bit)


@pytest.mark.slow
@pytest.mark.timeout(7200)
async def test_every_bit_of_a_closed_journal(tmp_path, closed, capsys):
    """All of them, those that SQLite does not use aside."""
    whole, tasks, _ = closed
    used = [bit for bit in range(8 * len(whole)) if any(whole[max(0, bit // 8 - 4) : bit // 8 + 5])]
    refused = [await check(tmp_path / "jobs.sqlite", whole, tasks, bit) for bit in used]
    with capsys.disabled():
        told = sum(map(bool, refused))
        print(f"\n{len(used)} bits, {told} of them told as a JournalError: 0 twice, 0 foreign, 0 hung")  # noqa: T201 - the proof's figures
