"""When to poll next. Pure: the age of a wait in, seconds until the next poll out.

A schedule is any callable that takes the seconds since a task was created (or since the wait began, where that is not
known) and returns the seconds until the next poll; a sequence of gaps, the last of which repeats, is taken too.

Promises: every gap that reaches the poller is a finite number above 0; a schedule that gives another one is a
`ConfigurationError`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final, TypeAlias

from attrs import Factory, define, frozen

from kling_async.errors import ConfigurationError

Schedule: TypeAlias = Callable[[float], float] | Sequence[float]
"""When to poll: a callable from age to gap, both in seconds, or a sequence of gaps in seconds."""

LONGEST_GAP: Final = 1e6
"""The longest gap that makes sense, in seconds: a third of the time for which a result is kept."""

REMEMBERED: Final = 64
"""How many finished jobs of one kind a client remembers for its schedule."""


@frozen
class Backoff:
    """Gaps that grow with the age of the wait, from `first` to `cap`: every poll is `factor` of the age away."""

    first: float = 1.0
    """The shortest gap, in seconds."""

    factor: float = 0.5
    """How much of the age the gap is."""

    cap: float = 5.0
    """The longest gap, in seconds."""

    def __attrs_post_init__(self) -> None:
        for name in ("first", "factor", "cap"):
            checked_gap(getattr(self, name), f"Backoff.{name}")

    def __call__(self, age: float) -> float:
        """Seconds until the next poll of a task of this age."""
        return min(self.cap, max(self.first, self.factor * age))


@frozen
class Gaps:
    """A fixed sequence of gaps, the last of which repeats."""

    moments: tuple[float, ...]
    """When the polls are due, in seconds since the wait began."""

    last: float
    """The gap that repeats, in seconds."""

    def __call__(self, age: float) -> float:
        """Seconds until the next due moment."""
        index = bisect_left(self.moments, age + 1e-6)
        if index < len(self.moments):
            return self.moments[index] - age
        return self.last


def as_schedule(schedule: Schedule) -> Callable[[float], float]:
    """Any form of schedule as a callable whose gaps are checked.

    Raises:
        ConfigurationError: It is neither callable nor a sequence of gaps, or a gap is not finite or not above 0.
    """
    if callable(schedule):
        return lambda age: checked_gap(schedule(age), "the schedule's gap")
    if isinstance(schedule, str) or not isinstance(schedule, Sequence) or not schedule:
        raise ConfigurationError("a schedule must be a callable or a sequence of gaps in seconds")
    gaps = [checked_gap(gap, f"schedule[{index}]") for index, gap in enumerate(schedule)]
    return Gaps(tuple(accumulate(gaps)), gaps[-1])


def checked_gap(gap: object, name: str) -> float:
    """The gap itself, if it is a finite number above 0.

    Raises:
        ConfigurationError: It is not; the text holds `name`.
    """
    if isinstance(gap, bool) or not isinstance(gap, int | float) or not 0 < gap <= LONGEST_GAP:
        raise ConfigurationError(
            f"{name} is {gap!r}; it must be a number of seconds above 0 and at most {LONGEST_GAP:.0f}"
        )
    return float(gap)


@define
class Experience:
    """How long jobs of one kind (model, mode, duration) took lately; makes a schedule denser where they end.

    Around the times between the fastest and the slowest tenth of the remembered jobs a poll is due every `dense`
    seconds; before that window gaps are twice as long but never step over its beginning; after it, backoff goes
    on. If jobs end within `brief` seconds, backoff is dense enough and nothing else is used.
    """

    base: Backoff = Factory(Backoff)
    """The schedule until enough jobs have ended, and after the window."""

    brief: float = 20.0
    """Jobs that end before this age, in seconds, need no schedule of their own."""

    dense: float = 2.0
    """The gap within the window, and the margin on both of its sides, in seconds."""

    needed: int = 5
    """How many jobs must have ended before their times count."""

    telling: int = 20
    """How many jobs must have ended before the fastest of them tells anything."""

    _recent: deque[float] = Factory(lambda: deque(maxlen=REMEMBERED))
    _sorted: list[float] = Factory(list)

    def record(self, seconds: float) -> None:
        """Remembers that a job of this kind ended so many seconds after its creation."""
        if not (math.isfinite(seconds) and seconds > 0):
            return
        if len(self._recent) == REMEMBERED:
            del self._sorted[bisect_left(self._sorted, self._recent[0])]
        self._recent.append(seconds)
        insort(self._sorted, seconds)

    @property
    def earliest(self) -> float:
        """The age in seconds before which a job of this kind is unlikely to end; 0 until enough is known."""
        return 0.9 * self._sorted[0] if len(self._sorted) >= self.telling else 0.0

    @property
    def latest(self) -> float:
        """The age in seconds by which nine in ten jobs of this kind have ended; infinite until enough is known."""
        known = self._sorted
        return known[-1 - len(known) // 10] + self.dense if len(known) >= self.needed else math.inf

    def __call__(self, age: float) -> float:
        """Seconds until the next poll of a task of this age."""
        known = self._sorted
        if len(known) < self.needed:
            return self.base(age)
        tenth = len(known) // 10
        begin, end = known[tenth] - self.dense, known[-1 - tenth] + self.dense
        if begin < self.brief or age >= end:
            return self.base(age)
        return self.dense if age >= begin else min(2 * self.base(age), max(begin - age, self.base.first))
