"""The one place that knows the library's insides, and where it is replaced by something simulated.

Everything else of the simulation uses the public API. What stands here and why:

- the journal's store: `JournalRecord` makes one with a thread of its own; here its turns are steps of the loop, on a
  simulated disk;
- threads: `anyio.to_thread.run_sync`;
- the service's videos, which tell their tasks here, and GETs that show a stranger's task.
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
from simulation.loop import HOST
from simulation.sqlite import connect
from typing_extensions import override

from kling_async import KlingClient
from kling_async.emulator import Emulator
from kling_async.emulator.service.filehost import FileHost
from kling_async.emulator.videos.gallery import FIXED_VIDEO
from kling_async.jobs import journal
from kling_async.jobs.journal_file import JournalFile
from kling_async.jobs.store import Store


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


class SteppedStore(Store):
    """A journal whose turns are steps of the loop: each comes a seeded moment after something was put to it."""

    def __init__(self, path, owner, *, adopt=False):
        self._host, self._planned = HOST.get(), False
        disk = JournalFile(path, owner, adopt=adopt, clock=self._host.wall, connect=connect)
        super().__init__(path, owner, adopt=adopt, disk=disk, wake=self._plan)

    def _plan(self):
        if not self._planned:
            self._planned = True
            self._host.loop.outside(self._host.loop.hop(), self._host, self._take_turn)

    def _take_turn(self):
        self._planned = False
        self.turn()


def simulate_threads(patch):
    """Threads run when the loop says so."""
    patch(anyio.to_thread, "run_sync", run_sync)
    patch(journal, "Store", SteppedStore)


# The two sides


def make_client(host, emulator, *, static_key, **options):
    """A client of this emulator in a simulated process."""
    keys = (
        {"api_key": emulator.api_key}
        if static_key
        else {"access_key": emulator.access_key, "secret_key": emulator.secret_key}
    )
    return KlingClient(**keys, base_url=emulator.url, clock=host.wall, **options)


class TellingFiles(FileHost):
    """Serves videos that tell their tasks."""

    @override
    async def _data(self, task, name):
        return video_of(task.task_id)


def make_emulator(host, **options):
    """An emulator without rendering whose videos tell their tasks."""
    emulator = Emulator(clock=host.wall, render=False, capabilities=False, **options)
    emulator._service._files = TellingFiles(emulator._gallery)
    return emulator


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
    poll = emulator.account.poll
    counts = {"lookup": 0, "get": 0}

    def lying(identifier, *more):
        for place in ["get"] if identifier.isdigit() else ["lookup", "get"]:
            counts[place] += 1
            trouble = None if world.calm else lies.get((place, counts[place]))
            if trouble is not None:
                world.strike(trouble)
                return poll(world.stranger)
        return poll(identifier, *more)

    emulator.account.poll = lying


LIBRARY_LOGGER = "kling_async"
