"""An async block that is held open by a thread with an event loop of its own, for callers without one."""

import asyncio
import threading
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager


class HeldInThread:
    """Enters a block on a new loop in a new thread, and leaves it there.

    Args:
        block: What to enter.
        name: The thread's name.
    """

    def __init__(self, block: AbstractAsyncContextManager[object], name: str) -> None:
        self._block = block
        self._entered: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._left: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def enter(self) -> None:
        """Returns when the block is entered; raises what entering it raised."""
        self._thread.start()
        self._entered.result()

    def leave(self) -> None:
        """Returns when the block is left and the thread has ended; raises what leaving it raised."""
        loop, over = self._entered.result()
        loop.call_soon_threadsafe(over.set)
        self._thread.join()
        self._left.result()

    def _run(self) -> None:
        try:
            asyncio.run(self._hold())
        except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
            (self._left if self._entered.done() else self._entered).set_exception(error)
        else:
            self._left.set_result(None)

    async def _hold(self) -> None:
        over = asyncio.Event()
        async with self._block:
            self._entered.set_result((asyncio.get_running_loop(), over))
            await over.wait()
