"""Proof 8, the controls: a client with one promise broken must fail the matrix that guards it.

Each scenario runs twice: with the client as it is, where the judge has nothing to say, and with one place of it
replaced, where the judge must complain. The service here holds no id unique where a control needs that: its own guard
would hide the broken promise.
"""

import asyncio
import shutil
from collections import Counter
from contextlib import nullcontext

import pytest
from attrs import evolve
from proof_helpers import (
    Told,
    client,
    emulating,
    judge_lost,
    judge_slots,
    judge_twice,
    requests,
    run_batch,
    unguarded,
)
from proof_matrix import Scenario, run_jobs

from kling_async.jobs.job import JobLife
from kling_async.jobs.journal import JournalRecord
from kling_async.jobs.submission import Submission
from kling_async.session.submit import new_external_id

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


@pytest.fixture(params=["whole", "broken"])
def broken(request):
    """Whether one promise is broken."""
    return request.param == "broken"


def complaint(broken, text):
    """The judge must complain of a broken client with this text, and of a whole one not at all."""
    return pytest.raises(AssertionError, match=text) if broken else nullcontext()


async def no_write_ahead(self, key):
    """Stands for `JournalRecord.sending`: the intent is not recorded."""


async def no_sweep(self, reason):
    """Stands for `Submission.look_up`: nothing is looked up, so that it is sent again at once."""


async def killed_after_accept(emulator, journal, batch):
    """Runs a batch until the service has every task but the journal knows of none; gives the journal's copy.

    What a killed process leaves is what is in the files at that moment.
    """
    reached, copy = asyncio.Event(), journal.with_name("left.sqlite")

    async def never(_self, _key, _task):
        if len(emulator.tasks) == len(batch):
            reached.set()
        await asyncio.Event().wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JournalRecord, "accepted", never)
        async with client(emulator, journal=journal) as kling:
            running = asyncio.ensure_future(kling.image2video.generate_all(batch))
            await reached.wait()
            shutil.copy(journal, copy)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    return copy


async def test_without_write_ahead_a_killed_batch_is_paid_twice(broken, tmp_path, monkeypatch):
    """Control a: the intent is not on the disk before the create leaves."""
    batch = requests()
    async with emulating() as emulator:
        unguarded(emulator)
        if broken:
            monkeypatch.setattr(JournalRecord, "sending", no_write_ahead)
        left = await killed_after_accept(emulator, tmp_path / "jobs.sqlite", batch)
        told = Told()
        async with client(emulator, journal=left) as kling:
            await run_batch(kling, batch, told)
        assert 0 == len(told.errors)
        with complaint(broken, "created twice"):
            judge_twice(emulator, len(batch))
        with complaint(broken, "not fetched"):
            judge_lost(emulator, told.fetched)


def new_id_on_duplicate(monkeypatch):
    """Lets the client send anew under a fresh id what "already exists"."""

    def renamed(self, upload):
        """The body under the id that the job has now."""
        pieces = upload.pieces[0].replace(self.first_id, self._external_id.encode())
        return evolve(upload, pieces=(pieces,), sizes=(len(pieces),))

    async def confirmed(self, _duplicate):
        self._external_id = new_external_id()
        return (await whole_run(self, renamed(self, self.upload), self.before_send, lone=False))[0]

    async def run(self, upload, before_send, *, lone):
        self.upload, self.before_send = upload, before_send
        self.first_id = getattr(self, "first_id", self._external_id.encode())
        return await whole_run(self, renamed(self, upload), before_send, lone=lone)

    whole_run = Submission.run
    monkeypatch.setattr(Submission, "run", run)
    monkeypatch.setattr(Submission, "_confirmed", confirmed)


async def test_a_new_id_on_already_exists_pays_twice(broken, monkeypatch):
    """Control b: by a service that holds ids unique, and says of our own task that the id exists already."""
    batch = requests()
    async with emulating() as emulator:
        if broken:
            new_id_on_duplicate(monkeypatch)
        emulator.fault("create", "duplicate", times=3)
        told = Told()
        async with client(emulator) as kling:
            await run_batch(kling, batch, told)
        with complaint(broken, "11 tasks for 8 jobs"):
            judge_twice(emulator, len(batch))
        with complaint(broken, "not fetched"):
            judge_lost(emulator, told.fetched)


def new_id_on_unknown(monkeypatch):
    """Lets the client look nothing up and send under a fresh id what had no clear outcome."""

    async def look_up(self, reason):
        return await confirmed(self, reason)

    new_id_on_duplicate(monkeypatch)
    confirmed = Submission._confirmed
    monkeypatch.setattr(Submission, "look_up", look_up)


