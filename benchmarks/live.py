"""1,000, 10,000 and 30,000 live jobs of 120 s (sigma 0.1), created and waited for at once; real time, the server by itself.

By size: CPU per job, requests, how late the event loop is (p99 weighted by time, creates included), and memory per job from
the process's own high-water mark. The control is an idle loop in the same process, right before: what the machine itself
does to a timer. Each size has a process of its own.

Python's garbage collector visits every object that lives: a full collection stops a process with 10,000 jobs for 100 ms and
more, wherever it happens to come. `--frozen` measures without it (`gc.disable()`), which leaves what our steps take.

What favours whom: there is no opponent; a bound on lag can be missed on a busy machine, which the control shows.
"""

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from typing import Any

from benchmarks.contender import IMAGE, MODEL, PROMPT, asked
from benchmarks.harness import ROOT, Lag, peak_rss, quantile, rss, table, verdict
from benchmarks.page_server import server_process
from kling_async import Image2VideoRequest, KlingClient

SIZES, SECONDS, SIGMA, CONTROL = (1_000, 10_000, 30_000), 120.0, 0.1, 10.0


async def measure(url: str, jobs: int) -> dict[str, Any]:
    """Runs the jobs of one size."""
    async with Lag() as control:
        await asyncio.sleep(CONTROL)
    async with KlingClient(api_key="benchmark", base_url=url, max_in_flight=jobs) as kling:
        await kling.image2video.create(model_name=MODEL, image=IMAGE, prompt=PROMPT)
        await kling.image2video.list(page_size=500)
        before = await asked(url, "counts")
        gc.collect()
        idle, peak, seen = rss(), 0.0, {}
        requests = (Image2VideoRequest(model_name=MODEL, image=IMAGE, prompt=PROMPT) for _ in range(jobs))
        begun, cpu = time.monotonic(), time.process_time()
        async with Lag() as lag, kling.image2video.generate_many(requests) as outcomes:
            async for outcome in outcomes:
                seen[outcome.unwrap().task_id] = time.monotonic()
                peak = peak or peak_rss()  # all wait, none has ended
        cpu, took = time.process_time() - cpu, time.monotonic() - begun
    after, ends = await asked(url, "counts"), await asked(url, "ends")
    calls = {kind: after.get(kind, 0) - before.get(kind, 0) for kind in ("list", "get")}
    delays = [at - ends[task_id] for task_id, at in seen.items()]
    return {
        "ended": len(seen),
        "cpu": 1000 * cpu / jobs,
        "lists": calls["list"],
        "gets": calls["get"],
        "rate": sum(calls.values()) / took,
        "p50": quantile(delays, 0.5),
        "p95": quantile(delays, 0.95),
        "lag": lag.p99,
        "worst": lag.worst,
        "own_p99": lag.own_p99,
        "own": lag.own,
        "control": control.p99,
        "control_worst": control.worst,
        "kb": 1000 * (peak - idle) / jobs,
        "load": os.getloadavg()[0],
    }


COLUMNS = {
    "ended": "ended",
    "cpu": "CPU ms per job",
    "lists": "list requests",
    "gets": "GETs",
    "rate": "polls a second",
    "p50": "delay: p50 s",
    "p95": "p95 s",
    "lag": "lag p99 ms",
    "worst": "worst ms",
    "own_p99": "p99 by own CPU ms",
    "own": "worst",
    "control": "idle loop: p99 ms",
    "control_worst": "worst ms",
    "kb": "KB per job",
    "load": "load average",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--frozen", action="store_true", help="without Python's garbage collector")
    parser.add_argument("--url", help="measure the first size in this process, print JSON")
    options = parser.parse_args()
    if options.url:
        if options.frozen:
            gc.disable()
        print(json.dumps(asyncio.run(measure(options.url, options.sizes[0]))))
        return
    found = {}
    for size in options.sizes:
        with server_process(f"--seconds={SECONDS}", f"--sigma={SIGMA}") as url:
            command = [sys.executable, "-m", "benchmarks.live", f"--url={url}", f"--sizes={size}"]
            command += ["--frozen"] * options.frozen
            done = subprocess.run(
                command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=1200
            )
        found[size] = json.loads(done.stdout)
    rows = [[f"{size} jobs", *(f"{each[key]:.3g}" for key in COLUMNS)] for size, each in found.items()]
    table(f"Live jobs of {SECONDS:.0f} s, sigma {SIGMA}", ["", *COLUMNS.values()], rows)
    for size, each in found.items():
        verdict(f"{size} jobs: loop lag p99, weighted by time", each["lag"], 20, " ms")
        verdict(f"{size} jobs: single GETs", each["gets"], 200)
        verdict(f"{size} jobs: polls a second", each["rate"], 10)
        verdict(f"{size} jobs: memory per job at the most", each["kb"], 7, " KB")
        verdict(f"{size} jobs: ended", each["ended"], size, at_least=True)
    if {SIZES[0], SIZES[-1]} <= set(found):
        ratio = found[SIZES[-1]]["cpu"] / found[SIZES[0]]["cpu"]
        verdict(f"CPU per job at {SIZES[-1]}, of that at {SIZES[0]}", ratio, 1.5)


if __name__ == "__main__":
    main()
