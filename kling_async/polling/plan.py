"""How to poll: single GETs or list pages, which pages, of what size, and when. Pure: counts and moments in, answers out.

The rule. Up to `FEW` waiters keep their own schedules and are polled by single GETs; so are waiters with an explicit
schedule, unless so many are due together that a list page costs less. More than `FEW` others form a crowd: one list
request serves them whatever their number, so their pace is a budget of requests, one round a second (`pace="prompt"`)
or one every two to five (`"thrifty"`), less while no task can be near its end by what was learnt from others of its
kind, and never more than ten requests a second however many pages a round has. A round begins where our tasks were
last seen and goes on while more of them can stand behind a page than it is worth; the order in which the account
lists is learnt from `created_at`: newest first from the first page on; oldest first from the end, which is found once
by halving and then followed; without an order, pages are read while they show enough of ours. What a round does not
show is polled by single GETs on its own schedule, with gaps half as long again if there is no order at all. A list
that shows too little for its cost, fails, hangs or is shown to be stale is left alone for a while that doubles, up to
ten minutes. Correctness depends on none of this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from attrs import Factory, define

from kling_async.polling.pages import (
    LARGEST_PAGE,
    LAST_PAGE,
    ROWS_PER_GET,
    Ask,
    FromEnd,
    FromStart,
    Order,
    Shown,
    order_of,
    worth,
)

PaceName: TypeAlias = Literal["prompt", "thrifty"]
"""How eagerly a client polls when many wait: "prompt" notices an end within about a second, "thrifty" within two to five."""

FEW: Final = 3
"""Up to so many waiters are polled one by one, on each one's own schedule."""

REQUEST_GAP: Final = 0.1
"""The shortest time between two list requests, in seconds."""

IDLE_GAP: Final = 5.0
"""The longest time between two rounds while nothing is wrong, in seconds."""

LIST_FAILURES: Final = 3
"""After so many rounds in a row that failed, a single GET shows whether it is the list alone."""

FIRST_PAUSE: Final = 30.0
"""Seconds for which a list of no use is left alone at first."""

LONGEST_PAUSE: Final = 600.0
"""The longest time for which it is, in seconds."""