@pytest.mark.parametrize("kind", ["reset-after", "error-after", "truncate", "late-creation"])
async def test_a_new_id_after_an_unknown_outcome_pays_twice(broken, kind, monkeypatch):
    """Control b: the service's guard cannot help, since it never sees the old id again."""
    batch = requests()
    async with emulating() as emulator:
        if broken:
            new_id_on_unknown(monkeypatch)
        emulator.fault("create", kind, times=3)
        told = Told()
        async with client(emulator) as kling:
            await run_batch(kling, batch, told)
        with complaint(broken, "11 tasks for 8 jobs"):
            judge_twice(emulator, len(batch))


def without_sweep(monkeypatch):
    """Lets the client send again at once what has no clear outcome."""
    monkeypatch.setattr(Submission, "look_up", no_sweep)


@pytest.mark.parametrize("seconds", [1.0, 25.0])
async def test_without_the_sweep_a_late_creation_is_paid_twice(broken, seconds, monkeypatch):
    """Control c: what has no clear outcome is sent again at once, to a service that holds no id unique."""
    batch = requests()
    async with emulating() as emulator:
        unguarded(emulator)
        if broken:
            without_sweep(monkeypatch)
        emulator.fault("create", "late-creation", times=3, seconds=seconds)
        told = Told()
        async with client(emulator) as kling:
            await run_batch(kling, batch, told)
        with complaint(broken, "created twice"):
            judge_twice(emulator, len(batch))
        with complaint(broken, "not fetched"):
            judge_lost(emulator, told.fetched)


def freed_on_create(monkeypatch):
    """Lets a job give its slot back as soon as its task exists."""
    accepted = JobLife._accepted

    async def accepted_and_freed(self, task, *, adopted):
        await accepted(self, task, adopted=adopted)
        self._slots[-1].release()

    monkeypatch.setattr(JobLife, "_accepted", accepted_and_freed)


async def test_slots_freed_on_create_exceed_max_in_flight(broken, monkeypatch):
    """Control d: more tasks run at the service than the client was allowed."""
    batch = requests(16)
    async with emulating() as emulator:
        if broken:
            freed_on_create(monkeypatch)
        told = Told()
        async with client(emulator, max_in_flight=4) as kling:
            await run_batch(kling, batch, told)
        judge_twice(emulator, len(batch))
        with complaint(broken, "in flight, 4 allowed"):
            judge_slots(emulator, 4)


async def test_slots_freed_on_create_are_refused_by_the_service(broken, monkeypatch):
    """Control d: on an account with exactly the client's slots no create is refused, unless slots are freed early."""
    batch = requests(16)
    async with emulating(capacity=4) as emulator:
        if broken:
            freed_on_create(monkeypatch)
        async with client(emulator, max_in_flight=4) as kling:
            await run_batch(kling, batch, Told())
        judge_twice(emulator, len(batch))
        with complaint(broken, "creates were refused"):
            assert len(batch) == emulator.counts["create"], "creates were refused"


IMAGES = {"path": "/v1/images/generations", "jobs": 14}
MATRIX = [
    ("new id on duplicate", new_id_on_duplicate, Scenario("create", "duplicate", "burst", 0)),
    ("new id on unknown", new_id_on_unknown, Scenario("create", "reset-after", "burst", 1)),
    ("new id on unknown, late", new_id_on_unknown, Scenario("create", "late-creation", "burst", 2)),
    ("no sweep", without_sweep, Scenario("create", "late-creation", "burst", 2, guarded=False)),
    ("no sweep, answer lost", without_sweep, Scenario("create", "error-after", "random", 2, guarded=False)),
    ("freed on create", freed_on_create, Scenario("get", "delay", "first", 0)),
    (
        "images, new id on duplicate",
        new_id_on_duplicate,
        Scenario("create", "duplicate", "burst", 0, **IMAGES),
    ),
    ("images, new id on unknown", new_id_on_unknown, Scenario("create", "reset-after", "burst", 1, **IMAGES)),
    (
        "images, no sweep",
        without_sweep,
        Scenario("create", "error-after", "random", 2, guarded=False, **IMAGES),
    ),
    ("images, freed on create", freed_on_create, Scenario("get", "delay", "first", 0, **IMAGES)),
]


@pytest.mark.parametrize(("breaking", "scenario"), [pytest.param(*each, id=name) for name, *each in MATRIX])
async def test_the_fault_matrix_itself_complains_of_a_broken_client(
    broken, breaking, scenario, tmp_path, monkeypatch
):
    """Cells of the matrix that pass with the client as it is and fail with a broken one."""
    if broken:
        breaking(monkeypatch)
    with complaint(broken, r"created twice|tasks for (8|14) jobs|in flight, 3 allowed"):
        await run_jobs(scenario, tmp_path, Counter())
