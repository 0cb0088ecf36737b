"""A list round: page after page, each shown to the watches that its rows are for.

Promises: one round at a time; two list requests are never closer than `REQUEST_GAP`; a row of an ended task that lacks
its result is confirmed by a single GET.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from kling_async.errors import KlingError
from kling_async.polling.crosscheck import CrossCheck
from kling_async.polling.index import Index
from kling_async.polling.pages import Ask, Shown
from kling_async.polling.plan import FEW, REQUEST_GAP, Plan
from kling_async.polling.singles import Results, Singles
from kling_async.polling.watch import Watch
from kling_async.schema.task import Task, read_task

SAMPLES: Final = 16
"""Of so many rows of a page the moment of creation is read."""

YOUNG: Final = 1.0
"""Seconds for which whoever comes due during a round waits for its end."""

FetchPage = Callable[[int, int], Awaitable[list[Any]]]
"""GETs one list page by number (from 1) and size, tried once; returns the rows as received."""


class RoundResults(Results, Protocol):
    """Who is told about rounds."""

    def round_ended(
        self, begun: float, audience: Sequence[Watch], wanted: Sequence[Watch], error: Exception | None
    ) -> None:
        """A round ended.

        Args:
            begun: When it began, on the event loop's clock.
            audience: All who waited then.
            wanted: Those for whom it was to take the place of single GETs.
            error: What it failed with, if it failed.
        """


class Rounds:
    """Reads list pages, one round at a time.

    Args:
        fetch: GETs a page.
        index: The watches.
        plan: Which page comes next.
        singles: Confirms ends without results, and checks pages.
        results: Is told of each request and of each round's end.
    """

    def __init__(
        self, fetch: FetchPage, index: Index, plan: Plan, singles: Singles, results: RoundResults
    ) -> None:
        self._fetch = fetch
        self._index = index
        self._plan = plan
        self._singles = singles
        self._results = results
        self._check = CrossCheck(plan.calm)
        self._task: asyncio.Task[None] | None = None
        self._wanted: list[Watch] = []
        self._asked = self._expected = self._begun = -math.inf

    @property
    def running(self) -> bool:
        """Whether a round is under way."""
        return self._task is not None

    @property
    def overdue_at(self) -> float:
        """When the page that is under way holds nobody up any more, on the event loop's clock."""
        return self._expected + self._plan.patience if self.running else math.inf

    def start(self, wanted: list[Watch]) -> None:
        """Begins a round.

        Args:
            wanted: The watches for which it takes the place of single GETs; it serves all the others too.
        """
        loop = asyncio.get_running_loop()
        self._wanted = wanted
        self._begun = self._expected = loop.time()
        # a context of its own: the round outlives the caller that happened to come first
        self._task = loop.create_task(self._run(), name="kling-poll", context=contextvars.Context())

    def takes(self, due: list[Watch], now: float) -> bool:
        """Whether the round that is under way takes the place of single GETs for these, which came due meanwhile."""
        taken = now < self.overdue_at and (len(due) > FEW or now < self._begun + YOUNG)
        if taken:
            self._wanted += due
        return taken

    def release(self) -> list[Watch]:
        """Those for whom the round was to take the place of single GETs; it does so no longer."""
        wanted, self._wanted = self._wanted, []
        return wanted

    def stop(self) -> None:
        """Cancels the round that is under way."""
        if self._task is not None:
            self._task.cancel()
        self._task, self._wanted = None, []

    def compare(self, task: Task, before: str | None, now: float) -> None:
        """Compares what a single GET showed with what pages showed before."""
        self._check.compare(task.task_id, before, str(task.raw.get("task_status")), now)

    def check(self, now: float) -> None:
        """Has a single GET check what the round that has just ended showed, if that is due."""
        watch = self._check.due(self._index, self._begun, now)
        if watch is not None:
            watch.check(now)
            self._singles.add(watch, forced=True)

    async def _run(self) -> None:
        audience, failure = list(self._index), None
        try:
            await self._read(audience)
        except Exception as error:  # noqa: BLE001 - whoever is told decides what it means
            failure = error
        self._task = None
        self._results.round_ended(self._begun, audience, self.release(), failure)

    async def _read(self, audience: Sequence[Watch]) -> None:
        """Reads pages until the plan ends the round."""
        now = asyncio.get_running_loop().time
        missing = list(audience)
        ask: Ask | None = self._plan.begin(len(missing), self._begun)
        while ask is not None:
            if (early := self._asked + REQUEST_GAP - now()) > 0:
                await asyncio.sleep(early)
            rows = await self._page(ask)
            if self._check.is_stale(rows, self._asked):
                self._check.alarm()
                self._plan.pause(now())
                return
            page = self.show(ask, rows)
            missing = [watch for watch in missing if watch.seen_at < self._begun and not watch.over]
            created = [watch.created for watch in missing]
            ask = self._plan.go_on(page, created, now() - self._asked)
        self._plan.end(now())

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
        find, of_row = self._index.finder(), self._index.of_row
        all_seen = self._index.all_seen
        places: list[int] = []
        watches: Sequence[Watch] | None
        for place, row in enumerate(rows):
            try:
                task_id = row["task_id"]
                watches = find(task_id)
            except (TypeError, KeyError):  # not a task, or an id that cannot be one
                task_id = watches = None
            if watches is None:
                if all_seen and task_id.__class__ is str:
                    continue  # somebody else's task, as most rows are
                watches = of_row(row)
                if not watches:
                    continue
            places.append(place)
            status = row.get("task_status")
            for watch in watches:
                if not watch.unchanged(status, now):
                    self._show_row(row, watches, now)
                    break
        first, last = (places[0], places[-1]) if places else (-1, -1)
        return Shown(ask, len(rows), len(places), first, last, _created(rows))

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
