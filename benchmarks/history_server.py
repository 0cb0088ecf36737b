"""The small fast server with a history: tasks of one a second that ended long ago, listed in an order of one's choice."""

import asyncio
import random
import sys
from collections.abc import Callable

from typing_extensions import override

from benchmarks.harness import run_scaled
from benchmarks.page_server import Page, answering, durations, latency, options_of, serve_until_left

ORDERS = ("newest", "oldest", "random")


class History(Page):
    """The tasks of an account that has been in use.

    Args:
        now: The loop's clock.
        times: Seconds that the next jobs take.
        order: In which order the list shows them; "random" is one order that does not change, as of a hash.
    """

    def __init__(self, now: Callable[[], float], times: Callable[[], float], order: str) -> None:
        super().__init__(now, times)
        self._order = order
        self._chance = random.Random(7)
        self._shuffled: list[str] = []

    @override
    def create(self, external: str) -> bytes:
        row = super().create(external)
        if self._order == "random":
            self._shuffled.insert(self._chance.randrange(len(self._ids)), self._ids[-1])
        return row

    def grow(self, count: int) -> None:
        """Adds tasks that were created one a second before now."""
        for number in range(count):
            self.create(f"there-{number}")
            created = self._now() - (count - number)
            self._tasks[self._ids[-1]] = (created, created + 60.0, f"there-{number}")

    @override
    def rows(self, number: int, size: int) -> bytes:
        if self._order == "newest":
            return super().rows(number, size)
        listed = self._ids if self._order == "oldest" else self._shuffled
        now, begin = self._now(), (number - 1) * size
        return b"[" + b",".join(self._row(task_id, now) for task_id in listed[begin : begin + size]) + b"]"


def main() -> None:
    orders = [given.removeprefix("--order=") for given in sys.argv if given.startswith("--order=")]
    sys.argv = [given for given in sys.argv if not given.startswith("--order=")]
    options = options_of(__doc__ or "")

    async def run() -> None:
        history = History(
            asyncio.get_running_loop().time, durations(options), orders[-1] if orders else "newest"
        )
        history.grow(options.tasks)
        await serve_until_left(answering(history), latency(options))

    run_scaled(run(), options.scale)


if __name__ == "__main__":
    main()
