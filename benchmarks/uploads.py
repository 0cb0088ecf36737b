"""Uploads: 200 images of 10 MB, 20 in flight, by path and as bytes; then single creates, by path, bytes and base64.

Of the first: memory, throughput, and how the event loop fares, against a loop that reads and encodes each picture at once.
The longest step, and the longest stall by the loop's own CPU, are in CPU time of its thread, so that other processes do
not count; the longest stall is on the clock too, and an idle loop's, measured right before, tells what the machine does
to it. Of the second: CPU per create of 100
KB, and the longest step during 10 MB. Real time; the server in its own process. It counts each body, checks its length
against `Content-Length` and its two ends, and drops it.

What favours whom: the loop checks no picture and needs no slices; a server that drops bodies favours whoever encodes
fast. Ours, given a path, reads each file twice.
"""

import argparse
import asyncio
import base64
import gc
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import aiohttp

from benchmarks.contender import MODEL, asked
from benchmarks.harness import ROOT, Lag, peak_rss, rss, table, verdict
from benchmarks.list_loop import picture_text
from benchmarks.page_server import PATH, server_process
from benchmarks.pictures import png
from kling_async import Image2VideoRequest, KlingClient

IMAGES, SIZE, IN_FLIGHT = 200, 10_000_000, 20
SMALL, CREATES, ROUNDS = 100_000, 50, 7


async def ours(url: str, picture: Any) -> None:
    """Uploads them all by this library."""
    limits = asyncio.Semaphore(IN_FLIGHT)
    async with KlingClient(api_key="benchmark", base_url=url) as kling:

        async def one(number: int) -> None:
            async with limits:
                await kling.image2video.create(model_name=MODEL, image=picture, prompt=f"shot {number}")

        await asyncio.gather(*(one(number) for number in range(IMAGES)))


async def plain(url: str, picture: Any) -> None:
    """Uploads them all by a loop of aiohttp that reads and encodes a picture at once."""
    limits = asyncio.Semaphore(IN_FLIGHT)
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(url, connector=connector) as session:

        async def one(number: int) -> None:
            async with limits:
                body = {"model_name": MODEL, "image": picture_text(picture), "prompt": f"shot {number}"}
                async with session.post(PATH, data=io.BytesIO(json.dumps(body).encode())) as answer:
                    assert (await answer.json())["code"] == 0

        await asyncio.gather(*(one(number) for number in range(IMAGES)))


WAYS = {"kling_async": ours, "reads and encodes": plain}


async def measure(url: str, image: Path, way: str, form: str) -> dict[str, Any]:
    """What one way of uploading costs."""
    upload, picture = WAYS[way], image if form == "path" else await asyncio.to_thread(image.read_bytes)
    await upload(url, b"\x89" * 3 if way != "kling_async" else image.with_name("small.png"))
    before = (await asked(url, "counts"))["bytes"]
    gc.collect()
    idle = rss()
    async with Lag() as control:
        await asyncio.sleep(3.0)
    begun, cpu = time.perf_counter(), time.process_time()
    async with Lag() as lag:
        with Steps() as steps:
            await upload(url, picture)
    return {
        "grown": peak_rss() - idle,
        "step": 1000 * steps.longest,
        "lag": lag.p99,
        "worst": lag.worst,
        "own": lag.own,
        "control": control.worst,
        "rate": IMAGES * SIZE / 1e6 / (time.perf_counter() - begun),
        "cpu": 1000 * (time.process_time() - cpu) / IMAGES,
        "bytes": (await asked(url, "counts"))["bytes"] - before,
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
                    await kling.image2video.create(
                        Image2VideoRequest(model_name=MODEL, image=picture, prompt=f"shot {number}")
                    )
                cpu[name].append(1000 * (time.process_time() - begun) / CREATES)
        for name, picture in forms(image).items():
            with Steps() as steps:
                for _ in range(5):
                    await kling.image2video.create(
                        Image2VideoRequest(model_name=MODEL, image=picture, prompt="large")
                    )
            longest[name] = 1000 * steps.longest
    return {"create_cpu": {name: statistics.median(each) for name, each in cpu.items()}, "longest": longest}


async def measured(url: str, image: Path, what: str) -> dict[str, Any]:
    """What a process of its own measures."""
    if what == "forms":
        return dict(await by_form(url, image))
    way, form = what.split(" by ")
    return await measure(url, image, way, form)


COLUMNS = {
    "grown": "MB above idle",
    "step": "longest step ms",
    "own": "longest stall by own CPU ms",
    "worst": "longest stall on the clock ms",
    "lag": "lag p99 ms",
    "control": "idle loop's longest stall ms",
    "rate": "MB/s of images",
    "cpu": "CPU ms per image",
}


def run(url: str, image: Path, what: str) -> dict[str, Any]:
    """Has a process of its own measure."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.uploads",
        f"--url={url}",
        f"--image={image}",
        f"--what={what}",
    ]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="measure in this process, print JSON")
    parser.add_argument("--image", type=Path)
    parser.add_argument("--what")
    options = parser.parse_args()
    if options.url:
        print(json.dumps(asyncio.run(measured(options.url, options.image, options.what))))
        return
    with tempfile.TemporaryDirectory() as folder, server_process("--seconds=0.5") as url:
        image = Path(folder, "image.png")
        image.write_bytes(png(SIZE))
        image.with_name("small.png").write_bytes(png(SMALL))
        runs = [f"{way} by {form}" for form in ("path", "bytes") for way in WAYS]
        results = {what: run(url, image, what) for what in (*runs, "forms")}
    found = results.pop("forms")
    title = f"{IMAGES} images of {SIZE / 1e6:.0f} MB, {IN_FLIGHT} in flight"
    rows = [[what, *(f"{each[key]:.1f}" for key in COLUMNS)] for what, each in results.items()]
    table(title, ["", *COLUMNS.values()], rows)
    table(
        f"One create at a time: {SMALL / 1e3:.0f} KB and {SIZE / 1e6:.0f} MB",
        ["given as", "CPU ms per small create", "longest step ms in a large one"],
        [
            [name, f"{found['create_cpu'][name]:.2f}", f"{found['longest'][name]:.2f}"]
            for name in found["create_cpu"]
        ],
    )
    for form in ("path", "bytes"):
        each, theirs = results[f"kling_async by {form}"], results[f"reads and encodes by {form}"]
        assert each["bytes"] > IMAGES * SIZE * 4 / 3, "the server got less than was sent"
        verdict(f"by {form}: longest step of the loop", each["step"], 10, " ms")
        verdict(f"by {form}: longest stall of the loop by its own CPU", each["own"], 10, " ms")
        verdict(f"by {form}: longest stall on the clock", each["worst"], 10, " ms")
        verdict(f"by {form}: throughput, of the loop's", each["rate"] / theirs["rate"], 1.3, at_least=True)
        verdict(f"by {form}: peak memory above an idle client", each["grown"], 64, " MB")
    verdict("longest step of the loop, any form", max(found["longest"].values()), 10, " ms")
    verdict(
        "CPU of a small create by file, of that by bytes",
        found["create_cpu"]["file"] / found["create_cpu"]["bytes"],
        1.5,
    )


if __name__ == "__main__":
    main()
