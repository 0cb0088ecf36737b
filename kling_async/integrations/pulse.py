"""Heartbeats from a thread and a connection of their own, so that neither a busy event loop nor a busy pool starves them.

Promises: what is beaten for stays leased while the event loop runs at all; a loop that has stood still for `PATIENCE`
leases is left to its fate, so that its jobs are taken over; no error ends the beating.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Final

import asyncpg
from anyio.from_thread import start_blocking_portal
from pgqueuer.queries import Queries
from pgqueuer.types import JobId

from kling_async.jobs.closing import finished_whatever_comes

PATIENCE: Final = 10
"""Leases for which the event loop may stand still before its jobs count as lost."""

logger: Final = logging.getLogger(__name__)


@asynccontextmanager
async def pulse(postgres: str, lease: float) -> AsyncIterator[set[JobId]]:
    """Beats for the jobs that this process runs, as a block.

    Args:
        postgres: The database's URL.
        lease: Seconds after which a silent job is taken over; the pulse beats six times in that time.

    Yields:
        The rows to beat for, empty at first; the caller adds and removes them.
    """
    jobs = set[JobId]()
    seen = time.monotonic()

    async def be_seen() -> None:
        nonlocal seen
        while True:
            seen = time.monotonic()
            await asyncio.sleep(lease / 6)

    async def beat() -> None:
        """Runs in the thread."""
        connection: asyncpg.Connection | None = None
        try:
            while True:
                await asyncio.sleep(lease / 6)
                if not jobs or time.monotonic() - seen > PATIENCE * lease:
                    continue
                try:
                    if connection is None or connection.is_closed():
                        connection = await asyncpg.connect(
                            postgres, timeout=lease / 3, command_timeout=lease / 3
                        )
                    await Queries.from_asyncpg_connection(connection).update_heartbeat(list(jobs.copy()))
                except Exception as error:  # noqa: BLE001 - whatever it was, the next beat may succeed
                    logger.warning(
                        "no heartbeat for %d jobs: %s", len(jobs), str(error) or type(error).__name__
                    )
                    if connection is not None:
                        connection.terminate()
        finally:
            if connection is not None:
                connection.terminate()

    thread = ExitStack()
    beating = thread.enter_context(start_blocking_portal()).start_task_soon(beat)
    living = asyncio.create_task(be_seen())
    try:
        yield jobs
    finally:
        living.cancel()
        beating.cancel()
        await finished_whatever_comes(asyncio.to_thread(thread.close))
