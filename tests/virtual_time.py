"""An event loop whose clock jumps: where no I/O is ready for a moment, time moves on to the next timer.

A test asks for it with the marker `virtual_time`. Real sockets and threads work; an hour of waiting costs
milliseconds. Everyone who is due at one instant wakes together, as the loop's own timers have it.
"""

import asyncio
import selectors

PATIENCE = 0.002
"""Real seconds for which I/O is waited for before the clock jumps."""


class _JumpingSelector(selectors.DefaultSelector):
    """Stands for waiting: what the loop would sleep, it gets as elapsed."""

    def __init__(self):
        super().__init__()
        self.elapsed = 0.0
        self.jumps = 0
        self.patience = PATIENCE

    def select(self, timeout=None):
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(min(self.patience, timeout))
        if not events:
            self.elapsed += timeout
            self.jumps += 1
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector event loop on virtual time; the first moment is 1000."""

    async def shutdown_default_executor(self, timeout=None):
        """Waits for the threads however long it takes: since Python 3.12 a jump of the clock would be the time-out."""
        del timeout
        await super().shutdown_default_executor()

    def __init__(self):
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    @property
    def jumps(self):
        """How often the clock has jumped."""
        return self._jumping.jumps

    def time(self):
        return 1000.0 + self._jumping.elapsed


VIRTUAL_TIME = ("asyncio", {"loop_factory": VirtualLoop})
"""What the fixture `anyio_backend` is for tests with the marker `virtual_time`."""


def wall_clock():
    """Wall-clock seconds that move with the virtual loop, for clients and emulators under test."""
    return 1_790_000_000.0 + asyncio.get_running_loop().time()
