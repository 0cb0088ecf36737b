"""Uploads: 200 images of 10 MB, 20 in flight; then single creates, given as a file, as bytes and as base64.

Of the first: memory and the event loop's lag. Of the second: CPU per create of 100 KB, and the longest step of the loop
during 10 MB, in CPU time of its thread, so that other processes do not count. Real time; the server in its own process. It
counts each body, checks its length against `Content-Length` and its two ends, and drops it.
"""

import argparse
import asyncio
import base64
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from benchmarks.contender import asked
from benchmarks.harness import ROOT, Lag, peak_rss, rss, table, verdict
from benchmarks.page_server import server_process
from benchmarks.pictures import png
from kling_async import Image2VideoRequest, KlingClient

IMAGES, SIZE, IN_FLIGHT = 200, 10_000_000, 20
SMALL, CREATES, ROUNDS = 100_000, 50, 7


async def measure(url: str, image: Path) -> dict[str, Any]:
    """Uploads them all, as jobs that last a second each."""
    small = image.with_name("small.png")
    async with KlingClient(api_key="benchmark", base_url=url, max_in_flight=IN_FLIGHT) as kling:
        await kling.image2video.generate(Image2VideoRequest(image=small, prompt="warm up"))
        await asked(url, "counts")
        gc.collect()
        idle = rss()
        requests = (Image2VideoRequest(image=image, prompt=f"shot {number}") for number in range(IMAGES))
        begun, cpu = time.perf_counter(), time.process_time()
        async with Lag() as lag, kling.image2video.generate_many(requests) as outcomes:
            async for outcome in outcomes:
                outcome.unwrap()
    return {
        "grown": peak_rss() - idle,
        "lag": lag.p99,
        "worst": lag.worst,
        "rate": IMAGES * SIZE / 1e6 / (time.perf_counter() - begun),
        "cpu": 1000 * (time.process_time() - cpu) / IMAGES,
        "bytes": (await asked(url, "counts"))["bytes"],
    }


class Steps:
    """Times each step of the event loop, in CPU seconds of its thread."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._run: Any = None

    def __enter__(self) -> Self:
        self._run = plain = asyncio.events.Handle._run  # noqa: SLF001 - the one place through which every step goes

        def timed(handle: Any) -> None:
            begun = time.thread_time()
            plain(handle)
            self.longest = max(self.longest, time.thread_time() - begun)

        asyncio.events.Handle._run = timed  # type: ignore[method-assign]  # noqa: SLF001 - as above
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.events.Handle._run = self._run  # type: ignore[method-assign]  # noqa: SLF001 - as above


def forms(image: Path) -> dict[str, Any]:
    """One picture in the three forms in which its bytes are at hand."""
    data = image.read_bytes()
    return {"file": image, "bytes": data, "base64": base64.b64encode(data).decode()}


async def by_form(url: str, image: Path) -> dict[str, dict[str, float]]:
    """CPU milliseconds per create of a small picture, and the longest step in a large one's, by the picture's form."""
    small = forms(image.with_name("small.png"))
    cpu: dict[str, list[float]] = {name: [] for name in small}
    longest = {}
    async with KlingClient(api_key="benchmark", base_url=url) as kling:
        for _ in range(ROUNDS):
            for name, picture in small.items():
                begun = time.process_time()
                for number in range(CREATES):
                    await kling.image2video.create(Image2VideoRequest(image=picture, prompt=f"shot {number}"))
                cpu[name].append(1000 * (time.process_time() - begun) / CREATES)
        for name, picture in forms(image).items():
            with Steps() as steps:
                for _ in range(5):
                    await kling.image2video.create(Image2VideoRequest(image=picture, prompt="large"))
            longest[name] = 1000 * steps.longest
    return {"create_cpu": {name: statistics.median(each) for name, each in cpu.items()}, "longest": longest}


async def measure_all(url: str, image: Path) -> dict[str, Any]:
    """Everything that this benchmark prints."""
    return {**await measure(url, image), **await by_form(url, image)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="measure in this process, print JSON")
    parser.add_argument("--image", type=Path)
    options = parser.parse_args()
    if options.url:
        print(json.dumps(asyncio.run(measure_all(options.url, options.image))))
        return
    with tempfile.TemporaryDirectory() as folder, server_process("--seconds=0.5") as url:
        image = Path(folder, "image.png")
        image.write_bytes(png(SIZE))
        image.with_name("small.png").write_bytes(png(SMALL))
        command = [sys.executable, "-m", "benchmarks.uploads", f"--url={url}", f"--image={image}"]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    found = json.loads(done.stdout)
    columns = {
        "grown": "MB above idle",
        "lag": "lag p99 ms",
        "worst": "worst ms",
        "rate": "MB/s of images",
        "cpu": "CPU ms per job",
    }
    title = f"{IMAGES} images of {SIZE / 1e6:.0f} MB, {IN_FLIGHT} in flight"
    table(title, ["", *columns.values()], [["generate_many", *(f"{found[key]:.2f}" for key in columns)]])
    table(
        f"One create at a time: {SMALL / 1e3:.0f} KB and {SIZE / 1e6:.0f} MB",
        ["given as", "CPU ms per small create", "longest step ms in a large one"],
        [
            [name, f"{found['create_cpu'][name]:.2f}", f"{found['longest'][name]:.2f}"]
            for name in found["create_cpu"]
        ],
    )
    assert found["bytes"] > IMAGES * SIZE * 4 / 3, "the server got less than was sent"
    verdict("peak memory above an idle client", found["grown"], 64, " MB")
    verdict("loop lag p99", found["lag"], 20, " ms")
    verdict("longest step of the loop, any form", max(found["longest"].values()), 10, " ms")
    verdict(
        "CPU of a small create by file, of that by bytes",
        found["create_cpu"]["file"] / found["create_cpu"]["bytes"],
        1.5,
    )


if __name__ == "__main__":
    main()
