"""How far a batch is, counted by the client's events, and how long it will still take.

Promises: the time left is learnt from finished jobs alone, and unknown before the first; nothing here waits or draws.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from attrs import define, field

from kling_async.events import (
    DownloadDone,
    Event,
    JobAbandoned,
    JobAccepted,
    JobEnded,
    SlotChanged,
    TaskChanged,
)

_NOT_RUNNING: Final = frozenset({"submitted", "succeed", "failed"})


@define(eq=False)
class Tally:
    """The numbers of one batch; its `see` is to be called with the client's events."""

    total: int
    """Rows in all."""

    clock: Callable[[], float] = time.monotonic
    """Seconds of any clock that does not go back."""

    done: int = 0
    """Rows whose video is on the disk."""

    failed: int = 0
    """Rows that ended without a video."""

    fetched: int = 0
    """Videos that were downloaded by this run."""

    bytes: int = 0
    """Bytes of their files."""

    slots: SlotChanged | None = None
    """The use of the slots as last seen."""

    _began: dict[str, float] = field(factory=dict)
    _running: set[str] = field(factory=set)
    _earlier: set[str] = field(factory=set)  # begun by an earlier run, nobody knows when
    _jobs: int = 0
    _seconds: float = 0.0

    @property
    def accepted(self) -> int:
        """Tasks that the service has and has not begun."""
        return len(self._began) - len(self._running)

    @property
    def running(self) -> int:
        """Tasks that the service works on."""
        return len(self._running)

    def go_on(self, keys: Iterable[str]) -> None:
        """Counts jobs of an earlier run that have a task."""
        self._began.update(dict.fromkeys(keys, self.clock()))
        self._earlier.update(self._began)

    def see(self, event: Event) -> None:
        """Counts an event."""
        if isinstance(event, JobAccepted):
            self._began.setdefault(event.external_task_id, self.clock())
        elif isinstance(event, TaskChanged):
            if event.external_task_id in self._began and event.status not in _NOT_RUNNING:
                self._running.add(event.external_task_id)
        elif isinstance(event, JobEnded | JobAbandoned):
            began = self._forget(event.external_task_id)
            known = began is not None and event.external_task_id not in self._earlier
            if known and began is not None and isinstance(event, JobEnded) and event.succeeded:
                self._jobs += 1
                self._seconds += self.clock() - began
        elif isinstance(event, SlotChanged):
            self.slots = event
        elif isinstance(event, DownloadDone) and event.size is not None:
            self.fetched += 1
            self.bytes += event.size

    def time_left(self) -> float | None:
        """Seconds until the last row has ended, if jobs go on as those did that have ended; None before the first."""
        if not self._jobs:
            return None
        ages = [self.clock() - began for began in self._began.values()]
        waiting = self.total - self.done - self.failed - len(ages)
        return seconds_left(self._seconds / self._jobs, ages, max(0, waiting))

    def text(self) -> str:
        """The numbers on one line."""
        return f"{self.done} done, {self.failed} failed, {self.running} running, {self.accepted} accepted{self._slots()}"

    def _slots(self) -> str:
        if self.slots is None:
            return ""
        return f", slots {self.slots.held}" + ("" if self.slots.limit is None else f" of {self.slots.limit}")

    def _forget(self, key: str | None) -> float | None:
        self._running.discard(key or "")
        return self._began.pop(key or "", None)


def seconds_left(usual: float, ages: list[float], waiting: int) -> float:
    """An estimate of the time until all jobs have ended.

    Args:
        usual: Seconds that a job takes.
        ages: Seconds for which each job that runs has run already.
        waiting: How many jobs have not begun.
    """
    left = sum(max(0.0, usual - age) for age in ages)
    at_once = max(1, len(ages))
    longest = max((max(0.0, usual - age) for age in ages), default=0.0)
    return max(longest, (left + waiting * usual) / at_once)


def shown_time(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
