"""What a list page of 500 tasks on which nothing changed costs the poller, against `json.loads` of it."""

import asyncio
import contextlib
import json
from types import ModuleType
from typing import Any, NoReturn

from benchmarks.harness import in_turns, parse_with, parsers, table, verdict
from benchmarks.pages import list_page
from kling_async.polling.poller import Poller
from kling_async.schema import wire

ROUNDS = 200
SIZE = 500


async def no_look(*_: Any) -> NoReturn:
    """The poller's own looks have no part in this."""
    await asyncio.Event().wait()
    raise AssertionError


async def measure(module: ModuleType | None, known: str) -> tuple[float, float]:
    """Median seconds: the poller's, and json.loads's."""
    parse_with(module)
    body = list_page("processing", SIZE)
    poller = Poller(no_look, no_look, lambda: 0.5)

    def ours() -> None:
        envelope = wire.read_envelope(body, http_status=200)
        poller.show_page(wire.read_tasks(envelope))

    with contextlib.ExitStack() as watches:
        for row in json.loads(body)["data"]:
            name = row["task_info"]["external_task_id"] if known == "external id" else row["task_id"]
            watches.enter_context(poller.watching(name, lambda _age: 3600.0, None))
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
