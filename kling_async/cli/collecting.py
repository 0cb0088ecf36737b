"""Brings the videos of a stream of jobs onto the disk as their outcomes come.

Promises: each outcome is reported once, a succeeded one when its video is on the disk; a video that cannot be fetched is
the end of nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from kling_async.cli.progress import Display
from kling_async.errors import KlingError

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.jobs.outcome import JobOutcome, Succeeded
    from kling_async.jobs.stream import JobStream

DOWNLOADS: Final = 4
"""How many videos are fetched at once."""

RequestT = TypeVar("RequestT")
Report: TypeAlias = Callable[[Any, Exception | None], Awaitable[None]]
"""Called with each outcome, and with what went wrong, if anything did."""


async def collect(
    kling: KlingClient,
    stream: JobStream[RequestT],
    target_of: Callable[[JobOutcome[RequestT]], Path],
    screen: Display,
    report: Report,
    is_there: Callable[[JobOutcome[RequestT]], bool] = lambda _: False,
) -> None:
    """Runs a stream of jobs to its end and fetches each video.

    Args:
        kling: Downloads.
        stream: The jobs.
        target_of: The file for an outcome's video.
        screen: Shows the downloads.
        report: Called with each outcome.
        is_there: Whether an outcome's video is on the disk already.
    """
    places = asyncio.Semaphore(DOWNLOADS)

    async def finish(outcome: JobOutcome[RequestT]) -> None:
        error: Exception | None = outcome.error
        if error is None and not is_there(outcome):
            try:
                async with places:
                    await _fetch(kling, outcome, target_of(outcome), screen)  # type: ignore[arg-type] # no error: succeeded
            except (KlingError, OSError) as failure:
                error = failure
        await report(outcome, error)

    fetching: set[asyncio.Task[None]] = set()

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is None:
            fetching.discard(task)  # a long batch shall not keep what is over

    try:
        async with stream as outcomes:
            async for outcome in outcomes:
                task = asyncio.create_task(finish(outcome))
                fetching.add(task)
                task.add_done_callback(ended)
        await asyncio.gather(*fetching)
    finally:
        for each in fetching:
            each.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)


async def _fetch(kling: KlingClient, outcome: Succeeded[Any], target: Path, screen: Display) -> None:
    row = screen.row(f"downloading {target.name}")
    screen.note(f"downloading {target}")
    try:
        await kling.download(outcome, target, on_progress=row.receive)
    finally:
        row.end()
