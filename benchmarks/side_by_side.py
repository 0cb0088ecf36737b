"""This library beside what users would otherwise run: fal-client, runwayml, replicate and openai, in one run.

300 jobs of 60 s on average, 100 in flight, each client in a process of its own against a small server that speaks
its protocol, in scaled time; nothing leaves loopback. Needs the extra `bench`. Prints a table and draws
docs/side_by_side.png. The last column tells how much of a core each client used in scaled time; one that comes near 100
cannot keep its own pace there, and its CPU per job would be higher and its delay lower in real time.

"kling_async at 0.3 s" is the same client with a caller's schedule (create, then `wait_for_task`), there because some of
the others poll twice a second and more by default.
"""

import os
from typing import Any

from benchmarks.contender import compete
from benchmarks.harness import ROOT, table, verdict
from benchmarks.vendors import CONTENDERS

JOBS, IN_FLIGHT, SCALE = 300, 100, 3.0
SERVER = ("--seconds=60", "--sigma=0.3", "--latency")
OURS = ("kling_async", "kling_async at 0.3 s")
COLUMNS = {
    "cpu_ms": "CPU ms per job",
    "requests": "requests per job",
    "median": "median delay s",
    "p95": "p95 delay s",
    "peak_mb": "peak MB",
    "grown_mb": "MB above idle",
}


def measure() -> dict[str, dict[str, Any]]:
    """What each of them costs."""
    os.environ["NO_PROXY"] = "127.0.0.1"
    terms: dict[str, Any] = {"jobs": JOBS, "in_flight": IN_FLIGHT, "scale": SCALE, "server": SERVER}
    found = {name: compete(name, **terms) for name in OURS}
    for name in CONTENDERS:
        found[name] = compete(name, home="benchmarks.vendors", protocol="benchmarks.vendor_server", **terms)
    return found


def busy(found: dict[str, Any]) -> float:
    """How much of one core the client's process used while it ran, in percent."""
    share: float = found["cpu_ms"] / 1000 * JOBS / (found["makespan"] / SCALE)
    return 100 * share


def draw(found: dict[str, dict[str, Any]]) -> None:
    """One panel for each column; the longer the bar, the dearer."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    names = list(found)[::-1]
    shown = ("cpu_ms", "requests", "median", "peak_mb")
    figure, panels = plt.subplots(1, len(shown), figsize=(13, 3.2), sharey=True, layout="constrained")
    for panel, key in zip(panels, shown, strict=True):
        colours = ["#d1495b" if name in OURS else "#8d99ae" for name in names]
        bars = panel.barh(names, [found[name][key] for name in names], color=colours)
        panel.bar_label(bars, fmt="%.3g", padding=3)
        panel.margins(x=0.2)
        panel.set_title(COLUMNS[key])
        panel.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"{JOBS} jobs of 60 s, {IN_FLIGHT} in flight: what waiting for them costs (less is better)"
    )
    figure.savefig(ROOT / "docs" / "side_by_side.png", dpi=110)


def main() -> None:
    found = measure()
    rows = [
        [name, *(f"{each[key]:.2f}" for key in COLUMNS), f"{busy(each):.0f}"] for name, each in found.items()
    ]
    table(
        f"{JOBS} jobs of 60 s (sigma 0.3), {IN_FLIGHT} in flight",
        ["", *COLUMNS.values(), "% of a core"],
        rows,
    )
    others = {name: each for name, each in found.items() if name not in OURS}
    for name in OURS:
        for key, column in COLUMNS.items():
            best = min(others, key=lambda other: others[other][key])
            verdict(
                f"{name}: {column}, of the best other's ({best})", found[name][key] / others[best][key], 1.0
            )
    draw(found)
    print("drawn: docs/side_by_side.png")


if __name__ == "__main__":
    main()
