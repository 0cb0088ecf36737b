"""Work in a thread that a cancellation cannot orphan.

Promises: when the call returns, by whatever way, the thread's work has ended. A file that the work opens can be closed by
whoever asked for it, and nothing is written after the caller has cleaned up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

import anyio
from anyio import to_thread

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a function in a worker thread; a cancellation is raised once the function has ended.

    Args:
        function: What to run; it should take milliseconds.
        *args: Its positional arguments.
        **kwargs: Its keyword arguments.

    Returns:
        What the function returns; after a cancellation that, or the function's error, is dropped.
    """
    work = asyncio.ensure_future(to_thread.run_sync(lambda: function(*args, **kwargs)))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        with anyio.CancelScope(shield=True):
            while not work.done():
                with suppress(asyncio.CancelledError):  # the first one is raised below
                    await asyncio.wait([work])
        with suppress(Exception):
            work.result()
        raise
