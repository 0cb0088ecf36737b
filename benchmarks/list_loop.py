"""What one writes without a library who has read the API reference: a loop of aiohttp that reads list pages.

One list request serves every job, and one page shows 500 of them; a page behind it is read while one is missing. The fastest parser at hand, kept connections for
polls, a connection of its own for each create, so that no create can meet one that the server has just closed. What it
leaves out: retries, a look-up after a lost answer, another order of the list, a list that fails alone or shows old rows.
"""

import asyncio
import contextlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import aiohttp

try:
    from orjson import loads
except ImportError:
    from json import loads

PATH = "/v1/videos/image2video"
MODEL = "kling-v2-6"
LARGEST_PAGE = 500
ENDED = frozenset({"succeed", "failed"})


def picture_text(picture: str | bytes | Path) -> str:
    """A picture as the service wants it: its URL, or base64; read on the loop, the cheapest way for small files."""
    if isinstance(picture, str):
        return picture
    data = picture if isinstance(picture, bytes) else picture.read_bytes()
    return b64encode(data).decode()


class ListLoop:
    """Waits for tasks by list pages, one round every `interval` seconds.

    Args:
        session: Keeps its connections.
        interval: Seconds from the beginning of a round to that of the next.
    """

    def __init__(self, session: aiohttp.ClientSession, interval: float) -> None:
        self._session = session
        self._interval = interval
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def end_of(self, task_id: str) -> dict[str, Any]:
        """The task, once it has ended."""
        self._waiting[task_id] = asyncio.get_running_loop().create_future()
        return await self._waiting[task_id]

    async def run(self) -> None:
        """Reads rounds of pages until it is cancelled."""
        now = asyncio.get_running_loop().time
        while True:
            begun = now()
            if self._waiting:
                await self._round()
            await asyncio.sleep(max(0.0, begun + self._interval - now()))

    async def _round(self) -> None:
        missing = set(self._waiting)
        number = 1
        while missing:
            query = {"pageNum": str(number), "pageSize": str(LARGEST_PAGE)}
            async with self._session.get(PATH, params=query) as response:
                answer = loads(await response.read())
            if answer["code"] != 0:
                return
            rows = answer["data"]
            for row in rows:
                task_id = row["task_id"]
                missing.discard(task_id)
                if row["task_status"] in ENDED and task_id in self._waiting:
                    self._waiting.pop(task_id).set_result(row)
            if len(rows) < LARGEST_PAGE:
                return
            number += 1


async def generate_many(
    base_url: str,
    headers: dict[str, str],
    requests: Iterable[tuple[Any, str]],
    slots: int,
    interval: float,
    *,
    keep_connections: bool = False,
    timeout: float = 3600,
) -> AsyncIterator[dict[str, Any]]:
    """Runs jobs of a picture and a prompt, `slots` at once, and yields their tasks as they finish."""
    free = asyncio.Semaphore(slots)

    def session(**options: Any) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, **options)
        return aiohttp.ClientSession(base_url, headers=headers, connector=connector)

    async with session() as reads, session(force_close=not keep_connections) as creates:
        loop = ListLoop(reads, interval)

        async def job(picture: Any, prompt: str) -> dict[str, Any]:
            async with free, asyncio.timeout(timeout):
                body = json.dumps(
                    {"image": picture_text(picture), "prompt": prompt, "model_name": MODEL}
                ).encode()
                async with creates.post(PATH, data=body) as response:
                    answer = loads(await response.read())
                if answer["code"] != 0:
                    raise RuntimeError(answer["message"])
                return await loop.end_of(answer["data"]["task_id"])

        polls = asyncio.create_task(loop.run())
        try:
            for done in asyncio.as_completed([asyncio.create_task(job(*each)) for each in requests]):
                yield await done
        finally:
            polls.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await polls
