"""A user's script that the tests kill and run again: a batch with a journal. Arguments: URL, journal, number of jobs."""

import asyncio
import os
import sys
import time
from pathlib import Path

from outside_server import ACCESS, SECRET

from kling_async import Backoff, Image2VideoRequest, KlingClient


async def main(url, journal, count, forks=""):
    """Prints each job's number and its task's id, or its error."""
    async with KlingClient(
        ACCESS,
        SECRET,
        base_url=url,
        max_in_flight=4,
        journal=Path(journal),
        schedule=Backoff(0.05, 0.001, 0.1),
    ) as kling:
        requests = [
            Image2VideoRequest(image="https://pictures.example/a.jpg", prompt=str(number))
            for number in range(int(count))
        ]
        batch = asyncio.create_task(kling.image2video.generate_all(requests))
        while not (kling.journal and Path(journal).exists()):  # noqa: ASYNC110, ASYNC240 - no event tells it
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        if forks and not os.fork():
            os.closerange(0, 3)  # the pipes to the test end with the parent
            time.sleep(20)  # noqa: ASYNC251 - a child that does nothing and outlives its parent
            os._exit(0)
        for outcome in await batch:
            print(outcome.index, outcome.error or outcome.task.task_id)  # noqa: T201 - what the test reads


asyncio.run(main(*sys.argv[1:]))
