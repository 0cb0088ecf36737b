"""Whether list pages tell the truth: single GETs beside them, few and even. Pure: moments and statuses in, answers out.

Promises: while pages agree with single GETs, one GET now and then is all that this costs; once they disagree, one
a second shows how far; pages that keep showing what single GETs have overtaken are called stale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

from kling_async.polling.watch import Watch

ALARMED: Final = 1.0
"""Seconds between two checks while something does."""

LAG: Final = 2.0
"""Seconds by which the list may be behind single GETs."""

STALE_ROWS: Final = 2
"""So many rows that are behind by more than that make the list stale."""

REMEMBERED: Final = 64
"""How many disagreements are remembered at most."""

REMEMBERED_FOR: Final = 30.0
"""Seconds for which a disagreement is remembered that no page has settled."""

ALARMS: Final = 10
"""After a stale list, so many checks come at the faster rate."""


class CrossCheck:
    """Compares single GETs with what the pages before and after them show.

    Args:
        calm: Seconds between two checks while nothing speaks against the list.
    """

    def __init__(self, calm: float) -> None:
        self._calm = calm
        self._next = -math.inf
        self._alarms = 0
        self._overtaken: dict[str, tuple[str, float]] = {}

    def due(self, watches: Iterable[Watch], begun: float, now: float) -> Watch | None:
        """The watch that a single GET is to check now, if one is due: the one that went unchecked longest.

        Args:
            watches: All that wait.
            begun: When the round began that has just ended; those that it showed can be checked.
            now: The event loop's time in seconds.
        """
        if now < self._next:
            return None
        first = self._next == -math.inf
        for task_id, (_, since) in tuple(self._overtaken.items()):
            if since < now - REMEMBERED_FOR:
                del self._overtaken[task_id]
        self._next = now + (ALARMED if self._overtaken or self._alarms else self._calm)
        if first:
            return None
        self._alarms = max(0, self._alarms - 1)
        shown = (watch for watch in watches if not watch.over and watch.seen_at >= begun)
        return min(shown, key=lambda watch: max(watch.born, watch.checked_at), default=None)

    def compare(self, task_id: str, before: str | None, status: str, now: float) -> None:
        """Notes what a single GET showed of a task that pages had shown before.

        Args:
            task_id: The task.
            before: The status that was known before; None if none was.
            status: The status that the GET showed.
            now: The event loop's time in seconds.
        """
        if before not in {None, status} and len(self._overtaken) < REMEMBERED:
            self._overtaken[task_id] = (str(before), now)
            self._next = min(self._next, now)

    def is_stale(self, rows: list[Any], asked: float) -> bool:
        """Whether a page, asked for at this moment, keeps showing what single GETs have overtaken."""
        if not self._overtaken:
            return False
        behind = 0
        for row in rows:
            task_id = row.get("task_id") if type(row) is dict else None
            if type(task_id) is not str or task_id not in self._overtaken:
                continue
            overtaken = self._overtaken[task_id]
            if row.get("task_status") != overtaken[0]:
                del self._overtaken[task_id]
            elif asked >= overtaken[1] + LAG:
                behind += 1
        return behind >= STALE_ROWS

    def alarm(self) -> None:
        """Notes that the list was found stale: it is checked more often when it is read again."""
        self._overtaken.clear()
        self._alarms = ALARMS
