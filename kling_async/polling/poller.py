"""The one place from which tasks are polled, shared by all waiters of an endpoint, whatever call they came through.

Promises: a wait ends with a terminal state, with a permanent error or at its deadline, and with nothing else; transient
errors never end it; a waiter that is cancelled touches no other; one timer serves any number of waiters, and with the
last of them everything stops. `plan.py` says how and when it polls.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final

from attrs import define
from typing_extensions import override

from kling_async.errors import AccountError, AuthenticationError, KlingError, MalformedResponseError
from kling_async.polling.agenda import Agenda
from kling_async.polling.brake import Brake
from kling_async.polling.crowd import Crowd
from kling_async.polling.index import Index
from kling_async.polling.notices import Notices
from kling_async.polling.plan import FEW, PaceName, Plan
from kling_async.polling.rounds import FetchPage, Rounds
from kling_async.polling.schedule import Experience
from kling_async.polling.singles import FetchOne, Singles
from kling_async.polling.told import Told
from kling_async.polling.watch import Watch
from kling_async.schema.task import Task
from kling_async.session.retry import PollVerdict, verdict_on_poll

logger: Final = logging.getLogger(__name__)

OnPoll = Callable[[str, float, BaseException | None, int], object]
"""Called after each poll request: "get" or "list", its seconds, its error if it failed, how many tasks it showed."""


class Poller:
    """Polls tasks on behalf of their waiters.

    Args:
        fetch_one: GETs one task by either id, tried once.
        fetch_page: GETs one list page by number (from 1) and size, tried once; returns the rows as received.
        jitter: Gives numbers from 0 to 1, for waits after errors.
        pace: How eagerly it polls when many wait.
        on_poll: Called after each request; what it raises is logged.
    """

    def __init__(
        self,
        fetch_one: FetchOne,
        fetch_page: FetchPage,
        jitter: Callable[[], float],
        *,
        pace: PaceName = "prompt",
        on_poll: OnPoll | None = None,
    ) -> None:
        self._on_poll = on_poll
        self._index = Index()
        self._agenda = Agenda()
        self._plan = Plan(pace)
        self._brake = Brake(jitter)
        self._singles = Singles(fetch_one, self._index, self._brake, self)
        self._rounds = Rounds(fetch_page, self._index, self._plan, self._singles, self)
        self._crowd = Crowd()
        self._notices = Notices(self._index, self._agenda, self._crowd, self._plan, self._singles)
        self._timer: asyncio.TimerHandle | None = None
        self._time: Callable[[], float] = time.monotonic  # the event loop's, from the first watch on

    @override
    def __repr__(self) -> str:
        under_way = self._singles.busy + self._rounds.running
        return f"Poller(waiting={len(self._index)}, polling={under_way}, order={self._plan.order.value!r})"

    def watching(
        self,
        target: Task | str,
        gap: Callable[[float], float],
        timeout: float | None,
        *,
        poll_now: bool = True,
        known: bool | None = None,
        own_id: bool = False,
        job: str | None = None,
        called_back: bool = False,
    ) -> Watching:
        """Watches a task for as long as the block runs, which is entered at once.

        Args:
            target: The task, or its id or external id.
            gap: Its schedule. An `Experience` lets the poller set the pace while many wait; any other is kept to.
            timeout: Seconds from now until the wait ends with `TaskTimeoutError`; None: without limit.
            poll_now: Whether the first poll is due at once; False for a task that was just created.
            known: Whether the service is known to have the task, so that "not found" is believed after a minute
                only; None: as the target is a task or an id.
            own_id: Whether a target given as text is known to be the service's own id.
            job: The external id of the task's job; None: as the task shows it.
            called_back: Whether the task was created with a URL of this client's receiver.
        """
        now = asyncio.get_running_loop().time()
        task = target if isinstance(target, Task) else None
        born = now - _age(task)
        watch = Watch(
            key=target.task_id if isinstance(target, Task) else target,
            gap=gap,
            begun=now,
            born=born,
            deadline=math.inf if timeout is None else now + timeout,
            due=now if poll_now else now + gap(0.0),
            ripe=born + (gap.earliest or self._plan.young)
            if isinstance(gap, Experience) and not poll_now
            else -math.inf,
            task=task,
            known=task is not None if known is None else known,
            own_id=own_id or task is not None,
            told=Told(job or (None if task is None else task.external_task_id), called_back),
        )
        return Watching(self, watch)

    def told(self, job: str, task: Task) -> bool:
        """Polls a task because a callback tells of it.

        Args:
            job: The external id of its job, which is certain.
            task: What the callback tells, which is not.

        Returns:
            Whether it is waited for.
        """
        now = asyncio.get_running_loop().time()
        known = self._notices.hear(job, task, now)
        if known:
            self._arm(now)
        return known

    def close(self) -> None:
        """Ends every wait with `ClientClosedError`."""
        for watch in list(self._index):
            watch.close()

    def add(self, watch: Watch) -> None:
        """Polls a watch's task from now on."""
        self._time = asyncio.get_running_loop().time
        now = self._time()
        self._index.add(watch)
        self._agenda.bound(watch)
        self._notices.add(watch, now)
        paced = isinstance(watch.gap, Experience) and not self._notices.relies_on(watch)
        if paced:
            self._crowd.add(watch)
        if paced and self._crowd.served:
            if watch.due <= now:
                self._plan.want(now)
        else:
            self._agenda.put(watch, watch.due)
        self._arm(now)

    def remove(self, watch: Watch) -> None:
        """Forgets a watch; without any there are no polls."""
        watch.leave()
        self._notices.remove(watch, self._time())  # a wait that is collected as garbage has no running loop
        self._index.remove(watch)
        self._crowd.remove(watch)
        self._agenda.drop(watch)
        if len(self._index) == 0:
            self._stop()
        else:
            self._agenda.tidy(len(self._index))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._singles.stop()
        self._rounds.stop()
        self._agenda.clear()
        self._crowd.disperse()

    def _arm(self, now: float) -> None:
        """Sets the timer to the next moment at which something is due."""
        at = min(self._agenda.next_deadline(), max(self._brake.until, self._next_poll(now)))
        at = min(at, self._notices.review_at)
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
            self._timer = None
        if at < math.inf:
            # a context of its own: the timer outlives the caller that happened to come first
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(at, self._tick, context=contextvars.Context())

    def _next_poll(self, now: float) -> float:
        at = self._agenda.next_poll()
        if self._rounds.running:
            return min(at, self._rounds.overdue_at) if self._rounds.overdue_at > now else at
        if self._crowd.is_one:
            at = min(at, self._plan.round_at(len(self._crowd), self._crowd.ripe))
        return at

    def _tick(self) -> None:
        """Ends waits whose deadline has come, and starts the polls that are due."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        self._agenda.expire(now)
        self._notices.review(now)
        self._review(now)
        if now >= self._brake.until:
            self._poll_due(now)
        self._arm(now)

    def _review(self, now: float) -> None:
        """Decides whether the crowd is served by list rounds or everyone by single GETs."""
        overdue = self._rounds.overdue_at <= now
        served = self._crowd.is_one and now >= self._plan.list_from and not overdue
        if served and not self._crowd.served:
            self._crowd.serve()
            for watch in self._crowd:
                self._agenda.drop(watch)
                if watch.due <= now:
                    self._plan.want(now)
        elif not served and self._crowd.served:
            self._crowd.disperse()
            for watch in self._crowd:
                if watch not in self._agenda:
                    self._put(watch, now)
        if overdue:
            for watch in self._rounds.release():
                self._singles.add(watch)

    def _poll_due(self, now: float) -> None:
        due = self._agenda.take_due(now)
        if self._rounds.running:
            if self._rounds.takes(due, now):
                return
        elif self._crowd.served and self._plan.round_at(len(self._crowd), self._crowd.ripe) <= now:
            if self._plan.probes:
                self._probe(now)
            else:
                self._rounds.start(due if len(due) > FEW else [])
                due = due if len(due) <= FEW else []
        elif self._pays(due, now):
            self._rounds.start(due)
            return
        for watch in due:
            self._singles.add(watch)

    def _probe(self, now: float) -> None:
        """Has one single GET show whether it is the list alone that fails."""
        self._plan.probe(now)
        if self._singles.busy == 0:
            self._singles.add(next(iter(self._crowd)), forced=True)

    def _pays(self, due: Sequence[Watch], now: float) -> bool:
        """Whether a round is cheaper than single GETs for what is due now or before the most eager one's next poll."""
        if not due or now < self._plan.list_from or self._plan.probes or len(self._index) <= FEW:
            return False
        soon = self._agenda.due_within(min(watch.gap_at(now) for watch in due), now)
        return self._plan.pays(len(due) + sum(1 for _ in soon), len(self._index))

    def round_ended(
        self, begun: float, audience: Sequence[Watch], wanted: Sequence[Watch], error: Exception | None
    ) -> None:
        """Draws the conclusions from a list round, and polls on.

        Args:
            begun: When it began, on the event loop's clock.
            audience: All who waited then.
            wanted: Those for whom it was to take the place of single GETs.
            error: What it failed with, if it failed.
        """
        now = asyncio.get_running_loop().time()
        if error is None:
            self._brake.worked()
        elif isinstance(error, KlingError):
            self._round_failed(error, audience, now)
        else:  # a defect of the list must not end waits that single GETs can serve
            logger.error("a list page could not be read; tasks are polled one by one", exc_info=error)
            self._plan.pause(now)
        for watch in wanted:
            if watch.seen_at >= begun or self._plan.failures:
                self._put(watch, max(now, self._brake.until))
            else:
                self._singles.add(watch)
        if not self._plan.failures:
            self._review_crowd(begun, now)
            if self._notices.relied < len(
                self._index
            ):  # callbacks have single GETs made that check pages as well
                self._rounds.check(now)
        self._notices.round_ended(begun, now)
        if len(self._index):
            if self._timer is not None:
                self._timer.cancel()
            self._tick()

    def _round_failed(self, error: KlingError, audience: Sequence[Watch], now: float) -> None:
        permanent = verdict_on_poll(error) is PollVerdict.PERMANENT
        if permanent and isinstance(error, AuthenticationError | AccountError):
            for watch in audience:
                watch.refuse(error)
            return
        list_alone = permanent or (
            isinstance(error, MalformedResponseError) and error.http_status in range(400, 500)
        )
        if not list_alone:
            self._brake.failed(error, now)
        self._plan.fail(now, max(now + 0.1, self._brake.until), list_alone=list_alone)

    def _review_crowd(self, begun: float, now: float) -> None:
        """Has single GETs serve those whom the round did not show, and only those."""
        if not self._crowd.served:
            return
        shown, missing = self._crowd.review(begun)
        for watch in shown:
            self._agenda.drop(watch)
        for watch in missing:
            if watch not in self._agenda:
                self._put(watch, now)

    def _put(self, watch: Watch, soonest: float) -> None:
        """Enters a watch's next poll, by its own schedule but not before `soonest`."""
        if watch in self._crowd:
            watch.pace(self._plan.stretch(len(self._crowd)))
        due = watch.next_due()
        if not watch.over:
            self._agenda.put(watch, max(soonest, due))

    def single_begun(self, watch: Watch, begun: float) -> None:
        """Notes that a single GET begins."""
        self._notices.begun(watch, begun)

    def single_answered(self, task: Task | None, before: str | None) -> None:
        """Notes that a single GET was answered.

        Args:
            task: The task that it showed; None if it was not found or refused.
            before: The status that had been seen before.
        """
        self._plan.single_worked()
        if task is not None:
            self._rounds.compare(task, before, asyncio.get_running_loop().time())

    def single_done(self, watch: Watch) -> None:
        """Enters a watch's next poll after a single GET, unless rounds serve it."""
        now = asyncio.get_running_loop().time()
        self._notices.answered(watch, now)
        served = self._crowd.served and watch in self._crowd and not (watch.failures or watch.told.waits)
        if not (watch in self._agenda or served):  # else a check beside the pages; the next round may show it
            self._put(watch, max(now, self._brake.until))
        self._arm(now)

    def polled(self, kind: str, begun: float, error: BaseException | None, tasks: int) -> None:
        """Tells the hook about a request."""
        if self._on_poll is None:
            return
        try:
            self._on_poll(kind, asyncio.get_running_loop().time() - begun, error, tasks)
        except Exception:  # a hook must not end polling
            logger.exception("on_poll raised")


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
