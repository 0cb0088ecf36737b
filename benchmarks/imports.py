"""What an import costs: ours against aiohttp's, in fresh interpreters, in turns, from compiled bytecode."""

import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks.harness import ROOT, table, verdict

ROUNDS = 25
STATEMENTS = {
    "import aiohttp": "import aiohttp",
    "import kling_async": "import kling_async",
    "from kling_async import KlingClient": "from kling_async import KlingClient",
    "the same, after import aiohttp": "from kling_async import KlingClient",
}


def seconds(name: str, statement: str, environment: dict[str, str]) -> float:
    """Seconds within a fresh interpreter, from before the statement to after it."""
    before = "import aiohttp; " if "after" in name else ""
    code = f"{before}import time; b = time.perf_counter(); {statement}; print(time.perf_counter() - b)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    ratios: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for name, statement in STATEMENTS.items():
            seconds(name, statement, environment)  # compiles
        for _ in range(ROUNDS):
            taken = {name: seconds(name, statement, environment) for name, statement in STATEMENTS.items()}
            for name, value in taken.items():
                times[name].append(value)
                ratios[name].append(value / taken["import aiohttp"])
    rows = [
        [name, f"{1000 * statistics.median(times[name]):.1f}", f"{statistics.median(ratios[name]):.2f}"]
        for name in STATEMENTS
    ]
    table(f"Imports, medians of {ROUNDS} paired runs", ["", "ms", "of aiohttp's"], rows)
    for name in ("import kling_async", "from kling_async import KlingClient"):
        verdict(f"{name}, of import aiohttp", statistics.median(ratios[name]), 1.3)


if __name__ == "__main__":
    main()
