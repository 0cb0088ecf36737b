"""A worker in a process of its own, with the lease and the settle time scaled down; ends on SIGTERM and SIGINT.

    python worker_script.py POSTGRES FOLDER SLOTS LEASE SETTLE [lacking]

`lacking` takes one protection away, for the controls: `look-up`, `conversion` or `limit`.
"""

import asyncio
import signal
import sys
from pathlib import Path

from kling_async.integrations import job_function, pgqueuer
from kling_async.integrations.job_function import in_folder
from kling_async.jobs import submission


def take_away(protection):
    """Takes one protection away."""
    if protection == "look-up":

        async def not_looked_up(_endpoint, _key):
            return None

        def fresh(given, *_):
            return given.with_external_task_id(None)

        job_function._existing = not_looked_up
        plain = job_function.Payload.request

        async def without_id(self, load):
            return fresh(await plain(self, load))

        job_function.Payload.request = without_id
    elif protection == "conversion":

        async def unconverted(*args, **kwargs):
            try:
                return await job_function.run_job(*args, **kwargs)
            except job_function.PutBackError as error:
                raise asyncio.CancelledError from error

        pgqueuer.run_job = unconverted
    elif protection == "limit":
        plain_entrypoint = pgqueuer.QueueManager.entrypoint

        def unlimited(self, name, **options):
            return plain_entrypoint(self, name, **{**options, "concurrency_limit": 0})

        pgqueuer.QueueManager.entrypoint = unlimited


async def main(postgres, folder, slots, lease, settle, lacking=None):
    """Runs the worker."""
    submission.SETTLE = float(settle)
    take_away(lacking)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    store = in_folder(Path(folder))
    await pgqueuer.worker(postgres, slots=int(slots), store=store, lease=float(lease), stop=stop)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
