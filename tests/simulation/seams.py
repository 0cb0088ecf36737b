"""The one place that knows the library's insides, and where it is replaced by something simulated.

Everything else of the simulation uses the public API. What stands here and why:

- the journal's thread, queue and SQLite: the names `threading`, `queue` and `sqlite3` of `jobs.store`;
- the clock: the client's `clock` argument;
- the service's own rules on repeated ids, and a video that tells its task: the emulator's account and service.
"""

import asyncio
import itertools
import os
import random
import time

import anyio
import anyio.to_thread
from aiohttp.client_proto import ResponseHandler
from anyio._backends import _asyncio as anyio_asyncio
from simulation import threads
from simulation.loop import HOST
from simulation.sqlite import Sqlite

from kling_async import KlingClient
from kling_async.emulator import Emulator
from kling_async.emulator.videos import FIXED_VIDEO, partial
from kling_async.errors import KlingError  # noqa: F401 - for the world
from kling_async.jobs import store
from kling_async.waiting import poller


class Patches:
    """Replaced names, put back in the end."""

    def __init__(self):
        self._undo = []

    def set(self, owner, name, value):
        """Replaces one."""
        self._undo.append((owner, name, vars(owner).get(name, _MISSING)))
        setattr(owner, name, value)

    def undo(self):
        """Puts all back, the last first."""
        while self._undo:
            owner, name, value = self._undo.pop()
            if value is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


_MISSING = object()


# What makes a run the same each time


def pin(patch, seed):
    """Chance, time and the hashes of what stands in sets come from the seed."""
    chance = random.Random(f"{seed}/system")
    patch(os, "urandom", chance.randbytes)
    patch(random, "_urandom", chance.randbytes)
    patch(time, "time", lambda: HOST.get().wall())
    random.seed(f"{seed}/module")
    serials = itertools.count(1)

    class SerialScope(anyio_asyncio.CancelScope):
        def __new__(cls, *args, **options):
            scope = super().__new__(cls)
            scope.serial = next(serials)
            return scope

        def __hash__(self):
            return self.serial

    patch(anyio_asyncio, "CancelScope", SerialScope)
    _serial_hash(patch, ResponseHandler, serials)
    watches = poller.Watch

    class SerialWatch(watches):
        def __hash__(self):
            if not hasattr(self, "serial"):
                self.serial = next(serials)
            return self.serial

    patch(poller, "Watch", SerialWatch)


def _serial_hash(patch, kind, serials):
    if hasattr(kind, "__slots__") and "__dict__" not in dir(kind):
        raise TypeError(f"{kind.__name__} has no room for a serial")

    def serial(self):
        found = self.__dict__.get("_simulation_serial")
        if found is None:
            found = self.__dict__["_simulation_serial"] = next(serials)
        return found

    patch(kind, "__hash__", serial)


# What makes threads and the journal's file steps of the loop


async def run_sync(func, *args, abandon_on_cancel=False, cancellable=None, limiter=None):
    """Stands for `anyio.to_thread.run_sync`."""
    del cancellable, limiter
    await anyio.lowlevel.checkpoint()
    with anyio.CancelScope(shield=not abandon_on_cancel):
        return await asyncio.get_running_loop().run_in_executor(None, func, *args)


def simulate_threads(patch):
    """Threads run when the loop says so."""
    patch(anyio.to_thread, "run_sync", run_sync)
    patch(store, "threading", threads.THREADING)
    patch(store, "queue", threads.QUEUE)
    patch(store, "sqlite3", Sqlite())


# The two sides


def make_client(host, emulator, *, static_key, **options):
    """A client of this emulator in a simulated process."""
    keys = (
        {"api_key": emulator.api_key}
        if static_key
        else {"access_key": emulator.access_key, "secret_key": emulator.secret_key}
    )
    return KlingClient(**keys, base_url=emulator.url, clock=host.wall, **options)


def slots(kling):
    """The numbers of slots held and of jobs that wait for one."""
    return kling._limiter.held, kling._limiter.waiting


def make_emulator(host, **options):
    """An emulator without rendering whose videos tell their tasks."""
    emulator = Emulator(clock=host.wall, render=False, capabilities=False, **options)
    service = emulator.service

    async def download(task_id, headers):
        whole = await type(service).download(service, task_id, {})
        if whole.status != 200:
            return whole
        return partial(evolved(whole, video_of(task_id)), headers)

    service.download = download
    return emulator


def evolved(answer, body):
    """The answer with another body."""
    import attrs

    return attrs.evolve(answer, body=body)


def video_of(task_id):
    """The bytes of a task's video."""
    return FIXED_VIDEO + task_id.encode() + bytes(600)


def make_stranger(emulator):
    """A task of somebody else's on the same account, which has ended long ago; gives its id."""
    account = emulator.account
    task = account.create("of-a-stranger", {"prompt": "stranger"}, None, None)
    account.settle(task, asyncio.get_running_loop().time() + 1e6)
    return task.task_id


def let_it_lie(emulator, lies, world):
    """Lets some GETs show somebody else's task.

    Args:
        emulator: The service.
        lies: By ("lookup", n) or ("get", n): the n-th GET by an external id, or by any.
        world: Told of each that strikes.
    """
    service = emulator.service
    get = service.get
    counts = {"lookup": 0, "get": 0}

    def lying(identifier):
        places = ["get"] if identifier.isdigit() else ["lookup", "get"]
        for place in places:
            counts[place] += 1
            trouble = None if world.calm else lies.get((place, counts[place]))
            if trouble is not None:
                world.strike(trouble)
                return get(world.stranger)
        return get(identifier)

    service.get = lying


def accept_repeated_ids(emulator):
    """Lets the service take the same external id again and again."""
    account = emulator.account
    admit = account.admit
    account.admit = lambda _: admit(None)


LIBRARY_LOGGER = "kling_async"

_GAPS = frozenset({
    "answers-that-lie",
    "ask-again",
    "cancel-ids",
    "clock-steps",
    "closed-download",
    "journal-bits",
    "rerun-not-found",
    "resume-looks-first",
    "side-files",
})  # fmt: skip
"""Promises that the library does not keep yet, so that their seeds do not hide others; each is to be taken out when it does.

- `answers-that-lie`: a GET that shows another task than was asked for is not believed, nor taken for "not found".
- `ask-again`: `generate` again with the same request object, after a timeout, goes on with its task.
- `cancel-ids`: a cancelled or closed job whose task was accepted tells its ids (a note, a log record, an event).
- `clock-steps`: a clock that is set forward does not shorten the settle time of a create that an earlier process sent.
- `closed-download`: a download that is under way when the client is closed ends at once, with an error of the library's.
- `journal-bits`: a journal with a flipped bit buys nothing twice and ends in errors of the library's.
- `rerun-not-found`: a rerun that meets a task which the service does not show yet waits for it, as a first run does.
- `resume-looks-first`: `resume` looks a create in doubt up even where its picture was given as bytes or edited since.
- `side-files`: a journal that lost its `-wal`, or its main file's end, is refused or whole, and never a fresh start.
"""

GAPS = _GAPS - set(os.environ.get("CLOSED", "").replace("all", " ".join(_GAPS)).replace(",", " ").split())
"""The gaps that count; `CLOSED=side-files` or `CLOSED=all` judges as if they were closed."""
