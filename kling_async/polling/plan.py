"""How to poll: single GETs or list pages, which pages, of what size, and when. Pure: counts and moments in, answers out.

The rule. Up to `FEW` waiters keep their own schedules and are polled by single GETs; so are waiters with an explicit
schedule, unless so many are due together that a list page costs less. More than `FEW` others form a crowd: one list
request serves them whatever their number, so their pace is a budget of requests, one round a second (`pace="prompt"`)
or one every two to five (`"thrifty"`), less while no task can be near its end by what was learnt from others of its
kind, and never more than ten requests a second however many pages a round has. A round begins where our tasks were
last seen and goes on while more of them can stand behind a page than cost less by single GETs; the order in which the
account lists is learnt from `created_at`: newest first from the first page on; oldest first from the end, which is
found once by halving and then followed; without an order, pages are read while they show enough of ours. What a round
does not show is polled by single GETs on its own schedule. A list that shows too little for its cost, fails, hangs or
is shown to be stale is left alone for a while that doubles, up to ten minutes. Correctness depends on none of this.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from enum import Enum
from typing import Final, Literal, TypeAlias

from attrs import define, frozen

PaceName: TypeAlias = Literal["prompt", "thrifty"]
"""How eagerly a client polls when many wait: "prompt" notices an end within about a second, "thrifty" within two to five."""

FEW: Final = 3
"""Up to so many waiters are polled one by one, on each one's own schedule."""

ROWS_PER_GET: Final = 100
"""So many rows of a list page cost as much as one single GET, on either side of the wire."""

LARGEST_PAGE: Final = 500
"""取值范围：[1,500]: the most rows of a list page."""

LAST_PAGE: Final = 1000
"""取值范围：[1,1000]: the last list page that can be asked for."""

REQUEST_GAP: Final = 0.1
"""The shortest time between two list requests, in seconds."""

LIST_FAILURES: Final = 3
"""After so many rounds in a row that failed, a single GET shows whether it is the list alone."""

FIRST_PAUSE: Final = 30.0
"""Seconds for which a list of no use is left alone at first."""

LONGEST_PAUSE: Final = 600.0
"""The longest time for which it is, in seconds."""


class Order(Enum):
    """In which order the account lists its tasks."""

    UNKNOWN = "unknown"
    NEWEST = "newest first"
    OLDEST = "oldest first"
    NONE = "none"


@frozen
class Ask:
    """One list page to be asked for."""

    number: int
    """Its number, from 1."""

    size: int
    """How many rows it is to have."""


@frozen
class Shown:
    """What a page showed."""

    ask: Ask
    rows: int
    """How many rows it had."""

    ours: int
    """How many of them are tasks that are waited for."""

    first: int = -1
    """The place of the first of ours on the page, from 0; -1 if there is none."""

    last: int = -1
    """The place of the last of ours."""

    created: tuple[float, ...] = ()
    """Moments of creation of some rows in the page's order, the first and the last among them; in unix seconds."""

    @property
    def full(self) -> bool:
        """Whether there can be another page behind it."""
        return self.rows >= self.ask.size

    @property
    def offset(self) -> int:
        """How many tasks are listed before the page."""
        return (self.ask.number - 1) * self.ask.size

    @property
    def cost(self) -> float:
        """What it cost, in single GETs."""
        return 1 + self.rows / ROWS_PER_GET


def order_of(created: Sequence[float]) -> Order:
    """The order of a page's moments of creation; two in fifteen may stand wrong."""
    steps = [later - earlier for earlier, later in itertools.pairwise(created)]
    ups, downs = sum(step > 0 for step in steps), sum(step < 0 for step in steps)
    if ups + downs < 3:
        return Order.UNKNOWN
    if min(ups, downs) > (ups + downs) // 7:
        return Order.NONE
    return Order.OLDEST if ups > downs else Order.NEWEST


