"""200 images of 10 MB, 20 in flight: memory and the event loop's lag. Real time; the server in its own process.

The server counts each body, checks its length against `Content-Length` and its two ends, and drops it.
"""

import argparse
import asyncio
import gc
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

from benchmarks.contender import asked
from benchmarks.harness import ROOT, Lag, peak_rss, rss, table, verdict
from benchmarks.page_server import server_process
from kling_async import Image2VideoRequest, KlingClient

IMAGES, SIZE, IN_FLIGHT = 200, 10_000_000, 20


def png(size: int) -> bytes:
    """A PNG of so many bytes; all but its header and its end is noise, which nobody decodes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1920, 1080, 8, 2, 0, 0, 0))
    end = chunk(b"IEND", b"")
    return header + chunk(b"IDAT", os.urandom(size - len(header) - len(end) - 12)) + end


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="measure in this process, print JSON")
    parser.add_argument("--image", type=Path)
    options = parser.parse_args()
    if options.url:
        print(json.dumps(asyncio.run(measure(options.url, options.image))))
        return
    with tempfile.TemporaryDirectory() as folder, server_process("--seconds=0.5") as url:
        image = Path(folder, "image.png")
        image.write_bytes(png(SIZE))
        image.with_name("small.png").write_bytes(png(5000))
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
    assert found["bytes"] > IMAGES * SIZE * 4 / 3, "the server got less than was sent"
    verdict("peak memory above an idle client", found["grown"], 64, " MB")
    verdict("loop lag p99", found["lag"], 20, " ms")


if __name__ == "__main__":
    main()
