"""The brake that all creates of a client share.

Promises: when the service asks to slow down, creates wait together until the same moment, not one by one.
"""

from __future__ import annotations

import anyio
from typing_extensions import override

from kling_async.session.clock import now


class Throttle:
    """Holds creates back until a moment on the event loop's clock."""

    def __init__(self) -> None:
        self._until = float("-inf")

    @override
    def __repr__(self) -> str:
        return f"Throttle(until={self._until:.3f})"

    def hold(self, seconds: float) -> None:
        """Blocks creates for `seconds` from now; a longer hold that is in force stays."""
        self._until = max(self._until, now() + seconds)

    async def passed(self) -> None:
        """Returns once creates may pass."""
        while self._until > now():  # noqa: ASYNC110 - a hold can be prolonged meanwhile
            await anyio.sleep_until(self._until)
