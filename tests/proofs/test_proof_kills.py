"""Killed before and after every durable step, and at random times: nothing is lost and nothing is paid for twice.

A batch runs in a process of its own, is killed by SIGKILL, and the same script is started again until it is through. The
judge is the emulator's ledger, which outlives every process, and the files on the disk.
"""

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
from made_pictures import png
from proofs.journal_tools import environment
from proofs.kill_worker import JOBS, OWN_ID, STEPS

from kling_async.emulator import ByPolls, Emulator
from kling_async.emulator.videos.gallery import FIXED_VIDEO

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

WORKER = Path(__file__).with_name("kill_worker.py")
POINTS = [f"{step}:{side}" for step in STEPS for side in ("before", "after")]
ONCE = {"schema"}
"""Steps that a run takes once only."""

CI_KILLS, LONG_KILLS = 20, 200


def kill(pid):
    """Kills a process, which may have ended by itself in this very moment."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Workers:
    """Starts processes that run the batch, one at a time."""

    def __init__(self, server):
        self._server = server

    async def start(self, spec):
        """Starts one; returns its process id."""
        self._server.stdin.write((json.dumps(spec) + "\n").encode())
        return (await self._told())["pid"]

    async def ended(self):
        """Waits for its end; returns the exit code and the point at which it killed itself, if it did."""
        told = await self._told()
        reached = told.get("reached")
        if reached is not None:
            told = await self._told()
        return told["ended"], reached

    async def _told(self):
        line = await self._server.stdout.readline()
        assert line, "the workers' server is gone"
        return json.loads(line)


class Run:
    """One batch, over as many processes as it takes."""

    def __init__(self, workers, emulator, folder):
        self.emulator = emulator
        self.folder = folder
        self._workers = workers
        folder.mkdir()
        (folder / "picture.png").write_bytes(png())
        keys = {"KLING_ACCESS_KEY": emulator.access_key, "KLING_SECRET_KEY": emulator.secret_key}
        self._spec = {"url": emulator.url, "folder": str(folder), "keys": keys}

    async def once(self, **spec):
        """Runs one process; returns its exit code and where it killed itself."""
        await self._workers.start({**self._spec, **spec})
        return await self._workers.ended()

    async def killed_after(self, seconds):
        """Runs one process and kills it after a time; returns its exit code."""
        pid = await self._workers.start(self._spec)
        timer = asyncio.get_running_loop().call_later(seconds, kill, pid)
        code, _ = await self._workers.ended()
        timer.cancel()
        return code

    def judge(self):
        """What the ledger and the disk say about the batch, once it is through."""
        tasks = self.emulator.tasks
        ids = [task.external_task_id for task in tasks]
        files = {path.name: path.read_bytes() for path in self.folder.glob("*.mp4*")}
        assert [1] * len(ids) == [self.emulator.created_count(each) for each in ids], "paid for twice"
        assert JOBS == len(ids) == len(set(ids)), "another number of tasks than jobs"
        assert OWN_ID in ids
        assert {f"{index}.mp4": FIXED_VIDEO for index in range(JOBS)} == files, "lost or not whole"
        with (
            closing(sqlite3.connect(f"file:{self.folder}/jobs.sqlite?mode=ro", uri=True)) as journal,
            journal,
        ):
            counted = journal.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()
        journal.close()
        assert [("done", JOBS)] == counted


@pytest.fixture
async def workers():
    """A server that forks a process for each run."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        "--serve",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment(),
    )
    yield Workers(server)
    server.stdin.close()
    await server.wait()


@pytest.fixture
def begin(workers, tmp_path):
    """Begins a batch with an emulator and a folder of its own."""
    number = iter(range(1000))

    @asynccontextmanager
    async def begun():
        async with Emulator(render=False, advance=ByPolls(1, 2)) as emulator:
            yield Run(workers, emulator, tmp_path / str(next(number)))

    return begun


async def test_a_batch_that_nobody_kills_passes_the_judge(begin):
    """The control of the judge: one undisturbed process makes six tasks and six files."""
    async with begin() as run:
        assert (0, None) == await run.once()
        run.judge()


async def test_a_second_run_of_a_finished_batch_sends_nothing(begin):
    """Everything is met in the journal: no create, no poll, no download."""
    async with begin() as run:
        await run.once()
        before = dict(run.emulator.counts)
        assert (0, None) == await run.once()
        assert before == dict(run.emulator.counts)
        run.judge()


@pytest.mark.parametrize("step", STEPS)
async def test_killed_before_and_after_a_step_the_batch_goes_on(begin, step):
    """Every named point is really reached, at the first and at a later job, and the rerun pays for nothing twice."""
    reached = []
    wanted = [
        (f"{step}:{side}", nth) for side in ("before", "after") for nth in ((1,) if step in ONCE else (1, 4))
    ]
    for point, nth in wanted:
        async with begin() as run:
            code, where = await run.once(kill=point, nth=nth)
            assert -signal.SIGKILL == code
            reached.append((where, nth))
            assert (0, None) == await run.once()
            run.judge()
    assert wanted == reached


async def test_killed_at_every_point_one_after_the_other_one_batch_goes_on(begin):
    """One batch survives a kill at each point in turn, each process getting a little further."""
    reached = []
    async with begin() as run:
        for point in POINTS:
            _, where = await run.once(kill=point, nth=1)
            reached.append(where)
        assert (0, None) == await run.once()
        run.judge()
    assert len([where for where in reached if where]) >= len(POINTS) // 2


async def kill_at_random(begin, kills, seed):
    """Kills at random times of a run's usual length until there were so many, then lets each batch end."""
    chance = random.Random(seed)
    killed = batches = 0
    while killed < kills:
        batches += 1
        async with begin() as run:
            code = -signal.SIGKILL
            while code == -signal.SIGKILL and killed < kills:
                code = await run.killed_after(chance.uniform(0.02, 0.4))
                killed += code == -signal.SIGKILL
            if code != 0:
                assert (0, None) == await run.once()
            run.judge()
    return killed, batches


async def test_killed_at_random_times_batches_go_on(begin):
    """Twenty kills whenever they come."""
    killed, _ = await kill_at_random(begin, CI_KILLS, seed=4)
    assert CI_KILLS == killed


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_two_hundred_kills_at_random_times(begin, capsys):
    """The long run of the same."""
    killed, batches = await kill_at_random(begin, LONG_KILLS, seed=44)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{killed} kills at random times over {batches} batches of {JOBS}: 0 lost, 0 twice\n"
        )
    assert LONG_KILLS == killed
