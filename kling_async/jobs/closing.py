"""Closing what must be closed, whatever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import anyio


async def finished_whatever_comes(closing: Coroutine[Any, Any, None]) -> None:
    """Runs `closing` to its end, and only then lets a cancellation through that came meanwhile.

    Both kinds are held off: `Task.cancel()` of asyncio, and the scopes of anyio, which cancel again and again.

    Args:
        closing: The coroutine to run; it must end by itself.
    """
    task = asyncio.get_running_loop().create_task(closing)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError as error:
                if task.cancelled():
                    raise
                cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled
