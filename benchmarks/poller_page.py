"""What a list page of 500 tasks on which nothing changed costs the poller, against `json.loads` of it."""

import asyncio
import json
import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

from benchmarks.harness import in_turns, parse_with, parsers, table, verdict
from benchmarks.pages import list_page
from kling_async.polling.brake import Brake
from kling_async.polling.index import Index
from kling_async.polling.pages import Ask
from kling_async.polling.plan import Plan
from kling_async.polling.rounds import Rounds
from kling_async.polling.schedule import Experience
from kling_async.polling.singles import Singles
from kling_async.polling.watch import Watch
from kling_async.schema import wire
from kling_async.schema.task import Task

ROUNDS = 200
SIZE = 500


class Unpolled:
    """Stands for the poller; nothing but the taking of pages has a part in this."""

    def single_answered(self, task: Task | None, before: str | None) -> None:
        """Is never called."""

    def single_done(self, watch: Watch) -> None:
        """Is never called."""

    def round_ended(
        self, begun: float, audience: Sequence[Watch], wanted: Sequence[Watch], error: Exception | None
    ) -> None:
        """Is never called."""

    def polled(self, kind: str, begun: float, error: BaseException | None, tasks: int) -> None:
        """Is never called."""


async def no_poll(*_: Any) -> NoReturn:
    """Is never called either."""
    raise AssertionError


async def measure(module: ModuleType | None, known: str) -> tuple[float, float]:
    """Median seconds: the poller's, and json.loads's."""
    parse_with(module)
    body = list_page("processing", SIZE)
    index, nobody = Index(), Unpolled()
    singles = Singles(no_poll, index, Brake(lambda: 0.5), nobody)
    rounds = Rounds(no_poll, index, Plan(), singles, nobody)
    ask, now = Ask(1, SIZE), asyncio.get_running_loop().time()

    def ours() -> None:
        envelope = wire.read_envelope(body, http_status=200)
        rounds.show(ask, wire.read_tasks(envelope))

    for row in json.loads(body)["data"]:
        name = row["task_info"]["external_task_id"] if known == "external id" else row["task_id"]
        index.add(Watch(key=name, gap=Experience(), begun=now, born=now, deadline=math.inf, due=now))
    ours()  # the first page tells everybody something new
    await asyncio.sleep(0)
    mine, plain = in_turns([ours, lambda: json.loads(body)], ROUNDS)
    return mine, plain


def main() -> None:
    rows, ratios = [], []
    for known in ("task id", "external id"):
        for name, module in parsers().items():
            mine, plain = asyncio.run(measure(module, known))
            case = f"watched by {known}, parsed by {name}"
            rows.append([case, f"{1e6 * mine:.0f}", f"{1e6 * plain:.0f}", f"{mine / plain:.2f}"])
            ratios.append((case, mine / plain))
    table(
        "A page of 500 tasks on which nothing changed, medians",
        ["", "ours µs", "json.loads µs", "ratio"],
        rows,
    )
    for case, ratio in ratios:
        verdict(f"{case}, of json.loads", ratio, 1.5)


if __name__ == "__main__":
    main()
