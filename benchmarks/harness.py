"""What the benchmarks share: paired timing, tables with a verdict, and clocks that run faster.

Machines are shared and noisy, so nothing here trusts a single figure: what is compared runs in turns within one
process or one run, and a ratio comes out.
"""

import asyncio
import math
import random
import resource
import selectors
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from typing_extensions import override

ROOT = Path(__file__).resolve().parent.parent


def in_turns(jobs: Sequence[Callable[[], Any]], rounds: int, repeat: int = 1) -> list[float]:
    """Median seconds of each job; in every round each of them runs `repeat` times, one after the other."""
    times: list[list[float]] = [[] for _ in jobs]
    for _ in range(rounds):
        for job, taken in zip(jobs, times, strict=True):
            begun = time.perf_counter()
            for _ in range(repeat):
                job()
            taken.append((time.perf_counter() - begun) / repeat)
    return [statistics.median(taken) for taken in times]


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table; the first column stands left, the others right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    print(f"\n{title}")
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())


def verdict(what: str, value: float, bound: float, unit: str = "", *, at_least: bool = False) -> bool:
    """Prints one line: what was measured, what it must reach, whether it does."""
    reached = value >= bound if at_least else value <= bound
    relation = "at least" if at_least else "at most"
    print(f"{'reached' if reached else 'MISSED '}  {what}: {value:.3g}{unit}, {relation} {bound:g}{unit}")
    return reached


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def rss() -> float:
    """Memory that this process holds now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def peak_rss() -> float:
    """The most memory that this process ever held, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def job_times(count: int, mean: float = 164.0, sigma: float = 0.6, seed: int = 3) -> list[float]:
    """Seconds that jobs take: log-normal, by their mean and the sigma of their logarithm; fixed seed."""
    chance = random.Random(seed)
    return [chance.lognormvariate(math.log(mean) - sigma**2 / 2, sigma) for _ in range(count)]


def parsers() -> dict[str, ModuleType | None]:
    """The JSON parsers that can be compared: the standard library's, and orjson where it is installed."""
    from kling_async.schema import wire

    found = {"json": None, "orjson": vars(wire)["orjson"]}
    return {name: module for name, module in found.items() if name == "json" or module is not None}


def parse_with(module: ModuleType | None) -> None:
    """Stands in for an environment with orjson, or without it (None)."""
    from kling_async.schema import wire

    vars(wire)["orjson"] = module


class _ScaledSelector(selectors.DefaultSelector):
    scale = 1.0

    @override
    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout if timeout is None else timeout / self.scale)


class ScaledLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock runs `scale` times as fast as the machine's; I/O takes what it takes.

    Two processes with the same scale have the same clock.
    """

    def __init__(self, scale: float) -> None:
        selector = _ScaledSelector()
        selector.scale = self.scale = scale
        super().__init__(selector)

    @override
    def time(self) -> float:
        return time.monotonic() * self.scale


def run_scaled(main: Any, scale: float) -> Any:
    """Runs a coroutine on a scaled loop."""
    with asyncio.Runner(loop_factory=lambda: ScaledLoop(scale)) as runner:
        return runner.run(main)


def run_virtual(main: Any) -> Any:
    """Runs a coroutine on the tests' virtual time, where waiting costs nothing."""
    sys.path.insert(0, str(ROOT / "tests"))
    from virtual_time import VirtualLoop

    def impatient() -> VirtualLoop:
        loop = VirtualLoop()
        loop._jumping.patience = 0.0  # noqa: SLF001 - all I/O is within this process and ready at once
        return loop

    with asyncio.Runner(loop_factory=impatient) as runner:
        return runner.run(main)


TICK = 0.005
"""Seconds between two timers of `Lag`."""


class Lag:
    """Measures how late the event loop is: a timer that is due every 5 ms of real time.

    `async with Lag() as lag: …`, then `lag.p99` in milliseconds. It is weighted by time: a stall of a second is one late
    timer, but a second of lateness.
    """

    def __init__(self) -> None:
        self.late: list[float] = []
        self._own: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            begun, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(TICK)
            self.late.append(max(0.0, time.perf_counter() - begun - TICK))
            self._own.append(max(0.0, time.thread_time() - used - TICK))

    @property
    def p99(self) -> float:
        """Milliseconds that the loop was not later than in 99 of 100 seconds."""
        return self._p99(self.late)

    def _p99(self, found: list[float]) -> float:
        left = 0.01 * sum(late + TICK for late in found)
        for late in sorted(found, reverse=True):
            left -= late + TICK
            if left <= 0:
                return 1000 * late
        return 0.0

    @property
    def own(self) -> float:
        """Milliseconds that the latest timer was late by the loop's own CPU: what a machine without others would show."""
        return 1000 * max(self._own)

    @property
    def own_p99(self) -> float:
        """As `p99`, but by the loop's own CPU."""
        return self._p99(self._own)

    @property
    def worst(self) -> float:
        """Milliseconds that the latest timer was late."""
        return 1000 * max(self.late)
