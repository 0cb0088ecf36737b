"""What a schedule is worth: delay of noticing against polls per job, by simulation.

Job times are log-normal (mean 164 s, sigma of the logarithm 0.6). Every job is polled alone, by `Backoff`, by
`Experience` (which learns from the jobs before it) and at fixed intervals; no network, no clock, fixed seed.
"""

import statistics
from collections.abc import Callable

from benchmarks.harness import job_times, quantile, table
from kling_async.polling.schedule import Backoff, Experience

JOBS = 5000
MEAN = 164.0
SIGMA = 0.6


def wait(gap: Callable[[float], float], ends: float) -> tuple[int, float]:
    """Polls until the end was seen, and seconds from the end to that poll."""
    age, polls = gap(0.0), 1
    while age < ends:
        age += gap(age)
        polls += 1
    return polls, age - ends


def main() -> None:
    experience = Experience()
    schedules: dict[str, Callable[[float], float]] = {
        "fixed 2 s": lambda _age: 2.0,
        "fixed 5 s": lambda _age: 5.0,
        "fixed 10 s": lambda _age: 10.0,
        "Backoff (before anything is known)": Backoff(),
        "Experience (the default)": experience,
    }
    rows = []
    for name, gap in schedules.items():
        polls, delays = [], []
        for seconds in job_times(JOBS, MEAN, SIGMA):
            count, delay = wait(gap, seconds)
            polls.append(count)
            delays.append(delay)
            if gap is experience:
                experience.record(seconds)
        rows.append(
            [
                name,
                f"{statistics.median(delays):.2f}",
                f"{quantile(delays, 0.95):.2f}",
                f"{statistics.mean(polls):.1f}",
            ]
        )
    table(
        f"{JOBS} jobs, log-normal with mean {MEAN:.0f} s and sigma {SIGMA}",
        ["schedule", "median delay s", "p95 delay s", "polls per job"],
        rows,
    )


if __name__ == "__main__":
    main()
