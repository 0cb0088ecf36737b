"""What is due when: polls and deadlines of watches, for one timer to serve.

Promises: a watch has at most one place in the queue of polls, however often it is put there; a poll that another one
has made unnecessary is put off, by the watch's own schedule, at the moment at which it would have been due; no I/O and
no clock of its own.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable

from kling_async.polling.watch import Watch

_Queue = list[tuple[float, int, Watch]]


class Agenda:
    """Two queues by time, on the event loop's clock in seconds: polls and deadlines."""

    def __init__(self) -> None:
        self._polls: _Queue = []
        self._deadlines: _Queue = []
        self._places: dict[Watch, int] = {}
        self._serial = itertools.count()

    def __contains__(self, watch: Watch) -> bool:
        """Whether a poll for this watch stands in the queue."""
        return watch in self._places

    def bound(self, watch: Watch) -> None:
        """Enters a watch's deadline, if it has one."""
        if watch.deadline < math.inf:
            heapq.heappush(self._deadlines, (watch.deadline, next(self._serial), watch))

    def put(self, watch: Watch, due: float) -> None:
        """Enters a watch's next poll, instead of any that stands there."""
        watch.plan(due)
        place = self._places[watch] = next(self._serial)
        heapq.heappush(self._polls, (due, place, watch))

    def drop(self, watch: Watch) -> None:
        """Takes a watch's poll out of the queue, if it has one there."""
        self._places.pop(watch, None)

    def tidy(self, live: int) -> None:
        """Frees what removed watches left behind, once it is most of what there is.

        Args:
            live: How many watches there are.
        """
        if len(self._polls) > 2 * live + 64:
            self._polls = [entry for entry in self._polls if self._stands(entry)]
            heapq.heapify(self._polls)
        if len(self._deadlines) > 2 * live + 64:
            self._deadlines = [entry for entry in self._deadlines if not entry[2].over]
            heapq.heapify(self._deadlines)

    def clear(self) -> None:
        """Forgets everything."""
        self._polls.clear()
        self._deadlines.clear()
        self._places.clear()

    def next_deadline(self) -> float:
        """The moment of the first deadline; infinite if there is none."""
        while self._deadlines and self._deadlines[0][2].over:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else math.inf

    def next_poll(self) -> float:
        """The moment of the first poll; infinite if there is none."""
        while self._polls and not self._stands(self._polls[0]):
            heapq.heappop(self._polls)
        return self._polls[0][0] if self._polls else math.inf

    def expire(self, now: float) -> None:
        """Ends the waits whose deadline has come."""
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, watch = heapq.heappop(self._deadlines)
            if not watch.over:
                watch.expire(now)

    def take_due(self, now: float) -> list[Watch]:
        """The watches whose poll is due now; they leave the queue."""
        due: list[Watch] = []
        while self.next_poll() <= now:
            at, _, watch = heapq.heappop(self._polls)
            del self._places[watch]
            at = max(at, watch.next_due())
            if watch.over:
                continue
            if at > now + 1e-6:
                self.put(watch, at)
            else:
                due.append(watch)
        return due

    def due_within(self, seconds: float, now: float) -> Iterable[Watch]:
        """Watches that come due so soon that a poll of all of them now would serve them; they stay in the queue."""
        return (
            entry[2]
            for entry in self._polls
            if entry[0] < now + seconds and self._stands(entry) and entry[2].seen_at < now
        )

    def _stands(self, entry: tuple[float, int, Watch]) -> bool:
        """Whether a queue's entry still is what it was when it was made."""
        _, place, watch = entry
        return self._places.get(watch) == place and not watch.over
