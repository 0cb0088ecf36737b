"""The clock by which everything waits: the event loop's, so that tests and simulations move it."""

from __future__ import annotations

import asyncio


def now() -> float:
    """The running event loop's time, in seconds."""
    return asyncio.get_running_loop().time()
