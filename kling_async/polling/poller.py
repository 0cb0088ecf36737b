"""The one wait loop, shared by all waiters of a client, whatever call they came through.

Promises: a wait ends with a terminal state, with a permanent error or at its deadline, and with nothing else; transient
errors never end it; a waiter that is cancelled touches no other; one timer serves any number of waiters, and the
loop ends with the last of them.

How it looks is a matter of cost. A single GET costs about as much as a hundred rows of a list page, on either side
of the wire, so a list round of p pages and r rows is taken where more than p + r/100 tasks are due, and single GETs
otherwise; what comes due before the most eager waiter's next look counts as due, since a round serves it too. A round
is sized to what is in flight; it profits everyone on its pages, so that the most eager waiter sets the pace and ticks
align by themselves. The page's order is documented nowhere: due tasks that the pages do not show
are looked at one by one, and the share of tasks that pages did show weighs in the next choice.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Final

from attrs import define
from typing_extensions import override

from kling_async.errors import (
    AccountError,
    APIError,
    AuthenticationError,
    ClientClosedError,
    KlingError,
    MalformedResponseError,
    TaskNotFoundError,
)
from kling_async.polling.agenda import Agenda
from kling_async.polling.watch import Watch
from kling_async.schema.task import Task, read_task
from kling_async.session import retry

ROWS_PER_LOOK: Final = 100
"""So many rows of a list page cost as much as one single GET."""

MAX_PAGE: Final = 500
"""取值范围：[1,500]: the largest list page."""

MAX_PAGE_NUMBER: Final = 1000
"""取值范围：[1,1000]: the last list page that can be asked for."""

FEW: Final = 3
"""Up to so many due tasks are looked at one by one, on each one's own schedule."""

PAGE_FAILURES: Final = 3
"""After so many list pages in a row that failed, single GETs show whether it is the list alone."""

SINGLE_LOOKS: Final = 16
"""How many single GETs are under way at once."""

logger: Final = logging.getLogger("kling_async")

FetchOne = Callable[[str], Awaitable[Task]]
FetchPage = Callable[[int, int], Awaitable[list[Any]]]


