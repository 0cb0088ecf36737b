"""20 slots, long-tailed jobs: how much of the account's capacity is used. Virtual time, network times included.

The ideal makespan is that of a scheduler that knows nothing of the durations, as no client does, but starts the
next job in the very moment in which one ends: the same jobs in the same order on 20 slots, without any gap.
"""

import asyncio
import heapq
import random
import statistics

from benchmarks.harness import job_times, run_virtual, table, verdict
from benchmarks.page_server import Page, answering, serving
from kling_async import Image2VideoRequest, KlingClient

JOBS, SLOTS, MEAN, SIGMA = 400, 20, 164.0, 0.6


def ideal(durations: list[float]) -> float:
    """Seconds that the jobs take on `SLOTS` slots in their order, each started as the slot is free."""
    free = [0.0] * SLOTS
    for seconds in durations:
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


async def actual(durations: list[float]) -> tuple[float, Page]:
    """Seconds that they take through the client, and the server that counted."""
    now = asyncio.get_running_loop().time
    times, chance = iter(durations), random.Random(5)
    page = Page(now, lambda: next(times))
    requests = (Image2VideoRequest(image="https://example.com/still.jpg", prompt=f"{n}") for n in range(JOBS))
    async with (
        serving(answering(page), lambda: chance.uniform(0.05, 0.35)) as url,
        KlingClient(api_key="benchmark", base_url=url, max_in_flight=SLOTS) as kling,
    ):
        begun = now()
        outcomes = await kling.image2video.generate_all(requests)
        for outcome in outcomes:
            outcome.unwrap()
        return now() - begun, page


def main() -> None:
    rows, shares = [], []
    for seed in range(3):
        durations = job_times(JOBS, MEAN, SIGMA, seed)
        best = ideal(durations)
        taken, page = run_virtual(actual(durations))
        polls = page.counts["list"] + page.counts["get"]
        rows.append(
            [f"seed {seed}", f"{best:.0f}", f"{taken:.0f}", f"{best / taken:.4f}", f"{polls / JOBS:.1f}"]
        )
        shares.append(best / taken)
    header = ["", "ideal makespan s", "actual s", "ideal / actual", "polls per job"]
    table(f"{JOBS} jobs (mean {MEAN:.0f} s, sigma {SIGMA}) on {SLOTS} slots", header, rows)
    verdict("ideal makespan over actual, median of the seeds", statistics.median(shares), 0.98, at_least=True)


if __name__ == "__main__":
    main()
