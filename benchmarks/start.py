"""From a fresh interpreter to the first create answered: ours against aiohttp alone, in turns, from compiled bytecode.

aiohttp alone is its import, a session, and one POST that is answered. Ours with a static API key, and with a key pair: a
token is then signed by PyJWT, which loads the package cryptography if that is installed (and needs none of it for HS256).

What favours whom: aiohttp alone builds no request, checks nothing and signs nothing.
"""

import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks.harness import ROOT, table, verdict
from benchmarks.page_server import server_process

ROUNDS, BOUND = 25, 1.25
CLIENT = """
import asyncio
from kling_async import KlingClient
async def main():
    async with KlingClient({keys}, base_url={url!r}) as kling:
        await kling.image2video.create(model_name="kling-v2-6", image="https://example.com/a.png", prompt="p")
        tell()
asyncio.run(main())
"""
PROGRAMS = {
    "aiohttp alone": """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession() as session:
        body = {{"model_name": "kling-v2-6", "image": "https://example.com/a.png", "prompt": "p"}}
        async with session.post({url!r} + "/v1/videos/image2video", json=body) as answer:
            assert (await answer.json())["code"] == 0
            tell()
asyncio.run(main())
""",
    "kling_async, API key": CLIENT.replace("{keys}", "api_key='benchmark'"),
    "kling_async, key pair": CLIENT.replace("{keys}", "'access', 'secret'"),
}
WITHOUT = "import sys; sys.modules['cryptography'] = None\n"
"""Stands in for an environment without the package."""


def measured(program: str, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds and CPU seconds of a program within a fresh interpreter, its own start not included."""
    code = (
        "import time\nbegun, used = time.perf_counter(), time.process_time()\n"
        f"def tell(): print(time.perf_counter() - begun, time.process_time() - used)\n{program}"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    wall, cpu = done.stdout.split()
    return float(wall), float(cpu)


def main() -> None:
    programs = {**PROGRAMS, "the same without cryptography": WITHOUT + PROGRAMS["kling_async, key pair"]}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as compiled, server_process() as url:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        ready = {name: program.format(url=url) for name, program in programs.items()}
        for program in ready.values():
            measured(program, environment)  # compiles
        for _ in range(ROUNDS):
            for name, program in ready.items():
                found[name].append(measured(program, environment))
    ratios = {
        name: [
            statistics.median(
                mine[kind] / theirs[kind] for mine, theirs in zip(each, found["aiohttp alone"], strict=True)
            )
            for kind in (0, 1)
        ]
        for name, each in found.items()
    }
    rows = [
        [
            name,
            *(f"{1000 * statistics.median(run[kind] for run in each):.0f}" for kind in (0, 1)),
            *(f"{ratio:.2f}" for ratio in ratios[name]),
        ]
        for name, each in found.items()
    ]
    table(
        f"To the first create answered, medians of {ROUNDS} paired runs",
        ["", "ms", "CPU ms", "of aiohttp's", "its CPU"],
        rows,
    )
    for name in list(programs)[1:]:
        verdict(f"{name}: CPU, of aiohttp's own", ratios[name][1], BOUND)


if __name__ == "__main__":
    main()