class Poller:
    """Looks at tasks on behalf of their waiters.

    Args:
        fetch_one: GETs one task by either id, tried once.
        fetch_page: GETs one list page by number (from 1) and size, tried once; returns the rows as received.
        jitter: Gives numbers from 0 to 1, for waits after errors.
    """

    def __init__(
        self, fetch_one: FetchOne, fetch_page: FetchPage, jitter: Callable[[], float], on_poll: Any = None
    ) -> None:
        self._on_poll = on_poll
        self._fetch_one = fetch_one
        self._fetch_page = fetch_page
        self._jitter = jitter
        self._by_id: dict[str, list[Watch]] = {}
        self._count = 0
        self._by_either_id = 0
        self._agenda = Agenda()
        self._loop: asyncio.Task[None] | None = None
        self._looks: set[asyncio.Task[None]] = set()
        self._round: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._singles: deque[Watch] = deque()
        self._lookers: set[asyncio.Task[None]] = set()
        self._shown = 1.0
        self._reach = 0
        self._failures = 0
        self._pages_failed = 0
        self._quiet_until = -math.inf

    @override
    def __repr__(self) -> str:
        return f"Poller(waiting={self._count}, looking={len(self._looks)}, shown={self._shown:.2f})"

    def watching(
        self,
        target: Task | str,
        gap: Callable[[float], float],
        timeout: float | None,
        *,
        poll_now: bool = True,
        known: bool | None = None,
    ) -> Watching:
        """Watches a task for as long as the block runs, which is entered at once.

        Args:
            target: The task, or its id or external id.
            gap: Its schedule.
            timeout: Seconds from now on until the wait ends with `TaskTimeoutError`; None: never.
            poll_now: Whether the first poll is due at once; False for a task that was just created.
            known: Whether the service is known to have the task.
        """
        now = asyncio.get_running_loop().time()
        seen = target if isinstance(target, Task) else None
        watch = Watch(
            key=seen.task_id if seen is not None else str(target),
            gap=gap,
            born=now - _age(seen),
            deadline=math.inf if timeout is None else now + timeout,
            due=now if poll_now else now + gap(0.0),
            task=seen,
            known=seen is not None if known is None else known,
        )
        return Watching(self, watch)

    def close(self) -> None:
        """Ends every wait with an error."""
        for watch in list(itertools.chain.from_iterable(self._by_id.values())):
            watch.end(
                ClientClosedError(
                    f"the client was closed; task {watch.ids} goes on at the service",
                    task=watch.task,
                    task_id=watch.task.task_id if watch.task else watch.key,
                )
            )

    def add(self, watch: Watch) -> None:
        """Looks at a watch's task from now on."""
        self._by_id.setdefault(watch.key, []).append(watch)
        self._count += 1
        self._by_either_id += watch.task is None
        self._agenda.add(watch)
        self._wake.set()
        if self._loop is None:
            # A context of its own: the loop outlives the caller that happened to come first.
            loop = asyncio.get_running_loop()
            self._loop = loop.create_task(self._run(), name="kling-poller", context=contextvars.Context())

    def remove(self, watch: Watch) -> None:
        """Forgets a watch; without any there are no looks."""
        for key in {watch.key, watch.task.task_id if watch.task is not None else watch.key}:
            others = [other for other in self._by_id.get(key, ()) if other is not watch]
            if others:
                self._by_id[key] = others
            else:
                self._by_id.pop(key, None)
        self._count -= 1
        self._by_either_id -= watch.task is None
        watch.gone = True
        if self._count == 0:
            self._stop()
        else:
            self._agenda.tidy(self._count)

    def _stop(self) -> None:
        for job in (self._loop, *self._looks):
            if job is not None:
                job.cancel()
        self._loop = self._round = None
        self._looks.clear()
        self._lookers.clear()
        self._singles.clear()
        self._agenda.clear()

    async def _run(self) -> None:
        """Sleeps until a look or a deadline is due, and starts what is."""
        now = asyncio.get_running_loop().time
        while True:
            self._wake.clear()
            self._agenda.expire(now())
            if now() >= self._quiet_until:
                self._start_looks(self._agenda.take_due(now()), now())
            until = self._agenda.next_moment(self._quiet_until)
            try:
                async with asyncio.timeout_at(None if until == math.inf else until):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _start_looks(self, due: list[Watch], now: float) -> None:
        if not due:
            return
        size = self._count + self._count // 4 + 10 + self._reach  # other tasks stand between ours
        cost = math.ceil(size / MAX_PAGE) + size / ROWS_PER_LOOK
        if self._round is not None:
            for watch in due:  # a round is under way; what it does not show is due again when it ends
                watch.due = now + 0.1
                self._agenda.put(watch)
            return
        soon: list[Watch] = []
        if self._count > FEW and self._count * self._shown > cost:
            soon = self._agenda.due_within(min(watch.gap_at(now) for watch in due), now)
        served = len(due) + len(soon)
        if served > FEW and served * self._shown > cost:
            self._round = self._spawn(self._look_at_pages(due, soon, min(size, MAX_PAGE)))
            return
        self._shown = min(1.0, self._shown + 0.02)  # adverse orders are not for ever
        self._look_singly(due)

    def _spawn(self, look: Any) -> asyncio.Task[None]:
        job: asyncio.Task[None] = asyncio.get_running_loop().create_task(look)
        self._looks.add(job)
        job.add_done_callback(self._looked)
        return job

    def _looked(self, job: asyncio.Task[None]) -> None:
        self._looks.discard(job)
        self._lookers.discard(job)
        if job is self._round:
            self._round = None
        self._wake.set()

    def _look_singly(self, watches: Iterable[Watch]) -> None:
        """Looks at each by a single GET, a few at once; while looks fail, one shows whether they still do."""
        self._singles.extend(watches)
        at_once = 1 if self._failures else SINGLE_LOOKS
        for _ in range(min(at_once - len(self._lookers), len(self._singles))):
            self._lookers.add(self._spawn(self._look_at_singles()))

    async def _look_at_singles(self) -> None:
        while self._singles:
            await self._look_at_one(self._singles.popleft())
            self._look_singly(())  # more at once, now that one was answered
        looker = asyncio.current_task()
        if looker is not None:
            self._lookers.discard(looker)  # at once: what comes next must not count on it

    async def _look_at_one(self, watch: Watch) -> None:
        """One single GET, for everyone who waits under this id."""
        if watch.ended or watch.gone:
            return
        if asyncio.get_running_loop().time() >= self._quiet_until:
            try:
                task = await self._fetch_one(watch.key)
            except KlingError as error:
                self._failed([watch], error)
            except Exception as error:  # noqa: BLE001 - a defect must end the wait, not hang it
                watch.end(error)
            else:
                self._failures = 0
                self._show(task, self._by_id.get(watch.key, ()))
        self._again([watch])

    async def _look_at_pages(self, due: list[Watch], soon: list[Watch], size: int) -> None:
        """One list round for what is due now and soon, then single GETs for what is due and was not shown."""
        begun = asyncio.get_running_loop().time()
        missing = due
        try:
            missing = await self._page_after_page(due + soon, begun, size)
            share = 1 - len(missing) / (len(due) + len(soon))
        except KlingError as error:
            share = 0.0
            if _concerns_everyone(error) and self._pages_failed < PAGE_FAILURES:
                self._pages_failed += 1
                self._failed(due, error)
                missing = []
        except Exception as error:  # noqa: BLE001 - a defect must end the waits, not hang them
            for watch in due:
                watch.end(error)
            return
        self._shown += 0.5 * (share - self._shown)
        if len(missing) * ROWS_PER_LOOK > size // 2:
            self._reach = min(self._reach + size // 2, MAX_PAGE)  # half a page more costs less than these
        else:
            self._reach = self._reach * 19 // 20
        left = set(due).intersection(missing)
        self._look_singly(left)
        self._again(set(due) - left)

    async def _page_after_page(self, wanted: list[Watch], begun: float, size: int) -> list[Watch]:
        """Reads list pages for as long as one more is cheaper than single GETs; returns what was not shown."""
        missing = wanted
        for number in range(1, MAX_PAGE_NUMBER + 1):
            rows = await self._fetch_page(number, size)
            self._failures = self._pages_failed = 0
            self.take_page(rows)
            before, missing = len(missing), [watch for watch in missing if watch.seen_at < begun]
            if len(rows) < size or len(missing) <= 1 + size / ROWS_PER_LOOK or len(missing) == before:
                break
        return missing

    def _again(self, watches: Iterable[Watch]) -> None:
        """Puts watches back into the queue after their look."""
        now = asyncio.get_running_loop().time()
        for watch in watches:
            if not watch.ended and not watch.gone:
                soonest = max(now, self._quiet_until)
                watch.due = soonest if watch.failures else max(soonest, now + watch.gap_at(now))
                self._agenda.put(watch)

    def _failed(self, watches: Iterable[Watch], error: KlingError) -> None:
        """A look failed: transient errors slow all looks down together, others end the waits they concern."""
        now = asyncio.get_running_loop().time()
        wait = retry.wait_before(self._failures + 1, error, self._jitter)
        for watch in watches:
            if isinstance(error, TaskNotFoundError):
                watch.miss(error, now)
            elif wait is None:
                watch.end(error.about(watch.ids) if isinstance(error, APIError) else error)
            else:
                watch.failures += 1
        if wait is not None and now >= self._quiet_until:  # what fails together counts once
            self._failures += 1
            self._quiet_until = now + wait
            logger.info("a look failed, the next in %.1f s: %s", wait, error)

    def take_page(self, rows: list[Any]) -> None:
        """Shows a list page's rows to their waiters; a row that tells nothing new costs next to nothing."""
        now = asyncio.get_running_loop().time()
        by_id = self._by_id
        for row in rows:
            if type(row) is not dict:
                continue
            task_id = row.get("task_id")
            watches = by_id.get(task_id) if type(task_id) is str else None
            if watches is None:
                watches = self._by_other_id(row)
                if watches is None:
                    continue
            word = row.get("task_status")
            for watch in watches:
                if watch.word == word:
                    watch.seen_at = now
                else:
                    self._show_row(row, watches)
                    break

    def _by_other_id(self, row: dict[str, Any]) -> list[Watch] | None:
        """The waiters who asked by the caller's own id, or whose service sends numbers for text."""
        if self._by_either_id == 0 and type(row.get("task_id")) is str:
            return None
        try:
            task = read_task(row)
        except KlingError:
            return None
        return self._by_id.get(task.task_id) or self._by_id.get(task.external_task_id or "")

    def _show_row(self, row: dict[str, Any], watches: list[Watch]) -> None:
        task = read_task(row)
        if task.succeeded and not task.videos:
            self._look_singly(watches[:1])  # finished, but the list does not show the result
        else:
            self._show(task, watches)

    def _show(self, task: Task, watches: Iterable[Watch]) -> None:
        now = asyncio.get_running_loop().time()
        word = task.raw.get("task_status")
        for watch in tuple(watches):
            if watch.ended:
                continue
            if watch.task is None:
                self._by_either_id -= 1
                if watch.key != task.task_id:
                    self._by_id.setdefault(task.task_id, []).append(watch)
            complete = isinstance(word, str) and not (task.succeeded and not task.videos)
            watch.word = word if complete else None  # what lacks its result is news each time
            watch.see(task, now)


@define(eq=False)
class Watching:
    """A watch that the poller serves for as long as the block runs."""

    _poller: Poller
    _watch: Watch

    def __enter__(self) -> Watch:
        self._poller.add(self._watch)
        return self._watch

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._poller.remove(self._watch)


def _age(task: Task | None) -> float:
    """Seconds for which a task had existed when it was last seen, by the service's own clock."""
    if task is None or task.created_at is None or task.updated_at is None:
        return 0.0
    return max(0.0, (task.updated_at - task.created_at).total_seconds())


def _concerns_everyone(error: KlingError) -> bool:
    """Whether a failed list page says something about single GETs as well, and not of the list alone."""
    if isinstance(error, AuthenticationError | AccountError):
        return True
    return retry.is_transient(error) and not (
        isinstance(error, MalformedResponseError) and error.http_status in range(400, 500)
    )
