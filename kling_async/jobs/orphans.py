"""Keeps the slots of abandoned tasks (cancelled or timed-out callers) until they finish, and records their ends.

Promises: a kept job ends when its task does, or when nothing more can be learnt of it; errors of the account or the keys
never free a slot; closing ends all of it at once.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import Final, Protocol

import anyio

from kling_async.errors import ConfigurationError, KlingError, TaskError, TaskNotFoundError

AGAIN_AFTER: Final = 60.0
"""Seconds after which a job whose poll was refused for good is polled again."""

logger: Final = logging.getLogger(__name__)


class Runner(Protocol):
    """A job that can be waited for without a caller."""

    async def run_out(self) -> None:
        """Waits until its task has ended, or turns out not to exist."""
        ...

    def let_go(self) -> None:
        """Ends the watch's use of the job, which gives back what it holds unless a caller has come again."""
        ...


class Orphans:
    """Background watches of jobs, one asyncio task each."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], None] = {}  # in the order in which they came
        self._closed = False

    def keep(self, job: Runner) -> None:
        """Watches a job until its end, then lets it go; at once if the watches were closed."""
        if self._closed:
            job.let_go()
            return
        loop = asyncio.get_running_loop()
        # A context of its own: the watch outlives the caller that happened to leave it.
        task = loop.create_task(self._keep(job), context=contextvars.Context())
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _keep(self, job: Runner) -> None:
        try:
            while not await self._is_over(job):  # noqa: ASYNC110 - a poll is not an event
                await anyio.sleep(AGAIN_AFTER)
        finally:
            job.let_go()

    async def _is_over(self, job: Runner) -> bool:
        """Watches a job until it is over, or until its poll was refused for good."""
        try:
            await job.run_out()
        except (TaskError, TaskNotFoundError, ConfigurationError):
            return True  # it has ended, or nothing more can be learnt of it
        except KlingError as error:
            logger.info("an abandoned job cannot be polled, again in %.0f s: %s", AGAIN_AFTER, error)
            return False
        return True

    async def aclose(self) -> None:
        """Ends all watches and lets their jobs go."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
