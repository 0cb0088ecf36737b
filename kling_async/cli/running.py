"""Runs a command's coroutine so that Ctrl-C and SIGTERM end it alike.

Promises: the first signal cancels the work, which closes what it opened and tells what goes on; the second one does not
wait for that.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from kling_async.cli import signals

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` in an event loop of its own, and returns its result.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it.
        Terminated: SIGTERM ended it.
    """
    stopped = asyncio.Event()
    listening = threading.current_thread() is threading.main_thread()
    try:
        with asyncio.Runner() as runner:
            return runner.run(_stoppable(work, stopped, listening=listening))
    except asyncio.CancelledError:
        if stopped.is_set():
            raise signals.Terminated from None
        raise
    finally:
        if listening:
            signals.listen()  # the loop's end has taken it away


async def _stoppable(work: Coroutine[Any, Any, T], stopped: asyncio.Event, *, listening: bool) -> T:
    main = asyncio.current_task()

    def stop() -> None:
        if stopped.is_set() or main is None:
            raise signals.Terminated
        stopped.set()
        main.cancel()

    if listening:
        try:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        except NotImplementedError:  # pragma: no cover - Windows, where nobody sends it
            signals.listen()
    return await work
