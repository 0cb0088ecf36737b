"""How polls slow down together while they fail.

Promises: what fails together counts once; one task whose polls alone fail slows down nobody else; after a success polls
go on at once.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Final

from kling_async.errors import KlingError, RateLimitError
from kling_async.session import retry

logger: Final = logging.getLogger(__name__)


class Brake:
    """Holds back all polls of a poller until a moment on the event loop's clock.

    Args:
        jitter: Gives numbers from 0 to 1.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self.until: float = -math.inf
        """Before this moment nothing is polled, in seconds."""

        self.failures: int = 0
        """How many polls in a row failed, those that failed together counted once."""

        self._jitter = jitter

    def failed(self, error: KlingError, now: float, *, alone: bool = False) -> None:
        """Records that a poll failed with a transient error.

        Args:
            error: What it failed with.
            now: The event loop's time in seconds.
            alone: Whether it may be the polled task alone; then the first failure in a row holds nobody back, unless
                the service asked for it.
        """
        if now < self.until:
            return
        self.failures += 1
        if (
            alone
            and self.failures == 1
            and not (isinstance(error, RateLimitError) or retry.asked_wait(error))
        ):
            return
        wait = self.wait(error, self.failures)
        self.until = now + wait
        logger.info("a poll failed, the next in %.1f s: %s", wait, error)

    def worked(self) -> None:
        """Records that a poll was answered."""
        self.failures = 0

    def wait(self, error: KlingError, attempt: int) -> float:
        """Seconds to wait after a poll that failed for the so-many-th time, counted from 1."""
        return retry.wait_before_poll(attempt, error, self._jitter)
