"""Heartbeats from a thread and a connection of their own, so that neither a busy event loop nor a busy pool starves them.

Promises: what is beaten for stays leased while the event loop runs at all; a loop that has stood still for `PATIENCE`
leases is left to its fate, so that its jobs are taken over.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from types import TracebackType
from typing import Final, Self

import asyncpg
from pgqueuer.queries import Queries
from pgqueuer.types import JobId

PATIENCE: Final = 10
"""Leases for which the event loop may stand still before its jobs count as lost."""

logger: Final = logging.getLogger(__name__)


class Pulse:
    """Beats for the jobs that this process runs, as a block.

    Args:
        postgres: The database's URL.
        lease: Seconds after which a silent job is taken over; the pulse beats six times in that time.
    """

    def __init__(self, postgres: str, lease: float) -> None:
        self.jobs: set[JobId] = set()
        """The jobs that run here."""

        self._postgres = postgres
        self._lease = lease
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._beat()), name="kling-pulse", daemon=True
        )
        self._seen = time.monotonic()

    async def __aenter__(self) -> Self:
        self._thread.start()
        self._watch = asyncio.create_task(self._be_seen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.cancel()
        self._over.set()
        await asyncio.to_thread(self._thread.join, self._lease)

    async def _be_seen(self) -> None:
        while True:
            self._seen = time.monotonic()
            await asyncio.sleep(self._lease / 6)

    async def _beat(self) -> None:
        """Runs in the thread."""
        connection: asyncpg.Connection | None = None
        while not self._over.wait(self._lease / 6):
            jobs = list(self.jobs.copy())
            if not jobs or time.monotonic() - self._seen > PATIENCE * self._lease:
                continue
            try:
                if connection is None or connection.is_closed():
                    connection = await asyncpg.connect(self._postgres, timeout=self._lease / 3)
                await asyncio.wait_for(
                    Queries.from_asyncpg_connection(connection).update_heartbeat(jobs), self._lease / 3
                )
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                logger.warning("no heartbeat for %d jobs: %s", len(jobs), error)
                connection = None
        if connection is not None:
            connection.terminate()
