"""What a journal costs: `python benchmarks/journal.py`. Plain and journalled creates are measured side by side in one run.

Bounds: a journalled create costs at most 8 ms more than a plain one alone, and at most 1 ms more amortised in a batch of
500; a journal of 100,000 jobs is open and checked, and the first 500 jobs to do are found, in less than a second.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path

from kling_async import Image2VideoRequest, KlingClient
from kling_async.emulator import AtOnce, Emulator
from kling_async.jobs import journal_schema
from kling_async.jobs.journal import JournalRecord
from kling_async.jobs.rows import JobTable, Row

PATH = "/v1/videos/image2video"
FIRST = 500
ALONE, BATCH, JOBS, OPEN = 8.0, 1.0, 1000.0, 100_000
"""Bounds in milliseconds: more for one create, more for one of a batch, the opening; and the opened journal's jobs."""


@asynccontextmanager
async def client(emulator, journal):
    async with KlingClient(
        emulator.access_key, emulator.secret_key, base_url=emulator.url, journal=journal
    ) as kling:
        yield kling


def requests(count, name):
    return [
        Image2VideoRequest(image="https://example.com/a.png", prompt=f"{name} {number}")
        for number in range(count)
    ]


async def alone(emulator, folder, rounds):
    """One create after the other, plain and journalled in turns; milliseconds of each."""
    plain, journalled = [], []
    async with client(emulator, None) as bare, client(emulator, folder / "alone.sqlite") as kept:
        await bare.image2video.create(requests(1, "warm")[0])
        await kept.image2video.create(requests(1, "warm")[0])
        for request in requests(rounds, "alone"):
            for kling, times in ((bare, plain), (kept, journalled)):
                begun = time.perf_counter()
                await kling.image2video.create(request)
                times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(plain), statistics.median(journalled)


async def batch(emulator, folder, size, number):
    """A batch of creates at once, plain and journalled; milliseconds for each create."""
    found = []
    for journal in (None, folder / f"batch{number}.sqlite"):
        async with client(emulator, journal) as kling:
            await kling.image2video.create(requests(1, "warm")[0])
            begun = time.perf_counter()
            await asyncio.gather(*map(kling.image2video.create, requests(size, f"batch {number}")))
            found.append(1000 * (time.perf_counter() - begun) / size)
    return found


def filled(path, jobs, to_do):
    """A journal of so many jobs, `to_do` of them open, as a long batch leaves it."""
    journal = JournalRecord(path, "https://host owner")
    video = {"id": "v", "url": "https://cdn.example/v.mp4", "duration": "5.1"}
    rows = []
    for number in range(jobs):
        task_id = str(860_000_000_000_000_000 + number)
        request = json.dumps(
            {"image": {"path": f"/pictures/{number}.png", "sha256": "0" * 64}, "prompt": "p" * 80}
        )
        raw = {"task_id": task_id, "task_status": "succeed", "task_result": {"videos": [video]}}
        state, task = ("done", json.dumps(raw)) if number >= to_do else ("running", None)
        rows.append(Row(f"ka-{number:040}", PATH, state, request, "1.0", task_id, task))

    def write(db):
        table = JobTable(db, journal_schema.salt_of(db))
        for row in rows:
            table.insert(row)

    async def fill():
        await journal._store.run(write)  # noqa: SLF001 - no job of 100,000 is run to fill it
        journal.close()

    asyncio.run(fill())


async def opening(path):
    """Opens a journal: milliseconds until the counts and the first 500 open jobs, and until all; how many there are."""
    begun = time.perf_counter()
    journal = JournalRecord(path, "https://host owner")
    await journal.open()
    counts = await journal.view.counts()
    entries, first = 0, 0.0
    async for _ in journal.entries_to_resume(PATH, cancelled=False):
        entries += 1
        if entries == FIRST:
            first = 1000 * (time.perf_counter() - begun)
    taken = 1000 * (time.perf_counter() - begun)
    journal.close()
    return first, taken, sum(counts.values()), entries


async def creates(folder, rounds, size):
    async with Emulator(render=False, advance=AtOnce()) as emulator:
        one = await alone(emulator, folder, rounds)
        many = [await batch(emulator, folder, size, number) for number in range(3)]
    return one, [statistics.median(column) for column in zip(*many, strict=True)]


def line(name, plain, journalled, bound):
    more = journalled - plain
    verdict = "ok" if more <= bound else "TOO MUCH"
    print(
        f"{name:<34} plain {plain:6.2f} ms   journalled {journalled:6.2f} ms   ratio {journalled / plain:4.2f}   "
        f"{more:+.2f} ms (at most {bound:g})   {verdict}"
    )
    return more <= bound


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", default=None, help="where the journals are written; a real disk tells more than tmpfs"
    )
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--size", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder or Path.cwd()) as name:
        folder = Path(name)
        one, many = asyncio.run(creates(folder, options.rounds, options.size))
        good = [
            line("one create alone", *one, ALONE),
            line(f"one of {options.size} creates at once", *many, BATCH),
        ]
        for to_do in (1_000, OPEN):
            path = folder / f"open{to_do}.sqlite"
            filled(path, OPEN, to_do)
            first, taken, jobs, entries = asyncio.run(opening(path))
            good.append(first < JOBS)
            print(
                f"opening {jobs} jobs, checked: counts and the first {FIRST} to do after {first:.0f} ms (less than "
                f"{JOBS:.0f}), all {entries} after {taken:.0f} ms   {'ok' if good[-1] else 'TOO MUCH'}"
            )
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
