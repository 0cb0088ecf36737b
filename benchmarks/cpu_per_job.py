"""CPU of the client process per job, against a hand-written loop that reads list pages, at the same delay of noticing.

300 jobs of 20 s (sigma 0.4), 100 in flight, the server in its own process, answers after 50 to 350 ms, time scaled; the
picture by URL, as bytes and by path (100 KB). Each round runs ours, then the loop at 1 s, then the loop at the
intervals at which its p95 and its mean delay are ours. The loop opens a connection for each create, as ours does.

What favours whom: the loop does nothing but the work (no retry, no look-up, no check of the list, pictures read on the
event loop and unchecked), and it is told that the list is newest first. Ours had to learn how long the jobs take.
"""

import argparse
import statistics
from typing import Any

from benchmarks.contender import compete
from benchmarks.harness import table, verdict

JOBS, IN_FLIGHT, SECONDS, SIGMA, SCALE, ROUNDS = 300, 100, 20.0, 0.4, 8.0, 3
BOUNDS = {"url": 1.3, "bytes": 1.4, "path": 1.5}
FIGURES = ("cpu_ms", "requests", "mean", "median", "p95")


def same_delay(key: str, ours: dict[str, Any], theirs: dict[str, Any], interval: float) -> float:
    """The interval at which the loop's delay is ours; a loop is late by half its interval, at p95 by 0.95 of it."""
    share = {"mean": 0.5, "p95": 0.95}[key]
    return float(max(0.2, interval + (ours[key] - theirs[key]) / share))


def measure(form: str, rounds: int) -> dict[str, dict[str, float]]:
    """Medians of ours and of the loop's, by name."""
    terms: dict[str, Any] = {"jobs": JOBS, "in_flight": IN_FLIGHT, "scale": SCALE, "picture": form}
    terms["server"] = (f"--seconds={SECONDS}", f"--sigma={SIGMA}", "--latency")
    found: dict[str, list[dict[str, Any]]] = {}
    for _ in range(rounds):
        ours = compete("kling_async", **terms)
        usual = compete("list loop", interval=1.0, **terms)
        found.setdefault("kling_async", []).append(ours)
        found.setdefault("list loop, 1 s", []).append(usual)
        for key in ("p95", "mean"):
            interval = same_delay(key, ours, usual, 1.0)
            same = {**compete("list loop", interval=interval, **terms), "interval": interval}
            found.setdefault(f"list loop, same {key}", []).append(same)
    kept = compete("list loop, connections kept", interval=1.0, **terms)
    found["list loop, 1 s, connections kept"] = [kept]
    return {
        name: {key: statistics.median(run[key] for run in runs) for key in FIGURES}
        for name, runs in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--forms", nargs="+", choices=BOUNDS, default=list(BOUNDS))
    options = parser.parse_args()
    found = {form: measure(form, options.rounds) for form in options.forms}
    for form, each in found.items():
        table(
            f"{JOBS} jobs of {SECONDS:.0f} s, sigma {SIGMA}, {IN_FLIGHT} in flight, picture by {form}",
            ["", "CPU ms per job", "requests per job", "delay: mean s", "p50 s", "p95 s"],
            [[name, *(f"{figures[key]:.2f}" for key in FIGURES)] for name, figures in each.items()],
        )
    for form, each in found.items():
        ours = each["kling_async"]["cpu_ms"]
        same = each["list loop, same p95"]["cpu_ms"]
        verdict(f"{form}: CPU, of the loop's at the same p95 delay", ours / same, BOUNDS[form])


if __name__ == "__main__":
    main()
