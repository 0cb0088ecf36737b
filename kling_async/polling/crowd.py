"""The waiters whose pace the poller sets: those without a schedule of their own.

Promises: they stand in the order in which they came; a review of them after a round is all that each of them costs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from kling_async.polling.plan import FEW
from kling_async.polling.watch import Watch


class Crowd:
    """Watches that list rounds serve together while they are more than a few."""

    def __init__(self) -> None:
        self.served: bool = False
        """Whether rounds serve them at present; otherwise each is polled by a single GET on its own schedule."""

        self.ripe: float = math.inf
        """When the first of their tasks can be near its end, on the event loop's clock."""

        self._watches: dict[Watch, None] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._watches)

    def __iter__(self) -> Iterator[Watch]:
        """The watches in the order in which they came."""
        return iter(self._watches)

    def __contains__(self, watch: Watch) -> bool:
        """Whether a watch is one of them."""
        return watch in self._watches

    @property
    def is_one(self) -> bool:
        """Whether they are more than a few."""
        return len(self._watches) > FEW

    def add(self, watch: Watch) -> None:
        """Enters a watch."""
        self._watches[watch] = None
        self.ripe = min(self.ripe, watch.ripe)

    def remove(self, watch: Watch) -> None:
        """Forgets a watch."""
        self._watches.pop(watch, None)

    def serve(self) -> None:
        """Notes that rounds serve them from now on."""
        self.served = True

    def disperse(self) -> None:
        """Notes that each is polled by itself from now on."""
        self.served = False

    def review(self, begun: float) -> tuple[list[Watch], list[Watch]]:
        """Those that the round which began at this moment served, and those that it did not.

        Learns anew when the first of them is ripe.
        """
        shown: list[Watch] = []
        missing: list[Watch] = []
        ripe = math.inf
        for watch in self._watches:
            if not watch.over:
                ripe = min(ripe, watch.ripe)
                (missing if watch.seen_at < begun else shown).append(watch)
        self.ripe = ripe
        return shown, missing
