"""What an account's history and the list's order cost: CPU of the client process per job, in three orders.

600 jobs of 60 s (sigma 0.3), 300 in flight, in an account with 20,000 older tasks; scaled time, the server in its own
process. The opponent polls each job by a GET every 3 s, which no order touches. Orders that do not exist favour it.
"""

import argparse
from typing import Any

from benchmarks.contender import compete
from benchmarks.harness import table, verdict
from benchmarks.history_server import ORDERS

JOBS, IN_FLIGHT, SECONDS, SIGMA, OLDER, SCALE, INTERVAL = 600, 300, 60.0, 0.3, 20_000, 8.0, 3.0


def row(name: str, found: dict[str, Any]) -> list[str]:
    """A contender's line in the table."""
    calls = found["calls"]
    figures = [found[key] for key in ("cpu_ms", "median", "mean", "p95")]
    return [
        name,
        *(f"{figure:.2f}" for figure in figures),
        str(calls.get("list", 0)),
        str(calls.get("get", 0)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=SCALE)
    scale = parser.parse_args().scale
    terms = ("--warm-up=2", f"--seconds={SECONDS}", f"--sigma={SIGMA}", f"--tasks={OLDER}")
    found = {
        order: compete(
            "kling_async",
            jobs=JOBS,
            in_flight=IN_FLIGHT,
            scale=scale,
            server=(*terms, f"--order={order}"),
            protocol="benchmarks.history_server",
        )
        for order in ORDERS
    }
    theirs = compete(
        "handwritten",
        jobs=JOBS,
        in_flight=IN_FLIGHT,
        scale=scale,
        interval=INTERVAL,
        server=terms,
        protocol="benchmarks.history_server",
    )
    table(
        f"{JOBS} jobs of {SECONDS:.0f} s, {IN_FLIGHT} in flight, {OLDER} older tasks",
        ["", "CPU ms per job", "delay: median s", "mean s", "p95 s", "list requests", "GETs"],
        [
            *(row(f"kling_async, {order}", found[order]) for order in ORDERS),
            row(f"a GET per job and {INTERVAL:.0f} s", theirs),
        ],
    )
    newest = found["newest"]["cpu_ms"]
    verdict("oldest first: CPU, of newest first", found["oldest"]["cpu_ms"] / newest, 1.5)
    verdict("random: CPU, of the GET loop's", found["random"]["cpu_ms"] / theirs["cpu_ms"], 1.1)


if __name__ == "__main__":
    main()
