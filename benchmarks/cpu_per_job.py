"""CPU of the client process per job, against the hand-written loop at the same delay of noticing.

300 jobs, 100 in flight, the server in its own process, answers after 50 to 350 ms, time scaled. Our client goes
first, then the loop at its usual 5 s, and then the loop at the interval at which it notices as early as ours does.
"""

from typing import Any

from benchmarks.contender import compete
from benchmarks.harness import table, verdict

JOBS, IN_FLIGHT, SECONDS, SCALE = 300, 100, 120.0, 20.0
KINDS = {"jobs of about 120 s, sigma 0.05": 0.05, "jobs of 120 s on average, sigma 0.6": 0.6}
"""Jobs of exactly 120 s would end on the beat of a loop, and its delay would be chance."""


def row(name: str, found: dict[str, Any]) -> list[str]:
    """A contender's line in the table."""
    figures = [found["cpu_ms"], found["requests"], found["median"], found["mean"], found["p95"]]
    return [name, *(f"{figure:.2f}" for figure in figures)]


def main() -> None:
    ratios = []
    for kind, sigma in KINDS.items():
        terms: dict[str, Any] = {"jobs": JOBS, "in_flight": IN_FLIGHT, "scale": SCALE}
        terms["server"] = (f"--seconds={SECONDS}", f"--sigma={sigma}", "--latency")
        ours = compete("kling_async", **terms)
        usual = compete("handwritten", interval=5.0, **terms)
        interval = 2 * (
            ours["mean"] - (usual["mean"] - 2.5)
        )  # a loop is late by half its interval and the network
        same = compete("handwritten", interval=interval, **terms)
        table(
            f"{JOBS} {kind}, {IN_FLIGHT} in flight",
            ["", "CPU ms per job", "requests per job", "delay: median s", "mean s", "p95 s"],
            [
                row("kling_async", ours),
                row(f"hand-written, {interval:.2f} s", same),
                row("hand-written, 5 s", usual),
            ],
        )
        ratios.append((kind, ours["cpu_ms"] / same["cpu_ms"], same["mean"] / ours["mean"]))
    for kind, ratio, delay in ratios:
        verdict(f"{kind}: CPU, of the loop's, whose mean delay is {delay:.2f} of ours", ratio, 0.5)


if __name__ == "__main__":
    main()
