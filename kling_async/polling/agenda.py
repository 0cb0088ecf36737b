"""What is due when: the looks and deadlines of all watches, for one timer to serve.

Promises: a watch has one place in the queue, however often it is put there; a look that somebody else's look has served
meanwhile is put off, by its own schedule, at the moment at which it would have been due; no I/O and no clock of its own.
"""

from __future__ import annotations

import heapq
import itertools
import math

from kling_async.polling.watch import Watch


class Agenda:
    """Two queues by time, on the event loop's clock in seconds: looks and deadlines."""

    def __init__(self) -> None:
        self._looks: list[tuple[float, int, Watch]] = []
        self._deadlines: list[tuple[float, int, Watch]] = []
        self._serial = itertools.count()

    def add(self, watch: Watch) -> None:
        """Enters a new watch: its first look and its deadline."""
        self.put(watch)
        if watch.deadline < math.inf:
            heapq.heappush(self._deadlines, (watch.deadline, next(self._serial), watch))

    def put(self, watch: Watch) -> None:
        """Enters a watch's next look at `watch.due`, instead of any that stands there."""
        watch.ticket = next(self._serial)
        heapq.heappush(self._looks, (watch.due, watch.ticket, watch))

    def tidy(self, live: int) -> None:
        """Drops what is left of removed watches, once it is most of what there is."""
        for queue in (self._looks, self._deadlines):
            if len(queue) > 2 * live + 64:
                queue[:] = [entry for entry in queue if not entry[2].gone]
                heapq.heapify(queue)

    def clear(self) -> None:
        """Forgets everything."""
        self._looks.clear()
        self._deadlines.clear()

    def next_moment(self, quiet_until: float) -> float:
        """When something is due; looks not before `quiet_until`. Infinite where nothing is."""
        deadline = self._deadlines[0][0] if self._deadlines else math.inf
        look = max(self._looks[0][0], quiet_until) if self._looks else math.inf
        return min(deadline, look)

    def expire(self, now: float) -> None:
        """Ends the waits whose deadline has come."""
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, watch = heapq.heappop(self._deadlines)
            if not (watch.gone or watch.ended):
                watch.expire(now)

    def take_due(self, now: float) -> list[Watch]:
        """The watches whose look is due now; they leave the queue."""
        due: list[Watch] = []
        while self._looks and self._looks[0][0] <= now:
            _, ticket, watch = heapq.heappop(self._looks)
            if ticket != watch.ticket or watch.ended or watch.gone:
                continue
            if watch.seen_at > -math.inf:
                watch.due = max(watch.due, watch.seen_at + watch.gap_at(watch.seen_at))
                if watch.due > now + 1e-6:
                    self.put(watch)
                    continue
            due.append(watch)
        return [watch for watch in due if not watch.ended]

    def due_within(self, seconds: float, now: float) -> list[Watch]:
        """Watches that come due so soon that a look at all of them now would serve them; they stay in the queue."""
        return [
            watch
            for at, ticket, watch in self._looks
            if at < now + seconds and ticket == watch.ticket and not watch.ended and watch.seen_at < now
        ]
