"""10,000 waiting tasks: memory, list requests and the event loop's lag. Real time; the server in its own process.

Two ways to wait: `wait_for_task` on ids, as a web backend does, and `generate_many`, as a batch does. What is measured
is the steady state: it begins when the tasks were all seen once and lasts for `STEADY` seconds.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import subprocess
import sys
from typing import Any

from benchmarks.contender import IMAGE, PROMPT, asked
from benchmarks.harness import ROOT, Lag, peak_rss, rss, table, verdict
from benchmarks.page_server import server_process
from kling_async import Image2VideoRequest, KlingClient

TASKS, STEADY, FIRST_ID = 10_000, 20.0, 867_283_741_759_000_000


async def idle_client(kling: KlingClient, url: str) -> float:
    """MB that the process holds once the client has made its calls."""
    async with asyncio.timeout(60):
        await kling.image2video.create(image=IMAGE, prompt=PROMPT)
        await kling.image2video.list(page_size=500)
    await asked(url, "counts")
    gc.collect()
    return rss()


async def steady(url: str, idle: float) -> dict[str, Any]:
    """What the wait costs, once everybody waits."""
    async with Lag() as lag:
        before = await asked(url, "counts")
        await asyncio.sleep(STEADY)
        after = await asked(url, "counts")
    calls = {kind: after[kind] - before.get(kind, 0) for kind in ("list", "get") if kind in after}
    return {
        "grown": peak_rss() - idle,
        "lists": calls.get("list", 0) / STEADY / (TASKS / 500),
        "gets": calls.get("get", 0) / STEADY,
        "lag": lag.p99,
        "worst": lag.worst,
    }


async def by_id(url: str) -> dict[str, Any]:
    """Everyone waits for an id of their own."""
    async with KlingClient(api_key="benchmark", base_url=url) as kling:
        idle = await idle_client(kling, url)
        async with Lag() as start:
            waits = [
                asyncio.create_task(kling.image2video.wait_for_task(str(FIRST_ID + n))) for n in range(TASKS)
            ]
            await asyncio.sleep(10)
        found = await steady(url, idle)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    return {**found, "start": start.p99}


async def as_jobs(url: str) -> dict[str, Any]:
    """One batch whose jobs all run at once."""
    requests = (Image2VideoRequest(image=IMAGE, prompt=PROMPT) for _ in range(TASKS))
    async with KlingClient(api_key="benchmark", base_url=url) as kling:
        idle = await idle_client(kling, url)
        async with contextlib.AsyncExitStack() as stack:
            start = await stack.enter_async_context(Lag())
            stream = await stack.enter_async_context(kling.image2video.generate_many(requests))
            async with asyncio.timeout(300):
                while (await asked(url, "counts")).get("create", 0) < TASKS:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(1)
            await asyncio.sleep(5)
            found = await steady(url, idle)
            del stream
        return {**found, "start": start.p99}


WAYS = {"wait_for_task": by_id, "generate_many": as_jobs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=WAYS, help="measure one in this process, print JSON")
    parser.add_argument("--url")
    options = parser.parse_args()
    if options.way:
        print(json.dumps(asyncio.run(WAYS[options.way](options.url))))
        return
    found = {}
    for way in WAYS:
        there = TASKS if way == "wait_for_task" else 0
        with server_process("--seconds=3000", f"--tasks={there}") as url:
            command = [sys.executable, "-m", "benchmarks.ten_thousand", f"--way={way}", f"--url={url}"]
            done = subprocess.run(
                command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=600
            )
        found[way] = json.loads(done.stdout)
    columns = {
        "grown": "MB above idle",
        "lists": "lists/s per 500",
        "gets": "gets/s in all",
        "lag": "lag p99 ms",
        "worst": "worst ms",
        "start": "p99 ms at start",
    }
    rows = [[way, *(f"{each[key]:.2f}" for key in columns)] for way, each in found.items()]
    table(f"{TASKS} waiting tasks", ["", *columns.values()], rows)
    for way, each in found.items():
        verdict(f"{way}: peak memory above an idle client", each["grown"], 64, " MB")
        verdict(f"{way}: list requests a second per 500 in flight", each["lists"], 2)
        verdict(f"{way}: loop lag p99", each["lag"], 20, " ms")


if __name__ == "__main__":
    main()
