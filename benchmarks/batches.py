"""Batches that start from nothing, over HTTP: delay of noticing and requests, against the loops that one would write.

100 jobs of 60 s and 300 of 120 s (sigma 0.1), all in flight at once, scaled time, the server in its own process; each
contender is new and has learnt nothing. Answers come at once: the time that a network takes adds to everybody's delay.

What favours whom: the loops need no time to learn anything; a loop with a GET per job and interval cannot share a request.
"""

from typing import Any

from benchmarks.contender import compete
from benchmarks.harness import table, verdict

SCALE, SIGMA = 4.0, 0.1
CASES: dict[str, tuple[int, float, tuple[tuple[str, dict[str, Any]], ...]]] = {
    "100 jobs of 60 s": (
        100,
        60.0,
        (
            ("kling_async", {}),
            ("list loop", {"interval": 1.0}),
            ("handwritten", {"interval": 1.0}),
            ("handwritten", {"interval": 5.0}),
        ),
    ),
    "300 jobs of 120 s": (
        300,
        120.0,
        (
            ("kling_async", {"pace": "prompt"}),
            ("kling_async", {"pace": "thrifty"}),
            ("list loop", {"interval": 1.0}),
            ("handwritten", {"interval": 5.0}),
        ),
    ),
}


def polls(found: dict[str, Any]) -> int:
    """How many polls a contender sent."""
    return int(found["calls"].get("list", 0) + found["calls"].get("get", 0))


def measure(
    jobs: int, seconds: float, contenders: tuple[tuple[str, dict[str, Any]], ...]
) -> dict[str, dict[str, Any]]:
    """What each of them reaches."""
    server = (f"--seconds={seconds}", f"--sigma={SIGMA}")
    found = {}
    for name, options in contenders:
        label = " ".join([name, *(f"{key} {value}" for key, value in options.items())])
        found[label] = compete(name, jobs=jobs, in_flight=jobs, scale=SCALE, server=server, **options)
    return found


def main() -> None:
    results = {case: measure(*terms) for case, terms in CASES.items()}
    for case, found in results.items():
        rows = [
            [
                label,
                str(each["calls"].get("list", 0)),
                str(each["calls"].get("get", 0)),
                f"{polls(each) / each['makespan']:.2f}",
                *(f"{each[key]:.2f}" for key in ("median", "p95", "cpu_ms")),
            ]
            for label, each in found.items()
        ]
        header = ["", "list requests", "GETs", "polls a second", "delay: p50 s", "p95 s", "CPU ms per job"]
        table(case, header, rows)
    batch = results["100 jobs of 60 s"]["kling_async"]
    verdict("100 jobs: p50", batch["median"], 0.6, " s")
    verdict("100 jobs: p95", batch["p95"], 1.3, " s")
    verdict("100 jobs: polls a second", polls(batch) / batch["makespan"], 1.1)
    many = results["300 jobs of 120 s"]
    loop = polls(many["handwritten interval 5.0"])
    for pace, late, share in (("prompt", 1.2, 1 / 15), ("thrifty", 2.5, 1 / 100)):
        each = many[f"kling_async pace {pace}"]
        verdict(f"300 jobs, {pace}: p95", each["p95"], late, " s")
        verdict(f"300 jobs, {pace}: polls, of a GET loop's of 5 s", polls(each) / loop, share)


if __name__ == "__main__":
    main()
