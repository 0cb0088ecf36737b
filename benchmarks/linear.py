"""Whether the cost grows linearly: CPU of the client process per job at 100, 1,000 and 10,000 jobs.

All jobs of a batch run at once, last 120 s on average (sigma 0.3) and are waited for in scaled time, the server in its
own process. Each size is measured `ROUNDS` times in turns; the medians are compared.
"""

import statistics

from benchmarks.contender import compete
from benchmarks.harness import table, verdict

SIZES, ROUNDS, SCALE = (100, 1_000, 10_000), 2, 8.0
KINDS = {"all in flight": 1}


def main() -> None:
    ratios = []
    for kind, share in KINDS.items():
        costs: dict[int, list[float]] = {size: [] for size in SIZES}
        calls: dict[int, float] = {}
        for _ in range(ROUNDS):
            for size in SIZES:
                terms = ("--seconds=120", "--sigma=0.3", "--latency")
                found = compete("kling_async", jobs=size, in_flight=size // share, scale=SCALE, server=terms)
                costs[size].append(found["cpu_ms"])
                calls[size] = found["requests"]
        medians = {size: statistics.median(cost) for size, cost in costs.items()}
        rows = [[f"{size} jobs", f"{medians[size]:.2f}", f"{calls[size]:.2f}"] for size in SIZES]
        table(f"The cost of a job, {kind}", ["", "CPU ms per job", "requests per job"], rows)
        ratios.append((kind, max(medians.values()) / min(medians.values())))
    for kind, ratio in ratios:
        verdict(f"{kind}: the dearest size, of the cheapest", ratio, 1.5)


if __name__ == "__main__":
    main()
