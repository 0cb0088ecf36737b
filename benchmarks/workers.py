"""What a queue on PostgreSQL costs beside one process without an engine: `python -m benchmarks.workers`.

    python -m benchmarks.workers                     60 s tasks, 20 slots, 100 jobs: six minutes each way
    python -m benchmarks.workers --seconds 10        quicker; the start of a worker weighs more then

Both ways run the same jobs, one after the other, against one emulator. Utilisation is the time that tasks ran, of the time
that the slots were there from the first create to the last end. CPU and memory are those of the worker's process, by its
own account at its end. The queue's way has two workers, so that what they cost each other is in it.
"""

import argparse
import asyncio
import json
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from kling_async import Image2VideoRequest, KlingClient
from kling_async.emulator import ByClock, Emulator
from kling_async.integrations import pgqueuer, queue_state
from kling_async.integrations.embedded import server_in

PICTURE = "https://pictures.example/cat.png"
WORKERS = 2


def nowhere(_task, _result):
    """A store that takes results without keeping them: neither way downloads."""


def requests(count, prefix):
    """So many requests with ids."""
    return [
        Image2VideoRequest(model_name="kling-v2-6", image=PICTURE, external_task_id=f"{prefix}-{number}")
        for number in range(count)
    ]


def account():
    """This process's CPU seconds, of its children none, and its most memory in MB."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss / 1024}


async def work(postgres, slots):
    """One worker, until SIGTERM; says what it used since its imports."""
    begun, stop = account()["cpu"], asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await pgqueuer.worker(postgres, slots=slots, store=nowhere, stop=stop)
    print(json.dumps({**account(), "cpu": account()["cpu"] - begun}))


async def alone(count, slots):
    """The same jobs in one process, without an engine."""
    begun = account()["cpu"]
    async with KlingClient(max_in_flight=slots) as kling:
        outcomes = await kling.image2video.generate_all(requests(count, "alone"), timeout=None)
    assert all(outcome.task is not None for outcome in outcomes)
    print(json.dumps({**account(), "cpu": account()["cpu"] - begun}))


async def started(emulator, *words):
    """A process of this module."""
    keys = {"KLING_ACCESS_KEY": emulator.access_key, "KLING_SECRET_KEY": emulator.secret_key}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.workers", *map(str, words)),
        env={**os.environ, **keys, "KLING_BASE_URL": emulator.url},
        stdout=asyncio.subprocess.PIPE,
    )


def utilisation(tasks, slots):
    """How much of the slots' time tasks ran."""
    first, last = min(task.created for task in tasks), max(task.ended for task in tasks)
    return sum(task.ended - task.created for task in tasks) / (slots * (last - first))


async def measured(postgres, seconds, slots, count):
    """Both ways, one after the other; gives a row of each."""
    connection = await asyncpg.connect(postgres)
    await pgqueuer.install(connection)
    async with Emulator(render=False, advance=ByClock(seconds)) as emulator:
        process = await started(emulator, "--alone", count, slots)
        used = [json.loads((await process.communicate())[0])]
        rows = [("one process, no engine", utilisation(emulator.tasks, slots), used)]
    async with Emulator(render=False, advance=ByClock(seconds)) as emulator:
        await pgqueuer.enqueue(connection, requests(count, "queue"))
        processes = [await started(emulator, "--work", postgres, slots) for _ in range(WORKERS)]
        while (await queue_state.queue_state(connection)).done < count:  # noqa: ASYNC110 - a table sets no events
            await asyncio.sleep(0.5)
        for process in processes:
            process.terminate()
        used = [json.loads((await process.communicate())[0]) for process in processes]
        assert count == emulator.counts["create"] == len(emulator.tasks)
        rows.append((f"queue, {WORKERS} workers", utilisation(emulator.tasks, slots), used))
    began = time.perf_counter()
    many = requests(10_000, "many")
    built = time.perf_counter()
    await pgqueuer.enqueue(connection, many)
    print(
        f"enqueue of 10,000 jobs: {10_000 / (time.perf_counter() - built):,.0f} a second (requests built in {built - began:.1f} s)"
    )
    await connection.close()
    return rows


def main():
    """Runs what the command line asks for."""
    if sys.argv[1:2] == ["--work"]:
        asyncio.run(work(sys.argv[2], int(sys.argv[3])))
        return
    if sys.argv[1:2] == ["--alone"]:
        asyncio.run(alone(int(sys.argv[2]), int(sys.argv[3])))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0, help="how long a task takes")
    parser.add_argument("--slots", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = server_in(Path(folder) / "data", at_the_end="delete")
        rows = asyncio.run(measured(server.get_uri(), given.seconds, given.slots, given.jobs))
        server.cleanup()
    print(f"{given.jobs} jobs of {given.seconds:g} s, {given.slots} slots; load {os.getloadavg()[0]:.1f}")
    print(f"{'':24}{'utilisation':>12}{'CPU ms a job':>14}{'MB a process':>14}")
    for name, share, used in rows:
        cpu = 1000 * sum(each["cpu"] for each in used) / given.jobs
        print(f"{name:24}{share:12.3f}{cpu:14.1f}{max(each['megabytes'] for each in used):14.0f}")
    print(f"queue's utilisation of the other's: {rows[1][1] / rows[0][1]:.3f}")


if __name__ == "__main__":
    main()
