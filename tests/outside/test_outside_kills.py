"""Real processes with a journal: killed, run again, run beside each other, on copies and on full disks.

The server lets ids repeat, so that a second create would be a second task.
"""

import asyncio
import random
import resource
import shutil
import signal
import sys
from pathlib import Path

import pytest
from outside_server import Server, Trouble

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(300)]

HERE = Path(__file__).parent


@pytest.fixture
def anyio_backend():
    """Real time: the script is another process."""
    return "asyncio"


def job_numbers(server):
    """The ledger's jobs, one for each task."""
    return sorted(int(made.body["prompt"]) for made in server.created)


async def run(server, journal, count, *, kill_after=None, largest_file=None, forks=""):
    """Runs the script to its end, or kills it; returns its exit code, lines and errors."""

    def limit():
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        HERE / "outside_script.py",
        *(server.url, str(journal), str(count), forks),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=limit,
    )
    if kill_after is not None:
        await asyncio.wait({waiter := asyncio.create_task(process.wait())}, timeout=kill_after)
        if not waiter.done():
            process.kill()
        return await waiter, [], ""
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode().splitlines(), errors.decode()


@pytest.mark.parametrize("seed", range(3))
async def test_killed_at_random_and_run_again(tmp_path, seed):
    """Six kills at random times and lost answers in between make no task twice and lose none."""
    chance = random.Random(seed)
    async with Server(duration=lambda: chance.uniform(0.1, 1.5), unique=False) as server:
        until = server.now() + 10
        server.weather = lambda seen: (
            Trouble(delay=chance.uniform(0, 0.3), cut=chance.choice([None, None, 7]))
            if seen.kind == "create" and server.now() < until
            else None
        )
        for _ in range(6):
            await run(server, tmp_path / "jobs", 8, kill_after=chance.uniform(0.6, 2.5))
        code, lines, errors = await run(server, tmp_path / "jobs", 8)
        assert (0, list(range(8))) == (code, job_numbers(server)), errors
        assert sorted(made.task_id for made in server.created) == sorted(line.split()[1] for line in lines)


async def test_three_processes_on_one_journal(tmp_path):
    """Of three processes that start at once one does the work; the others are told why not."""
    async with Server(duration=1, unique=False) as server:
        ends = await asyncio.gather(*(run(server, tmp_path / "jobs", 4) for _ in range(3)))
        assert [0, 1, 1] == sorted(code for code, _, _ in ends)
        assert 2 == sum("is in use by another process" in errors for _, _, errors in ends)
        assert [0, 1, 2, 3] == job_numbers(server)


async def test_child_that_outlives_a_killed_parent(tmp_path):
    """A forked child that lives on does not keep the journal from the next run."""
    async with Server(duration=3, unique=False) as server:
        await run(server, tmp_path / "jobs", 3, kill_after=4, forks="forks")
        assert 3 == len(server.created)
        code, _, errors = await run(server, tmp_path / "jobs", 3)
        assert (0, [0, 1, 2]) == (code, job_numbers(server)), errors


@pytest.mark.parametrize("files", ["jobs*", "jobs"])
async def test_copy_of_an_open_journal(tmp_path, files):
    """A journal that was copied while its process ran goes on with the same tasks, its side files there or not."""
    async with Server(duration=6, unique=False) as server:
        first = asyncio.create_task(run(server, tmp_path / "jobs", 4, kill_after=5))
        while len(server.created) < 4:  # noqa: ASYNC110 - the ledger has no event
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        (tmp_path / "copy").mkdir()
        for file in tmp_path.glob(files):
            if file.is_file():
                shutil.copy(file, tmp_path / "copy")
        await first
        code, _, errors = await run(server, tmp_path / "copy" / "jobs", 4)
        assert (0, [0, 1, 2, 3]) == (code, job_numbers(server)), errors


@pytest.mark.parametrize("largest_file", [100, 20_000, 32_768, 40_000])
async def test_full_disk(tmp_path, largest_file):
    """A journal that can grow no more stops new jobs with our error; the next run has every task, and none twice."""
    async with Server(duration=0.3, unique=False) as server:
        _, lines, errors = await run(server, tmp_path / "jobs", 40, largest_file=largest_file)
        assert len(server.created) < 40
        assert "JournalError" in errors or any("the journal" in line for line in lines)
        code, lines, errors = await run(server, tmp_path / "jobs", 40)
        assert (0, list(range(40))) == (code, job_numbers(server)), errors
        assert {made.task_id for made in server.created} == {line.split()[1] for line in lines}
