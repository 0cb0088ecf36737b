"""Waiting for tasks on behalf of callers: which schedule, what is learnt, and what a caller is told who goes away.

Promises: every way in which a wait ends without its task having ended tells the ids, a cancellation by a note, a WARNING
record and a `JobAbandoned` event; jobs of one kind learn from each other's times, and from no other kind's.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Any, Final

from attrs import define, field

from kling_async.errors import (
    ConfigurationError,
    Problem,
    TaskFailedError,
    TaskTimeoutError,
    ValidationError,
)
from kling_async.jobs.observed import GOES_ON, Observers
from kling_async.jobs.recorder import Recorder
from kling_async.polling.poller import Poller, Watching
from kling_async.polling.schedule import Experience, Schedule, as_schedule
from kling_async.polling.wait import OnUpdate, until_end
from kling_async.polling.watch import Watch
from kling_async.schema.task import Task

REMEMBERED: Final = 10_000
"""How many tasks' kinds are remembered for waits by id; the oldest are forgotten first."""

LONGEST: Final = 1e9
"""The longest timeout, in seconds; None waits without limit."""


@define(eq=False)
class Waits:
    """The waits of one endpoint."""

    poller: Poller
    """The one loop that polls."""

    claim: Callable[[], object]
    """Raises if the client is closed or belongs to another event loop."""

    recorder: Recorder
    """Told of each end."""

    observers: Observers
    """Told of changes and of callers who go away."""

    schedule: Schedule | None = None
    """The client's schedule for waits that have none; None learns from finished jobs."""

    _unlearnt: Experience = field(factory=Experience)
    _experience: dict[Hashable, Experience] = field(factory=dict)
    _kinds: OrderedDict[str, Hashable] = field(factory=OrderedDict)

    def remember_kind(self, task_id: str, kind: Hashable) -> None:
        """Remembers of what kind a task is, for waits by its id alone."""
        self._kinds[task_id] = kind
        if len(self._kinds) > REMEMBERED:
            self._kinds.popitem(last=False)

    def watching(
        self,
        target: Task | str,
        timeout: float | None,
        schedule: Schedule | None = None,
        *,
        kind: Hashable = None,
        poll_now: bool = True,
        known: bool | None = None,
        own_id: bool = False,
        job: str | None = None,
        called_back: bool = False,
    ) -> Watching:
        """Watches a task for as long as a block runs.

        Args:
            target: The task, or one of its ids.
            timeout: Seconds from now on until the wait ends with `TaskTimeoutError`; None: never.
            schedule: When to poll; None: the client's.
            kind: What decides how long the task takes; None: as remembered for its id.
            poll_now: Whether the first poll is due at once.
            known: Whether the service is known to have the task, so that it may be not found for a while; None: whether
                it was seen or accepted by this client.
            own_id: Whether a target given as text is known to be the service's own id.
            job: The external id of the task's job; None: as the task shows it.
            called_back: Whether the task was created with a URL of this client's receiver.
        """
        self.claim()
        chosen = self.schedule if schedule is None else schedule
        gap = self._learnt_gap(self._kind_of(target, kind)) if chosen is None else as_schedule(chosen)
        if known is None and target in self._kinds:
            known = True
        return self.poller.watching(
            target,
            gap,
            timeout,
            poll_now=poll_now,
            known=known,
            own_id=own_id,
            job=job,
            called_back=called_back,
        )

    async def until_end(
        self,
        watching: Watching,
        kind: Hashable,
        on_update: OnUpdate | None,
        *,
        first: Task | None = None,
        attended: bool = True,
    ) -> Task:
        """Waits for a task's end, and records it.

        Args:
            watching: From `watching`.
            kind: As there.
            on_update: Called at each change of status.
            first: A task that was just accepted; `on_update` is called with it before any poll.
            attended: Whether a caller waits, who is told the ids when he goes away.

        Raises:
            TaskFailedError: The task failed.
            KlingError: What else ended the wait.
        """
        with watching as watch:
            try:
                ended = await self._recorded_end(watch, on_update, first)
            except (asyncio.CancelledError, TaskTimeoutError) as error:
                if attended:
                    self._abandon(error, watch.task, watch.key)
                raise
        self._learn(ended, kind)
        return ended

    async def _recorded_end(self, watch: Watch, on_update: OnUpdate | None, first: Task | None) -> Task:
        try:
            ended = await until_end(watch, self._telling(on_update, first), first=first)
        except TaskFailedError as error:
            if error.task is not None:
                await self.recorder.ended(error.task)
            raise
        await self.recorder.ended(ended)
        return ended

    async def changes(self, watching: Watching) -> AsyncIterator[Task]:
        """A task's changes of status, the terminal one last, whether it succeeded or failed."""
        with watching as watch:
            while True:
                try:
                    seen = await watch.next_change()
                    if seen.is_terminal:
                        await self.recorder.ended(seen)
                except (asyncio.CancelledError, TaskTimeoutError) as error:
                    self._abandon(error, watch.task, watch.key)
                    raise
                yield seen
                if seen.is_terminal:
                    return

    async def find(self, external_task_id: str, timeout: float) -> Task:
        """A task by its external id, through the poller: many look-ups at once share list pages.

        Raises:
            TaskNotFoundError: The service does not have it.
            TaskTimeoutError: No poll was answered for `timeout` seconds.
            KlingError: A permanent error.
        """
        with self.watching(external_task_id, timeout, known=False) as watch:
            return await watch.next_change()

    def _telling(self, on_update: OnUpdate | None, first: Task | None) -> OnUpdate:
        def tell(task: Task) -> Any:
            if task is not first:
                self.observers.changed(task)
            return None if on_update is None else on_update(task)

        return tell

    def _abandon(self, error: asyncio.CancelledError | TaskTimeoutError, task: Task | None, key: str) -> None:
        task_id = key if task is None else task.task_id
        external_id = None if task is None else task.external_task_id
        if isinstance(error, TaskTimeoutError):  # which holds the ids itself
            self.observers.left(GOES_ON, task_id, external_id)
        else:
            self.observers.abandoned(error, GOES_ON, task_id, external_id)

    def _kind_of(self, target: Task | str, kind: Hashable) -> Hashable:
        if kind is not None:
            return kind
        return self._kinds.get(target.task_id if isinstance(target, Task) else target)

    def _learnt_gap(self, kind: Hashable) -> Experience:
        """The schedule of a kind; a task of unknown kind learns from nothing."""
        return self._unlearnt if kind is None else self._learnt(kind)

    def _learnt(self, kind: Hashable) -> Experience:
        if kind not in self._experience:
            self._experience[kind] = Experience()
        return self._experience[kind]

    def _learn(self, ended: Task, kind: Hashable) -> None:
        kind = self._kind_of(ended, kind)
        if kind is not None and ended.created_at is not None and ended.updated_at is not None:
            self._learnt(kind).record((ended.updated_at - ended.created_at).total_seconds())


