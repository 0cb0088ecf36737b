"""Where on the list our tasks stand, and which page comes next. Pure: what pages showed in, the next page out.

Promises: no page beyond the API reference's bounds; a list that is oldest first is searched once for its end, by
halving, and then followed; a wrong idea of the list costs requests and nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from enum import Enum
from typing import Final

from attrs import define, frozen

ROWS_PER_GET: Final = 100
"""So many rows of a list page cost as much as one single GET, on either side of the wire."""

LARGEST_PAGE: Final = 500
"""取值范围：[1,500]: the most rows of a list page."""

LAST_PAGE: Final = 1000
"""取值范围：[1,1000]: the last list page that can be asked for."""


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


def worth(ask: Ask, pages: int) -> float:
    """How many of our tasks a page must be able to show to be worth its request.

    Args:
        ask: The page.
        pages: How many the round has read already; the more, the less one more matters.
    """
    return (1 + ask.size / ROWS_PER_GET) / pages


@define
class FromStart:
    """Where our tasks stand on a list that is read from its first page on: newest first, or of unknown order."""

    span: int = 0
    """How many rows had to be read lately to show all of ours."""

    def size(self, waiting: int) -> int:
        """How many rows a round needs; other tasks stand between ours, and new ones come."""
        return max(waiting + waiting // 4, self.span + self.span // 10) + 10

    def go_on(self, page: Shown) -> Ask:
        """The page behind a page, twice as large if that is possible."""
        if page.ours:
            self.span = max(page.offset + page.last + 1, self.span * 19 // 20)
        read = page.offset + page.ask.size
        return Ask(2, read) if read <= LARGEST_PAGE else Ask(read // LARGEST_PAGE + 1, LARGEST_PAGE)


@define
class FromEnd:
    """Where our tasks stand on a list that is oldest first: at its end, which has to be found."""

    length: int | None = None
    """How many rows the list has; None until its end was found."""

    _first: int | None = None
    _first_seen: int | None = None
    _low: Shown | None = None
    _climbs: bool = True
    _pages: int = 0
    _full: int = 0
    _empty: int | None = None
    _searched: bool = False

    def begin(self, waiting: int) -> Ask:
        """The first page of a round."""
        self._first_seen, self._low, self._climbs, self._pages = None, None, True, 0
        self._searched = self.length is None
        if self.length is None:
            self._full, self._empty = 0, None
            return Ask(1, LARGEST_PAGE)
        high = self.length + max(10, waiting // 10)
        low = max(0, self.length - waiting - waiting // 4) if self._first is None else self._first
        return window(low, high)

    def go_on(self, page: Shown, missing: Sequence[float]) -> Ask | None:
        """The next page of the round, or None if it ends with this one."""
        self._pages += 1
        if page.ours:
            first = page.offset + page.first
            self._first_seen = first if self._first_seen is None else min(first, self._first_seen)
        if self.length is None and (ask := self._search(page)) is not None:
            return ask
        if self._low is None or page.offset < self._low.offset:
            self._low = page
        if self._climbs:
            above = Ask(page.ask.number + 1, page.ask.size)
            newer = sum(not created < page.created[-1] - 1.0 for created in missing) if page.created else 0
            if page.full and above.number <= LAST_PAGE and newer > worth(above, self._pages):
                return above
            self.length = (
                max(self.length or 0, page.offset + page.rows) if page.full else page.offset + page.rows
            )
        self._climbs = False
        return self._below(missing)

    def _search(self, page: Shown) -> Ask | None:
        """The next page of the search for the end; None once it is found."""
        if page.full:
            self._full = page.ask.number
        elif page.rows:
            self.length = page.offset + page.rows
            return None
        else:
            self._empty = page.ask.number
        if self._empty is None:
            number = min(2 * self._full, LAST_PAGE)
            if number > self._full:
                return Ask(number, LARGEST_PAGE)
        elif self._empty - self._full > 1:
            return Ask((self._full + self._empty) // 2, LARGEST_PAGE)
        self.length = self._full * LARGEST_PAGE
        return None

    def _below(self, missing: Sequence[float]) -> Ask | None:
        """The page before the lowest that was read, if enough of ours can stand there."""
        low = self._low
        if low is None or low.ask.number == 1:
            return None
        below = Ask(low.ask.number - 1, low.ask.size)
        older = (
            sum(not created > low.created[0] + 1.0 for created in missing) if low.created else len(missing)
        )
        return below if older > worth(below, self._pages) else None

    def end(self) -> bool:
        """Ends a round; returns whether it searched for the end."""
        self._first = self._first_seen
        if self._first is None:
            self.length = None if not self._searched else self.length
        return self._searched


def window(low: int, high: int) -> Ask:
    """The smallest page that holds the rows from `low` to below `high`, counted from 0; else the one that holds `low`."""
    for size in range(max(1, min(high - low, LARGEST_PAGE)), LARGEST_PAGE + 1):
        number = low // size
        if number == (high - 1) // size and number < LAST_PAGE:
            return Ask(number + 1, size)
    return Ask(min(low // LARGEST_PAGE + 1, LAST_PAGE), LARGEST_PAGE)