@define
class Plan:
    """What was learnt about the list, and what follows from it. All moments are on the event loop's clock."""

    pace: PaceName = "prompt"
    order: Order = Order.UNKNOWN
    list_from: float = -math.inf
    """Before this moment the list is left alone."""

    failures: int = 0
    """How many rounds in a row failed."""

    _span: int = 0
    _barren: int = 0
    _strikes: int = 0
    _cost: float = 0.0
    _begun: float = -math.inf
    _wanted: float = math.inf
    _single_worked: bool = False
    _page_seconds: float = 0.5

    def gap(self, waiting: int) -> float:
        """Seconds between the beginnings of two rounds, if a task can end at any moment."""
        return 1.0 if self.pace == "prompt" else min(5.0, max(2.0, 60.0 / max(waiting, 1)))

    def round_at(self, waiting: int, ripe: float) -> float:
        """When the next round of a crowd is due.

        Args:
            waiting: How many wait.
            ripe: When the first of their tasks can be near its end.
        """
        gap = self.gap(waiting)
        at = max(self._begun + gap, min(self._wanted, ripe, self._begun + 5.0 * gap))
        return max(at, self.list_from)

    def want(self, at: float) -> None:
        """Notes that somebody wants a poll at a moment, however young the tasks are."""
        self._wanted = min(self._wanted, at)

    @property
    def patience(self) -> float:
        """Seconds after which a page that has not come holds nobody up any more."""
        return min(10.0, max(3.0, 2.0 * self._page_seconds))

    @property
    def probes(self) -> bool:
        """Whether a single GET is to show next whether it is the list alone that fails."""
        return self.failures >= LIST_FAILURES and not self._single_worked

    def pays(self, due: int, waiting: int) -> bool:
        """Whether a round costs less than single GETs for those that are due."""
        size = self._size(waiting)
        return due > FEW and due > math.ceil(size / LARGEST_PAGE) + size / ROWS_PER_GET

    def begin(self, waiting: int, now: float) -> Ask:
        """Begins a round: its first page."""
        self._begun, self._wanted = now, math.inf
        self._barren, self._cost = 0, 0.0
        return Ask(1, min(LARGEST_PAGE, self._size(waiting)))

    def _size(self, waiting: int) -> int:
        """How many rows a round needs, by where our tasks stood last; other tasks stand between ours."""
        return max(waiting + waiting // 4, self._span + self._span // 10) + 10

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
        self._cost += page.cost
        self._barren = 0 if page.ours else self._barren + 1
        if page.ours:
            self._span = max(page.offset + page.last + 1, self._span * 19 // 20)
        order = order_of(page.created)
        self.order = self.order if order is Order.UNKNOWN else order
        following = _behind(page)
        if not page.full or following.number > LAST_PAGE:
            return None
        return following if self._behind(page, missing) > 1 + following.size / ROWS_PER_GET else None

    def _behind(self, page: Shown, missing: Sequence[float]) -> int:
        """How many of our missing tasks can stand behind a page."""
        if self.order is Order.NEWEST and page.created:
            edge = page.created[-1] + 1.0
            unknown = 0 if self._barren > 1 else sum(map(math.isnan, missing))
            return unknown + sum(created <= edge for created in missing)
        enough = page.ours > page.cost or (self.order is Order.OLDEST and self._barren < 2)
        return len(missing) if enough else 0

    def end(self, shown: int, now: float) -> None:
        """Ends a round.

        Args:
            shown: How many waiters it served.
            now: The event loop's time in seconds.
        """
        if shown >= self._cost:
            self._strikes = 0
        else:
            self.pause(now)

    def pause(self, now: float) -> None:
        """Leaves the list alone for a while, longer each time in a row."""
        self.list_from = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**self._strikes)
        self._strikes = min(self._strikes + 1, 10)
        self._span = 0

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


def _behind(page: Shown) -> Ask:
    """The page behind a page, twice as large where that is possible."""
    read = page.offset + page.ask.size
    if read <= LARGEST_PAGE:
        return Ask(2, read)
    return Ask(read // LARGEST_PAGE + 1, LARGEST_PAGE)
