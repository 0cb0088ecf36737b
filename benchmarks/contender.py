"""One client, in a process of its own: runs jobs against a server and tells what they cost.

`python -m benchmarks.contender NAME URL …` prints one JSON object. The clock is scaled as the server's is. What the
client imports lazily, and its first connections, are paid for by two jobs that do not count.
"""

import argparse
import asyncio
import dataclasses
import gc
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from benchmarks import pictures
from benchmarks.harness import ROOT, peak_rss, quantile, rss, run_scaled
from benchmarks.page_server import server_process

IMAGE = pictures.URL
MODEL = "kling-v2-6"
PROMPT = "The astronaut stands up and walks away, dust rising in slow motion"
WARM_UP = 2


@dataclasses.dataclass(frozen=True)
class Order:
    """What a contender is asked to do."""

    url: str
    jobs: int
    in_flight: int
    interval: float
    """Seconds between polls, for clients that let it be chosen."""

    noticed: Callable[[str], None]
    """To be called with a job's id when its end is known to the caller."""

    picture: Any = IMAGE
    """The picture: its URL, bytes or path."""

    pace: Literal["prompt", "thrifty"] = "prompt"
    """Of this library, how eagerly it polls."""


async def kling(order: Order) -> None:
    """This library."""
    from kling_async import Image2VideoRequest, KlingClient

    requests = (
        Image2VideoRequest(model_name=MODEL, image=order.picture, prompt=PROMPT) for _ in range(order.jobs)
    )
    async with (
        KlingClient(
            api_key="benchmark", base_url=order.url, max_in_flight=order.in_flight, pace=order.pace
        ) as client,
        client.image2video.generate_many(requests) as outcomes,
    ):
        async for outcome in outcomes:
            order.noticed(outcome.unwrap().task_id)


async def handwritten(order: Order) -> None:
    """The fifty lines of aiohttp."""
    from benchmarks.handwritten import generate_many

    requests = ({"model_name": MODEL, "image": IMAGE, "prompt": PROMPT} for _ in range(order.jobs))
    async for task in generate_many(order.url, "benchmark", requests, order.in_flight, order.interval):
        order.noticed(task["task_id"])


async def list_loop(order: Order, *, keep_connections: bool = False) -> None:
    """The loop of aiohttp that reads list pages."""
    from benchmarks.list_loop import generate_many

    headers = {"Authorization": "Bearer benchmark", "Content-Type": "application/json"}
    requests = ((order.picture, PROMPT) for _ in range(order.jobs))
    async for task in generate_many(
        order.url,
        headers,
        requests,
        order.in_flight,
        order.interval,
        keep_connections=keep_connections,
    ):
        order.noticed(task["task_id"])


async def list_loop_kept(order: Order) -> None:
    """The same; creates use connections again, and can meet one that the server has just closed."""
    await list_loop(order, keep_connections=True)


async def eager(order: Order) -> None:
    """This library with a caller's own schedule: a poll every 0.3 s, as eager as the most eager of the others."""
    from kling_async import Image2VideoRequest, KlingClient

    free = asyncio.Semaphore(order.in_flight)
    async with KlingClient(api_key="benchmark", base_url=order.url) as client:

        async def job() -> None:
            async with free:
                task = await client.image2video.create(
                    Image2VideoRequest(model_name=MODEL, image=IMAGE, prompt=PROMPT)
                )
                task = await client.image2video.wait_for_task(task, schedule=[0.3])
            order.noticed(task.task_id)

        await asyncio.gather(*(job() for _ in range(order.jobs)))


OWN: dict[str, Callable[[Order], Awaitable[None]]] = {
    "kling_async": kling,
    "kling_async at 0.3 s": eager,
    "handwritten": handwritten,
    "list loop": list_loop,
    "list loop, connections kept": list_loop_kept,
}


async def run(contender: Callable[[Order], Awaitable[None]], order: Order) -> dict[str, Any]:
    """Runs the jobs that count, after those that do not."""
    await contender(dataclasses.replace(order, jobs=WARM_UP, noticed=lambda _: None))
    before = await asked(order.url, "counts")
    gc.collect()
    idle, now = rss(), asyncio.get_running_loop().time
    seen: dict[str, float] = {}
    begun, cpu = now(), time.process_time()
    await contender(dataclasses.replace(order, noticed=lambda job: seen.__setitem__(job, now())))
    cpu, took = time.process_time() - cpu, now() - begun
    after, ends = await asked(order.url, "counts"), await asked(order.url, "ends")
    delays = [at - ends[job] for job, at in seen.items()]
    assert len(delays) == order.jobs
    calls = {kind: after[kind] - before.get(kind, 0) for kind in after if kind != "bytes"}
    return {
        "cpu_ms": 1000 * cpu / order.jobs,
        "requests": sum(calls.values()) / order.jobs,
        "calls": calls,
        "median": statistics.median(delays),
        "mean": statistics.mean(delays),
        "p95": quantile(delays, 0.95),
        "makespan": took,
        "peak_mb": peak_rss(),
        "grown_mb": peak_rss() - idle,
    }


async def asked(url: str, what: str) -> dict[str, Any]:
    """What the server knows; asked without aiohttp, which is part of what is measured."""

    def ask() -> dict[str, Any]:
        with urllib.request.urlopen(f"{url}/-/{what}") as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    return await asyncio.to_thread(ask)


def compete(
    name: str,
    *,
    jobs: int,
    in_flight: int,
    scale: float,
    interval: float = 5.0,
    server: tuple[str, ...] = (),
    picture: str = "url",
    pace: str = "prompt",
    home: str = "benchmarks.contender",
    protocol: str = "benchmarks.page_server",
) -> dict[str, Any]:
    """Starts a server and a contender, each in a process of its own, and returns what the contender tells."""
    with server_process(f"--scale={scale}", f"--warm-up={WARM_UP}", *server, module=protocol) as url:
        command = [sys.executable, "-m", "benchmarks.contender", name, url, f"--home={home}"]
        command += [
            f"--jobs={jobs}",
            f"--in-flight={in_flight}",
            f"--scale={scale}",
            f"--interval={interval}",
            f"--picture={picture}",
            f"--pace={pace}",
        ]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("url")
    parser.add_argument("--home", default="benchmarks.contender", help="the module that knows the contender")
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--interval", type=float, default=5.0)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--picture", choices=("url", "bytes", "path"), default="url")
    parser.add_argument("--pace", choices=("prompt", "thrifty"), default="prompt")
    options = parser.parse_args()
    contenders = (
        OWN
        if options.home == parser.get_default("home")
        else importlib.import_module(options.home).CONTENDERS
    )
    with tempfile.TemporaryDirectory() as folder:
        order = Order(
            options.url,
            options.jobs,
            options.in_flight,
            options.interval,
            lambda _: None,
            pictures.of_form(options.picture, Path(folder)),
            options.pace,
        )
        print(json.dumps(run_scaled(run(contenders[options.name], order), options.scale)))


if __name__ == "__main__":
    main()
