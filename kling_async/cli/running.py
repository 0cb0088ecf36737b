"""Runs a command's coroutine so that Ctrl-C and SIGTERM end it alike.

Promises: a signal cancels the work, which closes what it opened and tells what goes on; the next one does not wait for
that. A command that can drain is told of the first signal instead, and goes on until what runs has ended; then the second
signal is the one that cancels.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from kling_async.cli import signals

T = TypeVar("T")

Drain: TypeAlias = Callable[[signal.Signals], bool]
"""Told of the first signal; returns whether the work goes on until what runs has ended."""


def run(work: Coroutine[Any, Any, T], *, drain: Drain | None = None) -> T:
    """Runs `work` in an event loop of its own, and returns its result.

    Args:
        work: What the command does.
        drain: Told of the first signal; None: the first signal ends the work.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it.
        Terminated: SIGTERM ended it.
    """
    stop = _Stop(drain)
    listening = threading.current_thread() is threading.main_thread()
    try:
        with asyncio.Runner() as runner:
            return runner.run(stop.guarded(work, listening=listening))
    except asyncio.CancelledError:
        if stop.by is not None:
            raise error_of(stop.by) from None
        raise
    finally:
        if listening:
            signals.listen()  # the loop's end has taken it away


def error_of(number: signal.Signals) -> KeyboardInterrupt:
    """What ends a command that a signal has ended."""
    return signals.Terminated() if number is signal.SIGTERM else KeyboardInterrupt()


class _Stop:
    """What signals do to one run."""

    def __init__(self, drain: Drain | None) -> None:
        self._drain = drain
        self._main: asyncio.Task[Any] | None = None
        self.by: signal.Signals | None = None
        """The signal that cancelled the work; None if none did."""

    async def guarded(self, work: Coroutine[Any, Any, T], *, listening: bool) -> T:
        """Does the work, with the signals in hand."""
        self._main = asyncio.current_task()
        if listening:
            self._listen(asyncio.get_running_loop())
        return await work

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.add_signal_handler(signal.SIGTERM, self._signalled, signal.SIGTERM)
            loop.add_signal_handler(signal.SIGINT, self._signalled, signal.SIGINT)
        except NotImplementedError:  # pragma: no cover - Windows, which has Ctrl-C alone
            tell = lambda number, _: loop.call_soon_threadsafe(self._signalled, signal.Signals(number))  # noqa: E731 - one use
            signal.signal(signal.SIGINT, tell)
            signals.listen()

    def _signalled(self, number: signal.Signals) -> None:
        drain, self._drain = self._drain, None
        if drain is not None and drain(number):
            return
        if self.by is not None or self._main is None:
            raise error_of(number)
        self.by = number
        self._main.cancel()