def noting(see: Callable[[Task], object], on_update: OnUpdate | None) -> OnUpdate:
    """A callback that notes each change but the end, which is noted when it is recorded, and then tells the caller's."""

    def update(task: Task) -> Any:
        if not task.is_terminal:
            see(task)
        return None if on_update is None else on_update(task)

    return update


def check_wait(timeout: Any, schedule: Any = None, on_update: Any = None) -> None:
    """Checks the arguments of a wait, before anything is sent.

    Raises:
        ValidationError: `timeout` is not above 0, or `on_update` is not callable.
        ConfigurationError: `schedule` is not a schedule.
    """
    problems = []
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= LONGEST
    ):
        bound = f"it must be seconds above 0 and at most {LONGEST:.0f}, or None for no limit"
        problems.append(Problem("timeout", f"is {timeout!r}; {bound}"))
    if on_update is not None and not callable(on_update):
        problems.append(Problem("on_update", f"is of type {type(on_update).__name__}; it must be callable"))
    if problems:
        raise ValidationError(problems)
    if schedule is not None:
        as_schedule(schedule)


def check_submit_timeout(value: Any) -> None:
    """Checks how long a client may try to have a job accepted.

    Raises:
        ConfigurationError: It is not a number of seconds within the bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST:
        bound = f"it must be seconds above 0 and at most {LONGEST:.0f}"
        raise ConfigurationError(f"submit_timeout is {value!r}; {bound}")
