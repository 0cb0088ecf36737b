"""A process that makes one call at a service whose answer is a bomb, and tells how much memory that cost it.

The call is made once before with an honest answer, so that what is measured is the bomb and not the first use.
"""

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path

from kling_async import Image2VideoRequest, KlingClient, KlingError
from kling_async.jobs import submission
from kling_async.schema.task import Video
from kling_async.session import calls

PAGE = os.sysconf("SC_PAGE_SIZE")


class Peak:
    """The process' largest resident memory while the block runs, sampled by a thread."""

    def __enter__(self):
        self.before = self.most = _resident()
        self._on = True
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._on = False
        self._thread.join()
        self.cost = self.most - self.before

    def _watch(self):
        while self._on:
            self.most = max(self.most, _resident())
            time.sleep(0.0005)


def _resident():
    with Path("/proc/self/statm").open("rb") as file:
        return int(file.read().split()[1]) * PAGE


async def call(kling, spec):
    """The call that the bomb is for."""
    endpoint = kling.image2video
    if spec["call"] == "create":
        await endpoint.create(Image2VideoRequest(image="https://example.com/a.png"))
    elif spec["call"] == "get":
        await endpoint.get(spec["task"])
    elif spec["call"] == "list":
        await endpoint.list()
    else:
        await kling.download(Video("v", spec["video"], None), Path(spec["folder"]) / "v.mp4")


def wait_for_the_bomb(folder):
    """Tells the test that the honest call is over, and waits until the service is armed."""
    (folder / "ready").touch()
    while not (folder / "armed").exists():
        time.sleep(0.01)


async def main(spec):
    """Once honestly, once with the bomb; prints the error and the cost in bytes."""
    calls.READ_ATTEMPTS, submission.SETTLE = 1, 0.1
    async with KlingClient(base_url=spec["url"], submit_timeout=0.5) as kling:
        await call(kling, spec)
        await asyncio.to_thread(wait_for_the_bomb, Path(spec["folder"]))
        with Peak() as peak:
            error = None
            try:
                await call(kling, spec)
            except KlingError as caught:
                error = type(caught).__name__
    sys.stdout.write(json.dumps({"error": error, "cost": peak.cost}))


asyncio.run(main(json.loads(sys.argv[1])))
