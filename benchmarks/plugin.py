"""What the pytest plugin costs: a run that does not use it, and a test of a job of two minutes that does."""

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import ROOT, table, verdict

ROUNDS = 30
PLUGIN = ("-p", "kling_async.pytest_plugin")
UNRELATED = "def test_it():\n    pass\n"
TESTS = """
import asyncio
import pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
@pytest.mark.kling(task_time=120)
@pytest.mark.parametrize("turn", range(20))
async def test_job(kling_client, kling_emulator, turn):
    job = asyncio.create_task(
        kling_client.image2video.generate(image="http://127.0.0.1:9/a.png", model_name="kling-v3")
    )
    await kling_emulator.wait_for_tasks(1)
    await kling_emulator.fast_forward(120)
    assert (await job).succeeded
"""


def run(folder: str, *options: str) -> str:
    """Runs pytest in a folder, from compiled bytecode, without any plugin but those named; returns what it printed."""
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": f"{folder}/compiled",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def cpu(folder: str, *options: str) -> float:
    """User and system seconds of a run; less noisy than the wall clock on a shared machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(folder, *options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_it.py").write_text(UNRELATED)
        plain, ours = [], []
        cpu(folder, *PLUGIN)  # compiles
        for _ in range(ROUNDS):
            plain.append(cpu(folder))
            ours.append(cpu(folder, *PLUGIN))
        Path(folder, "test_it.py").write_text(TESTS)
        options = ("-p", "anyio.pytest_plugin", *PLUGIN, "--durations=0", "-vv")
        parts = re.findall(r"([\d.]+)s (setup|call|teardown) .*\[(?:asyncio-)?(\d+)", run(folder, *options))
    tests = [sum(float(seconds) for seconds, _, turn in parts if turn == str(number)) for number in range(20)]
    without, with_it = statistics.median(plain), statistics.median(ours)
    table(
        f"An unrelated run of one test, medians of {ROUNDS} paired runs",
        ["", "CPU ms"],
        [
            ["without the plugin", f"{1000 * without:.1f}"],
            ["with it", f"{1000 * with_it:.1f}"],
        ],
    )
    paired = statistics.median(mine - other for mine, other in zip(ours, plain, strict=True))
    verdict("an unrelated run, more", 1000 * paired, 5, " ms")
    print(f"         that is {with_it / without:.3f} of the run without it")
    verdict("a test of a job of 120 s with both fixtures, median", 1000 * statistics.median(tests), 50, " ms")


if __name__ == "__main__":
    main()
