"""What callbacks have told of one watch's task, and when that has it polled. Pure: moments in, moments out.

The rule. The first callback that tells of the task's end has it polled at once; any other has it polled `CALLBACK_GAP`
seconds after it was last seen, or after a callback last had it polled; if that is now and many wait, up to `GATHERED`
seconds later. So what is forged, repeated or stale costs at most
one poll in that time, and one more in all.
"""

from __future__ import annotations

import math
from typing import Final

from attrs import define

from kling_async.schema.task import Task

CALLBACK_GAP: Final = 5.0
"""Seconds between two polls of one task that callbacks ask for."""

CALLED_GAP: Final = 30.0
"""Seconds between two polls of a task whose callbacks arrive; they are the safety net."""


GATHERED: Final = 1.0
"""Seconds for which callbacks are gathered that are not about an end, so that one list page can serve them."""

NEEDED: Final = 8
"""After a loss, so many ends in a row must be told of before callbacks are relied on again."""

MOST_NEEDED: Final = 64
"""The most ends in a row that must be."""


@define(eq=False)
class Told:
    """What callbacks have told of one watch's task. All moments are on the event loop's clock, in seconds."""

    job: str | None = None
    """The external id of the task's job, which callbacks prove; None if it is not known."""

    expected: bool = False
    """Whether the task was created with a URL of this client's receiver, so that callbacks are to be expected."""

    since: float = math.inf
    """When the first callback came that no poll has followed yet; infinite if there is none."""

    due: float = math.inf
    """When a poll is due because of it."""

    status: object = None
    """The status that the last callback told."""

    seen: object = None
    """The status that was last compared with what callbacks told."""

    ended: bool = False
    """Whether a callback has told that the task has ended."""

    confirmed: bool = False
    """Whether a poll has shown what a callback told, so that this task's callbacks arrive."""

    doubtful: bool = False
    """Whether a poll has not shown the end that a callback told of."""

    at_least: float = 0.0
    """The shortest gap between two polls, while callbacks are relied on."""

    polled_at: float = -math.inf
    """When a poll was last made because of a callback."""

    checks: bool = False
    """Whether a poll that a callback asked for is under way."""

    @property
    def waits(self) -> bool:
        """Whether a callback has come that no poll has followed yet."""
        return self.since < math.inf

    def hear(self, task: Task, seen_at: float, now: float) -> float:
        """Notes a callback.

        Args:
            task: What it tells.
            seen_at: When the task was last seen, by a poll or as it was accepted.
            now: The event loop's time in seconds.

        Returns:
            When a poll is due because of it.
        """
        first_end = task.is_terminal and not self.ended
        if task.is_terminal or not self.ended:
            self.status = task.status
        self.ended = self.ended or task.is_terminal
        last = self.polled_at if task.is_terminal else max(self.polled_at, seen_at)
        return now if first_end else max(now, last + CALLBACK_GAP)

    def want(self, due: float, now: float) -> None:
        """Notes that a poll is due at a moment; one that begins from now on serves, whatever it is made for."""
        self.since, self.due = now, min(self.due, due)

    def poll(self, begun: float) -> None:
        """Notes that a poll begins, which serves the callbacks that have come so far."""
        if self.waits:
            self.since = self.due = math.inf
            self.polled_at, self.checks = begun, True

    def answer(self, task: Task | None) -> None:
        """Notes what the poll showed that a callback had asked for."""
        self.checks = False
        agrees = task is not None and task.status == self.status
        self.confirmed = self.confirmed or agrees
        self.doubtful = self.ended and not agrees

    def gap(self, own: float, age: float, latest: float) -> float:
        """Seconds until the next poll; callbacks are relied on while the task is not overdue.

        Args:
            own: Seconds by the watch's own schedule.
            age: The task's age in seconds.
            latest: The age by which most tasks of its kind have ended.
        """
        return own if age >= latest else max(own, min(self.at_least, latest - age))

    def compare(self, task: Task | None) -> bool:
        """Compares what a poll showed with what callbacks told; returns whether a change was not told of."""
        status = None if task is None else task.status
        changed = status != self.seen
        self.seen = status
        return changed and status != self.status

    def slow_down(self, gap: float) -> None:
        """Sets the shortest gap between two polls, in seconds; 0 for the schedule's own."""
        self.at_least = gap


@define
class Trust:
    """Whether callbacks arrive: relied on once a poll has shown what one told, and until a change is not told of.

    A change that polls show and that no callback has told of, for a task whose callbacks were relied on, means that
    callbacks are lost; from then on, `NEEDED` ends in a row must be told of before they are relied on again, and twice as
    many each time that it happens again.
    """

    proven: bool = False
    """Whether callbacks are relied on."""

    lost: bool = False
    """Whether callbacks have been lost lately, so that none is relied on."""

    needed: int = 0
    """How many ends in a row must be told of."""

    in_a_row: int = 0
    """How many have been."""

    def heard(self) -> None:
        """Notes that a poll has shown what a callback told."""
        self.proven = not self.lost

    def kept(self) -> None:
        """Notes an end that a callback has told of."""
        self.in_a_row += 1
        if self.in_a_row >= self.needed:
            self.proven, self.lost = True, False
        if self.in_a_row >= MOST_NEEDED:
            self.needed = 0

    def broken(self) -> None:
        """Notes a change that no callback has told of; those that come together count once."""
        if not self.lost:
            self.needed = min(MOST_NEEDED, max(NEEDED, 2 * self.needed))
        self.in_a_row = 0
        self.proven, self.lost = False, True
