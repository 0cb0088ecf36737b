"""300 jobs of 120 s, 100 in flight: requests and delay of noticing, against one GET per job and 5 s. Virtual time.

An answer takes 50 to 350 ms, as a network's does: without that, jobs of exactly 120 s would end on the very beat of
a 5 s loop, and nobody's delay would mean anything.
"""

import asyncio
import random
import statistics
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from benchmarks.harness import job_times, quantile, run_virtual, table, verdict
from benchmarks.page_server import PATH, Page, answering, serving
from kling_async import Image2VideoRequest, KlingClient

JOBS, SECONDS, IN_FLIGHT, INTERVAL = 300, 120.0, 100, 5.0
NEEDED = JOBS * SECONDS / INTERVAL
IMAGE = "https://example.com/still.jpg"

Seen = dict[str, float]


async def shared(url: str) -> Seen:
    """Our client; when each task's end was noticed."""
    seen: Seen = {}
    now = asyncio.get_running_loop().time
    requests = (Image2VideoRequest(image=IMAGE, prompt=f"shot {number}") for number in range(JOBS))
    async with (
        KlingClient(api_key="benchmark", base_url=url, max_in_flight=IN_FLIGHT) as kling,
        kling.image2video.generate_many(requests) as outcomes,
    ):
        async for outcome in outcomes:
            seen[outcome.unwrap().task_id] = now()
    return seen


async def fixed(url: str) -> Seen:
    """One GET per job and interval."""
    seen: Seen = {}
    now = asyncio.get_running_loop().time
    slots = asyncio.Semaphore(IN_FLIGHT)
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def job(number: int) -> None:
            async with slots:
                body = {"image": IMAGE, "prompt": f"shot {number}", "external_task_id": f"fixed-{number}"}
                async with session.post(PATH, json=body) as answer:
                    task = (await answer.json())["data"]
                while task["task_status"] not in {"succeed", "failed"}:
                    await asyncio.sleep(INTERVAL)
                    async with session.get(f"{PATH}/{task['task_id']}") as answer:
                        task = (await answer.json())["data"]
                seen[task["task_id"]] = now()

        await asyncio.gather(*(job(number) for number in range(JOBS)))
    return seen


async def measure(run: Callable[[str], Awaitable[Seen]], sigma: float) -> dict[str, Any]:
    """Polls, creates and delays of one way to wait."""
    now = asyncio.get_running_loop().time
    times = iter(job_times(JOBS, SECONDS, sigma))
    page = Page(now, lambda: next(times))
    chance = random.Random(5)
    async with serving(answering(page), lambda: chance.uniform(0.05, 0.35)) as url:
        begun = now()
        seen = await run(url)
    ends = page.ends()
    delays = [seen[task_id] - ends[task_id] for task_id in ends]
    return {
        "polls": page.counts["get"] + page.counts["list"],
        "creates": page.counts["create"],
        "median": statistics.median(delays),
        "mean": statistics.mean(delays),
        "p95": quantile(delays, 0.95),
        "makespan": now() - begun,
        "counts": page.counts,
    }


def row(name: str, found: dict[str, Any]) -> list[str]:
    counts = found["counts"]
    delays = [f"{found[key]:.2f}" for key in ("median", "mean", "p95")]
    return [
        name,
        f"{counts['create']}",
        f"{counts['list']}",
        f"{counts['get']}",
        *delays,
        f"{found['makespan']:.0f}",
    ]


def main() -> None:
    results = []
    for kind, sigma in (("jobs of 120 s each", 0.0), ("jobs of 120 s on average, sigma 0.6", 0.6)):
        ours = run_virtual(measure(shared, sigma))
        theirs = run_virtual(measure(fixed, sigma))
        table(
            f"{JOBS} {kind}, {IN_FLIGHT} in flight",
            ["", "creates", "list polls", "single polls", "delay: median s", "mean s", "p95 s", "makespan s"],
            [row("kling_async", ours), row(f"a GET per job and {INTERVAL:.0f} s", theirs)],
        )
        results.append((kind, ours, theirs))
    (kind, ours, theirs), (spread, ours_spread, theirs_spread) = results
    verdict(f"{kind}: polls, of {NEEDED:.0f}", ours["polls"] / NEEDED, 1 / 15)
    for key in ("median", "mean", "p95"):
        verdict(f"{kind}: {key} delay, of the fixed loop's", ours[key] / theirs[key], 1.0)
    for key in ("median", "mean", "p95", "polls"):
        verdict(f"{spread}: {key}, of the fixed loop's", ours_spread[key] / theirs_spread[key], 1.0)


if __name__ == "__main__":
    main()
