"""Many machines, one account, tried on this one: `make demo-workers`.

Three workers run 60 jobs on an embedded PostgreSQL and the emulator. One worker is killed in the middle; at the end a
table says what happened to each job, by the emulator's own ledger. The lease is scaled down from 60 to 4 seconds.
"""

import asyncio
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import asyncpg

from kling_async import Image2VideoRequest
from kling_async.emulator import ByClock, Emulator
from kling_async.integrations import pgqueuer, queue_state
from kling_async.integrations.embedded import server_in
from kling_async.integrations.job_function import in_folder
from kling_async.jobs import submission

JOBS, WORKERS, SLOTS, LEASE = 60, 3, 12, 4.0
PICTURE = "https://pictures.example/cat.png"


async def work(postgres: str, folder: str) -> None:
    """One worker, in a process of its own."""
    submission.SETTLE = LEASE / 2  # type: ignore[misc]  # for this demo alone
    await pgqueuer.worker(postgres, slots=SLOTS, store=in_folder(Path(folder)), lease=LEASE)


async def main() -> None:
    """Queues the jobs, starts the workers, kills one, and counts."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "videos"
        server = server_in(Path(name) / "postgres", at_the_end="delete")
        connection = await asyncpg.connect(server.get_uri())
        await pgqueuer.install(connection)
        requests = [
            Image2VideoRequest(model_name="kling-v2-6", image=PICTURE, prompt=f"take {number}")
            for number in range(1, JOBS + 1)
        ]
        await pgqueuer.enqueue(connection, requests)
        async with Emulator(render=False, advance=ByClock(3.0)) as emulator:
            keys = {"KLING_ACCESS_KEY": emulator.access_key, "KLING_SECRET_KEY": emulator.secret_key}
            environment = {**os.environ, **keys, "KLING_BASE_URL": emulator.url}
            workers = [
                await asyncio.create_subprocess_exec(
                    sys.executable, __file__, server.get_uri(), str(folder), env=environment
                )
                for _ in range(WORKERS)
            ]
            peak = killed = 0
            while (state := await queue_state.queue_state(connection)).done < JOBS:
                peak = max(peak, emulator.in_flight)
                print(f"queued {state.queued:3}   running {state.running:3}   done {state.done:3}")
                if state.done >= JOBS // 3 and not killed:
                    workers[0].kill()
                    killed = workers[0].pid
                    print(f"worker {killed} is killed; its jobs are taken over after {LEASE:.0f} s")
                await asyncio.sleep(1)
            for worker in workers:
                if worker.returncode is None:
                    worker.kill()
                await worker.wait()
            await connection.close()
            created = Counter(task.external_task_id for task in emulator.tasks)
            videos = len(list(folder.glob("*.mp4")))
        server.cleanup()
    print(f"\njobs queued          {JOBS}")
    print(f"videos stored        {videos}")
    print(f"lost                 {JOBS - videos}")
    print(f"paid for twice       {sum(count > 1 for count in created.values())}")
    print(f"most tasks at once   {peak} of {SLOTS} slots")
    sys.exit(videos != JOBS or len(created) != JOBS or peak > SLOTS)


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]) if sys.argv[1:] else main())
