"""A list round: page after page, each shown to the watches that its rows are for.

Promises: one round at a time; two list requests are never closer than `REQUEST_GAP`; a row of an ended task that lacks
its result is confirmed by a single GET.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from kling_async.errors import KlingError
from kling_async.polling.crosscheck import CrossCheck
from kling_async.polling.index import Index
from kling_async.polling.plan import REQUEST_GAP, Ask, Plan, Shown
from kling_async.polling.singles import Results, Singles
from kling_async.polling.watch import Watch
from kling_async.schema.task import read_task

SAMPLES: Final = 16
"""Of so many rows of a page the moment of creation is read."""

YOUNG: Final = 1.0
"""Seconds for which whoever comes due during a round waits for its end."""

FetchPage = Callable[[int, int], Awaitable[list[Any]]]
"""GETs one list page by number (from 1) and size, tried once; returns the rows as received."""


class Rounds:
    """Reads list pages.

    Args:
        fetch: GETs a page.
        index: The watches.
        plan: Which page comes next.
        singles: Confirms ends without results.
        check: Compares pages with single GETs.
        results: Is told of each request.
    """

    def __init__(
        self,
        fetch: FetchPage,
        index: Index,
        plan: Plan,
        singles: Singles,
        check: CrossCheck,
        results: Results,
    ) -> None:
        self._fetch = fetch
        self._index = index
        self._plan = plan
        self._singles = singles
        self._check = check
        self._results = results
        self._asked = self._expected = self._begun = -math.inf

    @property
    def overdue_at(self) -> float:
        """When the page that is under way holds nobody up any more, on the event loop's clock."""
        return self._expected + self._plan.patience

    def expect(self, now: float) -> None:
        """Notes that a round is about to begin."""
        self._begun = self._expected = now

    def is_young(self, now: float) -> bool:
        """Whether the round is likely to end soon enough for everyone who comes due meanwhile."""
        return now < self._begun + YOUNG

    async def run(self, wanted: Sequence[Watch]) -> None:
        """Reads pages until the plan ends the round.

        Args:
            wanted: The watches that the round is for.

        Raises:
            KlingError: A page could not be had.
        """
        now = asyncio.get_running_loop().time
        begun = now()
        missing = list(wanted)
        ask: Ask | None = self._plan.begin(len(missing), begun)
        while ask is not None:
            if (early := self._asked + REQUEST_GAP - now()) > 0:
                await asyncio.sleep(early)
            rows = await self._page(ask)
            if self._check.is_stale(rows, self._asked):
                self._check.alarm()
                self._plan.pause(now())
                return
            page = self.show(ask, rows)
            missing = [watch for watch in missing if watch.seen_at < begun and not watch.over]
            created = [watch.created for watch in missing]
            ask = self._plan.go_on(page, created, now() - self._asked)
        self._plan.end(len(wanted) - len(missing), now())

    async def _page(self, ask: Ask) -> list[Any]:
        self._asked = self._expected = asyncio.get_running_loop().time()
        try:
            rows = await self._fetch(ask.number, ask.size)
        except Exception as error:
            self._results.polled("list", self._asked, error, 0)
            raise
        self._results.polled("list", self._asked, None, len(rows))
        return rows

    def show(self, ask: Ask, rows: list[Any]) -> Shown:
        """Shows a page's rows to their watches; a row that tells nothing new costs next to nothing."""
        now = asyncio.get_running_loop().time()
        of_row = self._index.of_row
        ours, first, last = 0, -1, -1
        for place, row in enumerate(rows):
            if type(row) is not dict:
                continue
            watches = of_row(row)
            if not watches:
                continue
            ours, first, last = ours + 1, place if first < 0 else first, place
            status = row.get("task_status")
            for watch in watches:
                if not watch.unchanged(status, now):
                    self._show_row(row, watches, now)
                    break
        return Shown(ask, len(rows), ours, first, last, _created(rows))

    def _show_row(self, row: dict[str, Any], watches: Sequence[Watch], now: float) -> None:
        try:
            task = read_task(row)
        except KlingError:
            return
        if task.succeeded and not task.has_results:
            self._singles.add(watches[0], forced=True)  # finished, but the list does not show the result
        else:
            self._index.show(task, watches, now)


def _created(rows: list[Any]) -> tuple[float, ...]:
    """Moments of creation of some rows, the first and the last among them, in unix seconds."""
    count = min(len(rows), SAMPLES)
    places = [round(number * (len(rows) - 1) / max(count - 1, 1)) for number in range(count)]
    found = (_moment(rows[place]) for place in places)
    return tuple(moment for moment in found if moment is not None)


def _moment(row: Any) -> float | None:
    value = row.get("created_at") if type(row) is dict else None
    try:
        moment = float(value) / 1000 if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return moment if math.isfinite(moment) else None