@define
class Plan:
    """What was learnt about the list, and what follows from it. All moments are on the event loop's clock."""

    pace: PaceName = "prompt"
    order: Order = Order.UNKNOWN
    list_from: float = -math.inf
    """Before this moment the list is left alone."""

    failures: int = 0
    """How many rounds in a row failed."""

    _newest: FromStart = Factory(FromStart)
    _oldest: FromEnd = Factory(FromEnd)
    _waiting: int = 0
    _pages: int = 0
    _shown: int = 0
    _barren: int = 0
    _strikes: int = 0
    _cost: float = 0.0
    _begun: float = -math.inf
    _wanted: float = math.inf
    _single_worked: bool = False
    _page_seconds: float = 0.5

    @property
    def young(self) -> float:
        """The age in seconds before which a task is unlikely to end, if nothing is known of its kind."""
        return 0.0 if self.pace == "prompt" else 30.0

    def stretch(self, waiting: int) -> float:
        """By how much the gaps of waiters that only single GETs can serve are longer than their schedules say."""
        return 1.5 if waiting > FEW and self.order is Order.NONE else 1.0

    @property
    def calm(self) -> float:
        """Seconds between two checks of the list by a single GET while nothing speaks against it."""
        return 15.0 if self.pace == "prompt" else 30.0

    @property
    def patience(self) -> float:
        """Seconds after which a page that has not come holds nobody up any more."""
        return min(10.0, max(3.0, 2.0 * self._page_seconds))

    @property
    def probes(self) -> bool:
        """Whether a single GET is to show next whether it is the list alone that fails."""
        return self.failures >= LIST_FAILURES and not self._single_worked

    def gap(self, waiting: int) -> float:
        """Seconds between the beginnings of two rounds, if a task can end at any moment."""
        return 1.0 if self.pace == "prompt" else min(IDLE_GAP, max(2.1, 80.0 / max(waiting, 1)))

    def round_at(self, waiting: int, ripe: float) -> float:
        """When the next round of a crowd is due.

        Args:
            waiting: How many wait.
            ripe: When the first of their tasks can be near its end.
        """
        at = max(self._begun + self.gap(waiting), min(self._wanted, ripe, self._begun + IDLE_GAP))
        return max(at, self.list_from)

    def want(self, at: float) -> None:
        """Notes that somebody wants a poll at a moment, however young the tasks are."""
        self._wanted = min(self._wanted, at)

    def pays(self, due: int, waiting: int) -> bool:
        """Whether a round costs less than single GETs for those that are due."""
        size = self._newest.size(waiting)
        return due > FEW and due > math.ceil(size / LARGEST_PAGE) + size / ROWS_PER_GET

    def begin(self, waiting: int, now: float) -> Ask:
        """Begins a round: its first page."""
        self._begun, self._wanted = now, math.inf
        self._waiting, self._pages, self._shown, self._barren, self._cost = waiting, 0, 0, 0, 0.0
        if self.order is Order.OLDEST:
            return self._oldest.begin(waiting)
        return Ask(1, min(LARGEST_PAGE, self._newest.size(waiting)))

    def go_on(self, page: Shown, missing: Sequence[float], seconds: float) -> Ask | None:
        """The next page of the round, or None if it ends with this one.

        Args:
            page: What the last page showed.
            missing: When each of our tasks that was not shown yet was created; NaN if that is not known.
            seconds: How long the page took.
        """
        self.failures = 0
        self._single_worked = False
        self._page_seconds += 0.5 * (seconds - self._page_seconds)
        self._pages += 1
        self._shown += page.ours
        self._cost += page.cost
        self._barren = 0 if page.ours else self._barren + 1
        before, order = self.order, order_of(page.created)
        self.order = before if order is Order.UNKNOWN else order
        if self.order is Order.OLDEST:
            if before is not Order.OLDEST:
                self._oldest = FromEnd()
                return self._oldest.begin(self._waiting) if page.full and missing else None
            return self._oldest.go_on(page, missing)
        following = self._newest.go_on(page)
        if not page.full or following.number > LAST_PAGE:
            return None
        return following if self._behind(page, missing) > worth(following, self._pages) else None

    def _behind(self, page: Shown, missing: Sequence[float]) -> int:
        """How many of our missing tasks can stand behind a page of a list that is not oldest first."""
        if self.order is Order.NEWEST and page.created:
            edge = page.created[-1] + 1.0
            unknown = 0 if self._barren > 1 else sum(map(math.isnan, missing))
            return unknown + sum(created <= edge for created in missing)
        return len(missing) if page.ours > page.cost * self._dearness else 0

    @property
    def _dearness(self) -> float:
        """How many single GETs a round must replace for each that it costs.

        Without an order most of a round's rows are in vain each time, and single GETs are not as frequent as rounds; with
        one, what counts is the number of requests.
        """
        return {Order.NONE: 4.0, Order.UNKNOWN: 1.0}.get(self.order, 1 / 6)

    def end(self, now: float) -> None:
        """Ends a round, at this moment on the event loop's clock."""
        searched = self.order is Order.OLDEST and self._oldest.end()
        if self._shown >= self._cost * self._dearness:
            self._strikes = 0
        elif not searched:
            self.pause(now)

    def pause(self, now: float) -> None:
        """Leaves the list alone for a while, longer each time in a row."""
        self.list_from = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**self._strikes)
        self._strikes = min(self._strikes + 1, 10)
        self._newest, self._oldest = FromStart(), FromEnd()

    def fail(self, now: float, until: float, *, list_alone: bool) -> None:
        """Notes that a round failed.

        Args:
            now: The event loop's time in seconds.
            until: When the next poll may be made.
            list_alone: Whether the error says nothing about single GETs.
        """
        self.failures = max(self.failures + 1, LIST_FAILURES if list_alone else 0)
        self._wanted = until
        if self.failures >= LIST_FAILURES and self._single_worked:
            self.pause(now)
        self._single_worked = False

    def probe(self, now: float) -> None:
        """Notes that a single GET is made instead of a round."""
        self._begun, self._wanted = now, math.inf

    def single_worked(self) -> None:
        """Notes that a single GET was answered; if the next round fails again, it is the list alone."""
        self._single_worked = self.failures >= LIST_FAILURES
