"""What the proofs share: an event loop whose clock waits for threads, a world to run batches in, and the judge.

The judge reads the emulator's ledger and nothing of the client's own view but what the client handed to its caller:
tasks and errors. A job is twice where the ledger has more than one task for it, and lost where a finished task of the
ledger was not returned and no error holds an id by which it can be fetched.
"""

import asyncio
import functools
import math
import selectors
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import attrs
from virtual_time import VirtualLoop, _JumpingSelector, wall_clock

from kling_async import Image2VideoRequest, KlingClient
from kling_async.emulator import ByClock, Emulator
from kling_async.errors import SubmissionUnknownError, TaskError
from kling_async.jobs import journal_file, store


class _Threads:
    """Counts the work that threads do for the loop; while there is any, virtual time stands still."""

    def __init__(self):
        self.busy = 0

    def watched(self, call):
        """The coroutine function `call`, counted while it runs."""

        @functools.wraps(call)
        async def counted(*args, **kwargs):
            self.busy += 1
            try:
                return await call(*args, **kwargs)
            finally:
                self.busy -= 1

        return counted


_THREADS = _Threads()


class _PatientSelector(_JumpingSelector):
    """Jumps only where nothing is ready and no thread is at work."""

    def select(self, timeout=None):
        """Waits for threads in real time and for everything else in virtual time."""
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if _THREADS.busy:
            return selectors.DefaultSelector.select(self, min(0.5, timeout))
        events = selectors.DefaultSelector.select(self, 0) or selectors.DefaultSelector.select(self, 0)
        if not events:
            self.elapsed += timeout
        return events


class ProofLoop(VirtualLoop):
    """A loop on virtual time that does not run away while the journal's thread or a file's is at work."""

    def __init__(self):
        self._jumping = _PatientSelector()
        asyncio.SelectorEventLoop.__init__(self, self._jumping)


PROOF_TIME = ("asyncio", {"loop_factory": ProofLoop})
"""What the fixture `anyio_backend` is for proofs with the marker `virtual_time`; needs `watch_threads`."""


def watch_threads(monkeypatch):
    """Lets virtual time wait for threads, and the journal's disk not be synced: no machine is switched off here."""
    _THREADS.busy = 0
    monkeypatch.setattr(store.Store, "run", _THREADS.watched(store.Store.run))
    monkeypatch.setattr(anyio.to_thread, "run_sync", _THREADS.watched(anyio.to_thread.run_sync))
    monkeypatch.setattr(asyncio, "to_thread", _THREADS.watched(asyncio.to_thread))
    opened = journal_file.JournalFile.open

    def without_sync(self):
        connection = opened(self)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr(journal_file.JournalFile, "open", without_sync)


def requests(count=8, *, named=False):
    """Requests that differ in their prompt; `named` ones have the caller's own ids."""
    return [
        Image2VideoRequest(
            image="https://pictures.example/a.png",
            prompt=f"shot {number}",
            external_task_id=f"shot-{number}" if named else None,
        )
        for number in range(count)
    ]


def mappings(count=8, *, named=False):
    """Requests of /v1/images/generations for 1, 2 or 3 images, which take as many slots; as `requests` otherwise."""
    made = []
    for number in range(count):
        own = {"external_task_id": f"shot-{number}"} if named else {}
        made.append({"prompt": f"shot {number}", "n": 1 + number % 3, **own})
    return made


@asynccontextmanager
async def emulating(*, tally=None, **options):
    """An emulator on virtual time whose tasks end between 20 and 70 seconds after their creation.

    Args:
        tally: Counts the block as a scenario, and what was injected in it, also where the judge complained.
        options: The emulator's.
    """
    settings = {"advance": ByClock(lambda number: 20.0 + 7.0 * (number % 8)), "render": False, **options}
    async with Emulator(clock=wall_clock, **settings) as emulator:
        try:
            yield emulator
        finally:
            if tally is not None:
                tally.update({"scenarios": 1, **emulator.injected})


