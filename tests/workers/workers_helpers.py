"""What the tests of the queue share: requests, workers in this process, and what is to be read from the table."""

import asyncio
import os
from contextlib import asynccontextmanager, suppress

from kling_async import Image2VideoRequest, KlingClient
from kling_async.integrations import pgqueuer

PICTURE = "https://pictures.example/a.png"


def request(number=0, **fields):
    """A request with an id of its own."""
    given = {"image": PICTURE, "model_name": "kling-v2-6", "external_task_id": f"job-{number}", **fields}
    return Image2VideoRequest(**given)


def requests(count):
    """So many requests."""
    return [request(number) for number in range(count)]


def client_of(emulator, **options):
    """A client of an emulator."""
    return KlingClient(emulator.access_key, emulator.secret_key, base_url=emulator.url, **options)


def keys_of(emulator):
    """The environment of a process that uses an emulator."""
    keys = {"KLING_ACCESS_KEY": emulator.access_key, "KLING_SECRET_KEY": emulator.secret_key}
    return {**os.environ, **keys, "KLING_BASE_URL": emulator.url}


def nowhere(_task, _result):
    """A store that takes results without keeping them."""


@asynccontextmanager
async def working(postgres, emulator, **options):
    """A worker in this process while the block runs; gives its task and its `stop`."""
    async with client_of(emulator) as kling:
        stop = asyncio.Event()
        given = {"slots": 5, "store": nowhere, "lease": 2.0, "kling": kling, "stop": stop, **options}
        task = asyncio.create_task(pgqueuer.worker(postgres, **given))
        try:
            yield task, stop
        finally:
            stop.set()
            await asyncio.wait({task}, timeout=10)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(holds, patience=20.0):
    """Waits until `holds()`, plain or async, is true."""
    async with asyncio.timeout(patience):
        while True:
            answer = holds()
            if await answer if asyncio.iscoroutine(answer) else answer:
                return
            await asyncio.sleep(0.02)


async def rows(connection):
    """How many rows the queue has in each status."""
    found = await connection.fetch("SELECT status::text, count(*) FROM pgqueuer GROUP BY 1")
    return dict(map(tuple, found))


async def emptied(connection):
    """Waits until the queue has no rows."""

    async def is_empty():
        return {} == await rows(connection)

    await until(is_empty)


async def reasons(connection):
    """Why rows were held or put back, the oldest first."""
    found = await connection.fetch(
        "SELECT traceback->>'exception_message' FROM pgqueuer_log WHERE traceback IS NOT NULL ORDER BY id"
    )
    return [row[0] for row in found]
