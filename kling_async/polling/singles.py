"""Single GETs, a few at once, in the order in which they were asked for.

Promises: at most `AT_ONCE` are under way, one for each id, and one in all while polls fail; a watch that was served
meanwhile is not polled; a defect of the fetching function ends the waits that it concerns.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from kling_async.errors import APIError, KlingError, MalformedResponseError, harmless
from kling_async.polling.brake import Brake
from kling_async.polling.index import Index, belongs
from kling_async.polling.watch import Watch
from kling_async.schema.task import Task
from kling_async.session.retry import PollVerdict, verdict_on_poll

AT_ONCE: Final = 16
"""How many single GETs are under way at once."""

FetchOne = Callable[[str], Awaitable[Task]]
"""GETs one task by either id, tried once."""


class Results(Protocol):
    """Who is told about single GETs."""

    def single_begun(self, watch: Watch, begun: float) -> None:
        """A GET begins."""

    def single_answered(self, task: Task | None, before: str | None) -> None:
        """A GET was answered; `task` is None if it was not found or refused, `before` the status seen before."""

    def single_done(self, watch: Watch) -> None:
        """A watch has had its turn, polled or not."""

    def polled(self, kind: str, begun: float, error: BaseException | None, tasks: int) -> None:
        """A request ended."""


class Singles:
    """The queue of single GETs of one poller.

    Args:
        fetch: GETs one task.
        index: The watches.
        brake: How polls slow down.
        results: Who is told.
    """

    def __init__(self, fetch: FetchOne, index: Index, brake: Brake, results: Results) -> None:
        self._fetch = fetch
        self._index = index
        self._brake = brake
        self._results = results
        self._queue: deque[tuple[Watch, float]] = deque()
        self._workers: dict[asyncio.Task[None], None] = {}
        self._under_way: dict[str, list[tuple[Watch, float]]] = {}  # by the id: who came while it was polled

    @property
    def busy(self) -> int:
        """How many workers there are."""
        return len(self._workers)

    def add(self, watch: Watch, *, forced: bool = False) -> None:
        """Asks for a GET.

        Args:
            watch: For whom.
            forced: Whether it is made even if something else serves the watch before its turn.
        """
        loop = asyncio.get_running_loop()
        self._queue.append((watch, math.inf if forced else loop.time()))
        self._start()

    def _start(self) -> None:
        at_once = 1 if self._brake.failures else AT_ONCE
        loop = asyncio.get_running_loop()
        for _ in range(min(at_once - len(self._workers), len(self._queue))):
            # a context of its own: the worker outlives the caller that happened to come first
            worker = loop.create_task(self._work(), name="kling-poll", context=contextvars.Context())
            self._workers[worker] = None

    def stop(self) -> None:
        """Cancels what is under way and forgets the rest."""
        self._queue.clear()
        workers, self._workers = self._workers, {}  # new ones may start before these have ended
        self._under_way = {}
        for worker in workers:
            worker.cancel()

    async def _work(self) -> None:
        try:
            while self._queue:
                watch, since = self._queue.popleft()
                now = asyncio.get_running_loop().time()
                if watch.over or watch.seen_at > since or now < self._brake.until:
                    self._results.single_done(watch)
                elif watch.key in self._under_way:
                    self._under_way[watch.key].append((watch, since))
                else:
                    await self._poll(watch)
                self._start()  # more at once, now that one was answered
        finally:  # at once: what comes next must not count on this worker
            this = asyncio.current_task()
            if this is not None:
                self._workers.pop(this, None)

    async def _poll(self, watch: Watch) -> None:
        """One single GET, for everyone who waits under this id, those included who come while it is under way.

        Whoever is to have a GET of its own gets it afterwards.
        """
        came = self._under_way[watch.key] = []
        try:
            await self._answer(watch, came)
        finally:
            if self._under_way.get(watch.key) is came:
                del self._under_way[watch.key]
        self._results.single_done(watch)
        for other, since in came:
            if since == math.inf:
                self._queue.append((other, since))
            else:
                self._results.single_done(other)

    async def _answer(self, watch: Watch, came: list[tuple[Watch, float]]) -> None:
        now = asyncio.get_running_loop().time
        begun, before = now(), watch.status
        self._results.single_begun(watch, begun)
        try:
            task = _of(watch, await self._fetch(watch.key))
        except KlingError as error:
            self._results.polled("get", begun, error, 0)
            self._failed([watch, *(other for other, _ in came)], error, now())
        except Exception as error:  # noqa: BLE001 - a defect must end the wait, not hang it
            self._results.polled("get", begun, error, 0)
            for each in (watch, *(other for other, _ in came)):
                each.end(error)
        else:
            self._results.polled("get", begun, None, 1)
            self._brake.worked()
            others = self._index.under(task.task_id)  # more of them if the watch asks by the caller's own id
            self._index.show(task, dict.fromkeys((*self._index.under(watch.key), *others)), now())
            self._results.single_answered(task, before)

    def _failed(self, watches: list[Watch], error: KlingError, now: float) -> None:
        verdict = verdict_on_poll(error)
        if verdict is PollVerdict.TRANSIENT:
            for watch in watches:
                watch.poll_failed(now + self._brake.wait(error, watch.failures + 1))
            self._brake.failed(error, now, alone=True)
            return
        self._brake.worked()
        self._results.single_answered(None, None)
        for watch in watches:
            if verdict is PollVerdict.NOT_FOUND and isinstance(error, APIError):
                watch.not_found(error, now)
            else:
                watch.refuse(error)


def _of(watch: Watch, task: Task) -> Task:
    if not belongs(task, watch):
        raise MalformedResponseError(f"a query for {watch.ids} shows task {harmless(task.task_id)}")
    return task
