"""Callbacks as the poller sees them: which tasks they have polled, and how polls slow down while they arrive.

While callbacks arrive, polling slows down. Once a poll has shown what a callback told, all tasks that were created with
a URL of this client's receiver, and those of which a callback has come, are polled every `CALLED_GAP` seconds instead of
on their schedule. If a change is seen that no callback tells of within `LATE` seconds, everybody goes back to the schedule,
until as many ends in a row were told of as `Trust` asks for; a task whose end was told and not seen goes back to it by
itself. If all callbacks are lost, none was ever relied on, so nothing is noticed later than without a receiver. A
schedule of the caller's own is kept to in any case.

Promises: a task that nobody waits for is never polled; at most one poll in `CALLBACK_GAP` seconds and one more for a
task, whatever callbacks come; a callback that comes before its task is waited for is remembered, a bounded number of them.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from kling_async.polling.agenda import Agenda
from kling_async.polling.crowd import Crowd
from kling_async.polling.index import Index
from kling_async.polling.plan import FEW, Plan
from kling_async.polling.schedule import Experience
from kling_async.polling.singles import Singles
from kling_async.polling.told import CALLED_GAP, GATHERED, Trust
from kling_async.polling.watch import Watch
from kling_async.schema.task import Task

LATE: Final = 5.0
"""Seconds after a change was seen in which a callback may still tell of it."""

REMEMBERED: Final = 1024
"""How many callbacks are remembered that came before their task was waited for; the oldest are forgotten first."""


class Notices:
    """Callbacks of the tasks of one poller.

    Args:
        index: The watches.
        agenda: What is due when.
        crowd: The watches that rounds serve.
        plan: When rounds come.
        singles: Makes single GETs.
    """

    def __init__(self, index: Index, agenda: Agenda, crowd: Crowd, plan: Plan, singles: Singles) -> None:
        self._index = index
        self._agenda = agenda
        self._crowd = crowd
        self._plan = plan
        self._singles = singles
        self._trust = Trust()
        self._of_job: dict[str, list[Watch]] = {}
        self._waiting: dict[Watch, None] = {}
        self._relying: dict[Watch, None] = {}
        self._untold: OrderedDict[str, float] = OrderedDict()
        self._early: OrderedDict[str, Task] = OrderedDict()

    @property
    def review_at(self) -> float:
        """When a change that nobody has told of yet counts as untold; infinite if there is none."""
        return next(iter(self._untold.values()), math.inf)

    def add(self, watch: Watch, now: float) -> None:
        """Enters a watch, before anything is planned for it; relies on its callbacks if the last ones arrived."""
        job = watch.told.job
        if job is not None:
            self._of_job.setdefault(job, []).append(watch)
        if watch.told.expected and self._trust.proven and isinstance(watch.gap, Experience):
            self._rely(watch)
            if watch.due > now:
                watch.plan(max(watch.due, now + CALLED_GAP))
        early = self._early.pop(job or watch.key, None)
        if early is not None:
            self._hear((watch,), early, now)

    @property
    def relied(self) -> int:
        """How many watches' callbacks are relied on."""
        return len(self._relying)

    def relies_on(self, watch: Watch) -> bool:
        """Whether a watch's callbacks are relied on, so that rounds do not have to serve it."""
        return watch in self._relying

    def remove(self, watch: Watch, now: float) -> None:
        """Forgets a watch; its end, if it was seen, tells whether callbacks arrive."""
        told, relied = watch.told, watch in self._relying
        self._relying.pop(watch, None)
        others = [other for other in self._of_job.get(told.job or "", ()) if other is not watch]
        if others and told.job is not None:
            self._of_job[told.job] = others
        else:
            self._of_job.pop(told.job or "", None)
        if watch in self._waiting:
            del self._waiting[watch]
            self._bequeath(watch, now)
        if watch.finished and told.ended:
            self._kept(now)
        elif watch.finished and relied:
            self._miss(watch, now)

    def hear(self, job: str, task: Task, now: float) -> bool:
        """Takes a callback.

        Args:
            job: The external id of its job, which is certain.
            task: What the callback tells, which is not.
            now: The event loop's time in seconds.

        Returns:
            Whether the task is waited for.
        """
        watches = self._watches(job, task)
        late = self._untold.pop(job, None) is not None  # a poll was faster
        if watches:
            self._hear(watches, task, now)
        elif late and task.is_terminal:
            self._kept(now)
        else:
            self._early[job] = task
            self._early.move_to_end(job)
            if len(self._early) > REMEMBERED:
                self._early.popitem(last=False)
        return bool(watches)

    def answered(self, watch: Watch, now: float) -> None:
        """Draws the conclusions from a single GET, if a callback had asked for it."""
        if watch.told.checks and not watch.failures:
            self._judge(watch, now)
        self._compare(watch, now)

    def round_ended(self, begun: float, now: float) -> None:
        """Draws the conclusions from a round that began at this moment, for those for whom callbacks had asked."""
        for watch in tuple(self._waiting):
            if watch.seen_at >= begun >= watch.told.since:
                self.begun(watch, begun)
                self._judge(watch, now)
            elif watch not in self._agenda and not watch.over:
                self._agenda.put(watch, max(now, watch.told.due))
        for watch in tuple(self._relying):
            self._compare(watch, now)

    def begun(self, watch: Watch, at: float) -> None:
        """Notes that a poll of a watch has begun, which serves the callbacks that have come so far."""
        if self._waiting.pop(watch, watch) is None:
            watch.told.poll(at)

    def review(self, now: float) -> None:
        """Counts the changes that nobody has told of in time."""
        while self.review_at <= now:
            self._untold.popitem(last=False)
            self._trust.broken()
        if self._trust.lost:
            for watch in tuple(self._relying):
                self._cease(watch, now)

    def _watches(self, job: str, task: Task) -> Sequence[Watch]:
        """The watches of the job's task, those first that ask by the service's id; none of any other job's."""
        found = dict.fromkeys(
            watch
            for watches in (
                self._index.under(task.task_id),
                self._of_job.get(job, ()),
                self._index.under(job),
            )
            for watch in watches
            if not watch.over and _can_be(watch, job)
        )
        return tuple(found)

    def _hear(self, watches: Sequence[Watch], task: Task, now: float) -> None:
        due = [watch.told.hear(task, max(watch.seen_at, watch.begun), now) for watch in watches]
        gathers = due[0] <= now and not task.is_terminal and len(self._index) > FEW
        self._ask(watches[0], now + GATHERED if gathers else due[0], now)  # which serves the others too

    def _ask(self, watch: Watch, due: float, now: float) -> None:
        """Has a watch polled at a moment, by whatever comes first."""
        watch.told.want(due, now)
        self._waiting[watch] = None
        if due <= now:
            self._singles.add(watch, forced=True)
        elif watch not in self._agenda or watch.due > watch.told.due:
            self._agenda.put(watch, watch.told.due)

    def _judge(self, watch: Watch, now: float) -> None:
        """Decides by what a poll showed whether a watch's callbacks are relied on."""
        told = watch.told
        told.answer(watch.task)
        if watch.over or not isinstance(watch.gap, Experience):
            return
        if told.ended or self._trust.lost:  # an end that is told and not seen: soon, or lately lost ones
            self._cease(watch, now)
        elif told.confirmed:
            self._trust.heard()
            self._rely_on_all(now)

    def _compare(self, watch: Watch, now: float) -> None:
        """Notes a change of a relied-on task that no callback has told of so far; its end is noted as it leaves."""
        if watch in self._relying and not watch.over and watch.told.compare(watch.task):
            self._miss(watch, now)

    def _miss(self, watch: Watch, now: float) -> None:
        key = watch.told.job or watch.key
        self._untold.pop(key, None)  # the order is that of time
        self._untold[key] = now + LATE

    def _bequeath(self, watch: Watch, now: float) -> None:
        """Leaves the poll that a callback asked for to another wait for the same task, if there is one."""
        task_id = watch.key if watch.task is None else watch.task.task_id
        for heir in self._index.under(task_id):
            if heir is not watch and not heir.over:
                self._ask(heir, watch.told.due, now)
                return

    def _rely(self, watch: Watch) -> None:
        """Polls a watch as rarely as its callbacks allow."""
        self._relying[watch] = None
        self._crowd.remove(watch)
        watch.told.compare(watch.task)
        watch.told.slow_down(CALLED_GAP)

    def _cease(self, watch: Watch, now: float) -> None:
        """Polls a watch on its schedule again."""
        if watch not in self._relying:
            return
        del self._relying[watch]
        watch.told.slow_down(0.0)
        self._crowd.add(watch)
        if self._crowd.served:
            self._plan.want(now)
        else:
            self._agenda.put(watch, max(now, watch.next_due()))

    def _kept(self, now: float) -> None:
        proven = self._trust.proven
        self._trust.kept()
        if self._trust.proven and not proven:
            self._rely_on_all(now)

    def _rely_on_all(self, now: float) -> None:
        """Polls everybody as rarely as callbacks allow of whom they are to be expected."""
        for watch in tuple(self._crowd):
            told = watch.told
            if (told.expected or told.confirmed) and not (told.ended or told.waits or watch.over):
                self._rely(watch)
                self._agenda.put(watch, max(now, watch.next_due()))


def _can_be(watch: Watch, job: str) -> bool:
    """Whether nothing is known by which a watch would belong to another job."""
    shown = None if watch.task is None else watch.task.external_task_id
    return watch.told.job in {None, job} and shown in {None, job}
