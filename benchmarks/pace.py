"""Requests and delay of noticing at each pace, by the poller alone, in virtual time; no HTTP, answers take 5 to 10 ms.

Batches that all run at once, and accounts with a history in three orders, against one GET per job and 5 s. Job times
spread by sigma; jobs of exactly equal length would all end between two requests, and their delay would be chance.
"""

import asyncio
import math
import random
from typing import Any

from benchmarks.harness import quantile, run_virtual, table, verdict
from kling_async.polling.plan import PaceName
from kling_async.polling.poller import Poller
from kling_async.polling.schedule import Experience
from kling_async.polling.wait import until_end
from kling_async.schema.task import Task, read_task

EPOCH = 1_790_000_000.0
"""Unix seconds at the loop's time 0."""

INTERVAL = 5.0
CREATE = 0.003
"""Seconds between two creates."""


class Service:
    """An account: its tasks in memory, each request counted.

    Args:
        older: Tasks of one a second before now.
        order: In which order the list shows them: "newest", "oldest" or "random".
    """

    def __init__(self, older: int, order: str) -> None:
        self._now = asyncio.get_running_loop().time
        self._order = order
        self._chance = random.Random(3)
        self._keys: dict[str, float] = {}
        self.ends: dict[str, tuple[float, float]] = {}
        self.gets = self.lists = 0
        for number in range(older):
            self.create(1.0, age=older - number)

    def create(self, seconds: float, age: float = 0.0) -> Task:
        """A new task."""
        created = self._now() - age
        task_id = str(10_000_000 + len(self.ends))
        self.ends[task_id] = (created, created + seconds)
        self._keys[task_id] = self._chance.random()
        return read_task(self._row(task_id))

    async def one(self, task_id: str) -> Task:
        """A single GET."""
        self.gets += 1
        await asyncio.sleep(self._chance.uniform(0.005, 0.01))
        return read_task(self._row(task_id))

    async def page(self, number: int, size: int) -> list[Any]:
        """A list page."""
        self.lists += 1
        await asyncio.sleep(self._chance.uniform(0.005, 0.01))
        listed = list(self.ends)
        if self._order == "newest":
            listed.reverse()
        if self._order == "random":
            listed.sort(key=self._keys.__getitem__)
        return [self._row(task_id) for task_id in listed[(number - 1) * size : number * size]]

    def _row(self, task_id: str) -> dict[str, Any]:
        created, ends = self.ends[task_id]
        ended = self._now() >= ends
        status = "succeed" if ended else "submitted" if self._now() < created + 1 else "processing"
        row = {"task_id": task_id, "task_status": status, "created_at": int(1000 * (created + EPOCH))}
        row["updated_at"] = int(1000 * (ends + EPOCH)) if ended else row["created_at"]
        return (
            {**row, "task_result": {"videos": [{"id": "v", "url": "https://a.example/v"}]}} if ended else row
        )


async def measure(
    jobs: int, seconds: float, sigma: float, pace: PaceName, older: int = 0, order: str = "newest"
) -> dict[str, float]:
    """One batch: its requests and delays."""
    now, service, chance = asyncio.get_running_loop().time, Service(older, order), random.Random(5)
    poller, known = Poller(service.one, service.page, chance.random, pace=pace), Experience()
    delays: list[float] = []

    async def job(number: int) -> None:
        await asyncio.sleep(CREATE * number)
        task = service.create(seconds * math.exp(chance.gauss(0, sigma) - sigma * sigma / 2))
        with poller.watching(task, known, None, poll_now=False) as watch:
            await until_end(watch, None)
        created, ends = service.ends[task.task_id]
        delays.append(now() - ends)
        known.record(ends - created)

    begun = now()
    await asyncio.gather(*(job(number) for number in range(jobs)))
    requests = service.gets + service.lists
    return {
        "list": service.lists,
        "get": service.gets,
        "a second": requests / (now() - begun),
        "share": requests / (jobs * seconds / INTERVAL),
        "p50": quantile(delays, 0.5),
        "p95": quantile(delays, 0.95),
    }


CASES: dict[str, tuple[Any, ...]] = {
    "100 of 60 s, prompt": (100, 60.0, 0.1, "prompt"),
    "300 of 120 s, prompt": (300, 120.0, 0.1, "prompt"),
    "300 of 120 s, thrifty": (300, 120.0, 0.1, "thrifty"),
    "10,000 of 120 s, prompt": (10_000, 120.0, 0.1, "prompt"),
    "600 of 60 s, newest first": (600, 60.0, 0.3, "prompt", 20_000, "newest"),
    "600 of 60 s, oldest first": (600, 60.0, 0.3, "prompt", 20_000, "oldest"),
    "600 of 60 s, random": (600, 60.0, 0.3, "prompt", 20_000, "random"),
}
BOUNDS = (
    ("100 of 60 s, prompt", "p50", 0.6),
    ("100 of 60 s, prompt", "p95", 1.3),
    ("100 of 60 s, prompt", "a second", 1.1),
    ("300 of 120 s, prompt", "p95", 1.2),
    ("300 of 120 s, prompt", "share", 1 / 15),
    ("300 of 120 s, thrifty", "p95", 2.5),
    ("300 of 120 s, thrifty", "share", 1 / 100),
    ("10,000 of 120 s, prompt", "get", 200),
    ("10,000 of 120 s, prompt", "a second", 10),
)


def main() -> None:
    found = {name: run_virtual(measure(*case)) for name, case in CASES.items()}
    keys = ("list", "get", "a second", "share", "p50", "p95")
    rows = [[name, *(f"{each[key]:.3g}" for key in keys)] for name, each in found.items()]
    header = ["", "list requests", "GETs", "requests a second", "of a 5 s loop's", "delay: p50 s", "p95 s"]
    table("Batches that run all at once", header, rows)
    for name, key, bound in BOUNDS:
        verdict(f"{name}: {key}", found[name][key], bound)


if __name__ == "__main__":
    main()