def client(emulator, **options):
    """A client of this emulator, on virtual time."""
    options.setdefault("clock", wall_clock)
    return KlingClient(emulator.access_key, emulator.secret_key, base_url=emulator.url, **options)


@attrs.define
class Told:
    """What the caller of one or several runs was told."""

    fetched: set = attrs.field(factory=set)
    """Ids of the tasks that were returned as succeeded."""

    errors: list = attrs.field(factory=list)
    cut: int = 0
    """Jobs without an outcome when the run was given up."""

    def note(self, outcome):
        """Takes one job's outcome."""
        if outcome.error is None:
            self.fetched.add(outcome.unwrap().task_id)
        else:
            self.errors.append(outcome.error)

    def ids(self):
        """Every id that an error's attributes hold."""
        found = set()
        for error in self.errors:
            if isinstance(error, TaskError):
                found.add(error.task_id)
                found |= (
                    {error.task.task_id, error.task.external_task_id} if error.task is not None else set()
                )
            if isinstance(error, SubmissionUnknownError):
                found.add(error.external_task_id)
            found |= {value for value in vars(error).values() if isinstance(value, str)}
        return found

    def names(self, task):
        """Whether some error holds an id of this task, in its attributes or its text."""
        ids = {task.task_id, task.external_task_id}
        return bool(ids & self.ids()) or any(each in str(error) for each in ids for error in self.errors)


async def run_batch(endpoint, batch, told, *, patience=900.0, bound=3600.0):
    """Runs jobs to their outcomes, for `bound` virtual seconds at most; a client stands for its image2video."""
    endpoint = getattr(endpoint, "image2video", endpoint)
    batch = list(batch)
    came = 0
    with anyio.move_on_after(bound):
        async with endpoint.generate_many(batch, timeout=patience) as outcomes:
            async for outcome in outcomes:
                came += 1
                told.note(outcome)
    told.cut = len(batch) - came


def unguarded(emulator):
    """Lets the service take the same external id again and again, as if it held none unique."""
    emulator.repeated_ids = "accept"


def lagging(emulator, seconds):
    """Hides every task from look-ups for so long after its creation, whatever else befalls the create."""
    account = emulator.account
    create = account.create

    def hidden(*args, **kwargs):
        task = create(*args, **kwargs)
        account.hide(task, seconds)
        return task

    account.create = hidden


def judge_twice(emulator, jobs):
    """Asserts that no job has two tasks in the ledger.

    Args:
        emulator: Whose ledger is judged.
        jobs: How many jobs there were.
    """
    repeated = [key for key in emulator.account.created if emulator.created_count(key) > 1]
    assert [] == repeated, f"created twice: {repeated}"
    assert [] == [task.task_id for task in emulator.tasks if task.external_task_id is None]
    assert len(emulator.tasks) <= jobs, f"{len(emulator.tasks)} tasks for {jobs} jobs"


def forgotten(task):
    """Whether the service itself lost the task for good, by planned trouble."""
    return task.hidden_until == math.inf


def judge_lost(emulator, fetched):
    """Asserts that every task that the service still has was returned."""
    lost = [task.task_id for task in emulator.tasks if not forgotten(task) and task.task_id not in fetched]
    assert [] == lost, f"paid and not fetched: {lost}"


def judge_slots(emulator, limit):
    """Asserts that never more than `limit` slots were held by the ledger's tasks at one moment; None: any number."""
    most = most_in_flight(emulator)
    assert limit is None or most <= limit, f"{most} tasks in flight, {limit} allowed"


def most_in_flight(emulator):
    """The most slots that the ledger's tasks held at one moment; a video holds one, an image task one for each image."""
    moments = [(task.created, task.slots) for task in emulator.tasks]
    moments += [(task.ended, -task.slots) for task in emulator.tasks if task.ended is not None]
    running = most = 0
    for _, step in sorted(moments):
        running += step
        most = max(most, running)
    return most
