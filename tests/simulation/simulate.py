"""Runs one world from its plan, and lets go of everything when it is over."""

import asyncio
import contextlib
import gc
import logging
import os
import random
import shutil
import sys
import tempfile
import warnings

import attrs
from simulation import files, judge, seams
from simulation.loop import START, StuckError
from simulation.world import World


@attrs.frozen
class Result:
    """How a world came out."""

    plan: object
    problems: tuple
    """Pairs of the kind of promise and a sentence; empty where all held."""

    digest: str
    jobs: int
    faults: int
    kills: int
    hours: float
    """Virtual hours that went by."""

    lines: tuple = ()

    @property
    def failed(self):
        return bool(self.problems)


class _Logs(logging.Handler):
    """Keeps what the library logs."""

    def __init__(self, told, history):
        super().__init__(logging.INFO)
        self._told, self._history = told, history

    def emit(self, record):
        text = self.format(record)
        self._told.texts.append(text)
        self._history.note("log", text[:500])


def simulate(plan, *, keep=False, patch=None):
    """Runs one world.

    Args:
        plan: What is to happen.
        keep: Whether to keep a readable history.
        patch: Called with a function (object, name, value) before the world begins, to break promises.

    Returns:
        A Result.
    """
    patches = seams.Patches()
    state = random.getstate()
    hook = sys.unraisablehook
    collecting = gc.isenabled()
    gc.disable()
    sys.unraisablehook = lambda _: None  # what is dead may complain, and apsw repeats what it raised
    folder = tempfile.mkdtemp(prefix="kling-world-", dir=_fast_folder())
    world = World(plan, folder, keep=keep)
    handler = _Logs(world.told, world.history)
    stuck = None
    try:
        seams.pin(patches.set, plan.seed)
        seams.simulate_threads(patches.set)
        files.Files(world.disk).install(patches.set)
        if patch is not None:
            patch(patches.set)
        _listen(patches.set, handler)
        try:
            world.director.context.copy().run(_drive, world)
        except StuckError as error:
            stuck = error
        problems = [("stuck", str(stuck))] if stuck is not None else []
        if world.emulator is not None:
            problems += [] if stuck is not None else list(judge.verdicts(world))
        return Result(
            plan, tuple(problems), world.history.digest(), plan.jobs, world.struck, world.kills,
            (world.loop.time() - START) / 3600, tuple(world.history.lines),
        )  # fmt: skip
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _end(world)
            patches.undo()
            world = handler = stuck = None
            gc.collect(1)
        sys.unraisablehook = hook
        random.setstate(state)
        shutil.rmtree(folder, ignore_errors=True)
        if collecting:
            gc.enable()


def _listen(patch, handler):
    """The library's log is shown to the user; the servers' own is nobody's."""
    for name, handlers in {seams.LIBRARY_LOGGER: [handler], "aiohttp": [logging.NullHandler()]}.items():
        logger = logging.getLogger(name)
        patch(logger, "handlers", handlers)
        patch(logger, "level", logging.INFO)
        patch(logger, "propagate", False)
        logger.manager._clear_cache()


def _drive(world):
    world.loop.run_until_complete(world.loop.create_task(world.run()))


def _fast_folder():
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def _end(world):
    """Lets go of everything, so that no world reaches into the next."""
    loop = world.loop
    for host in (*world._processes, world.service, world.director):
        host.dead = True
    for host in world._processes:
        files.let_go(host)
    for host in (*world._processes, world.service, world.director):
        for task in list(host.tasks):
            task._log_destroy_pending = False
            with contextlib.suppress(BaseException):  # a dead task's `finally` blocks find no loop
                task.get_coro().close()
    asyncio.set_event_loop(None)
    loop._ready.clear()
    loop._scheduled.clear()
    loop._outside.clear()
    loop.set_exception_handler(lambda *_: None)
    loop.close()
