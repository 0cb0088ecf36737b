"""Slots for tasks in flight: what the service counts is tasks, not requests, so a slot is held for a job's whole life.

Promises: slots are granted in the order in which they were asked for; a job that the service refused for lack of
capacity comes back to the head of the queue; a job whose task exists takes its slots at once, so `held` can exceed
`limit` for a while; no slot is lost or granted twice, wherever a job is cancelled.

If the service refuses (1303), the account holds less than was thought, perhaps because a stranger shares it: the
working limit falls to what this client has in flight, and recovers by one at a time, sooner after success and later
after each further refusal. A refusal never fails a job.
"""

from __future__ import annotations

import asyncio
import math
from bisect import insort
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, get_args

from attrs import define
from typing_extensions import override

from kling_async.errors import ConfigurationError, KlingError, NotSubmittedError
from kling_async.events import Events, SlotChanged
from kling_async.schema.family import TaskKind

FIRST_PROBE: Final = 2.0
"""Seconds after a refusal until one more slot is tried; doubles with each refusal in a row."""

LAST_PROBE: Final = 120.0
"""The longest such wait, in seconds, while tasks of this client run: the end of each of them is a try as well."""

LAST_PROBE_ALONE: Final = 14.0
"""The longest such wait while none runs: so soon a job begins after whoever fills the account has left."""


def checked_limit(value: object, name: str) -> int | None:
    """A limit itself, if it is None or a whole number of 1 or more.

    Raises:
        ConfigurationError: It is not; the text holds `name`.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name} is {value!r}; it must be a whole number of 1 or more, or None")
    return value


@define(eq=False)
class Slot:
    """One job's place: as many slots as its task takes. Use it as a block, or with `acquire` and `release`."""

    _slots: Slots
    number: int
    """Its turn, by the order of asking; the first is 1."""

    weight: int = 1
    """How many of the service's slots the task takes, 1 or more."""

    granted: asyncio.Future[None] | None = None
    """Settled when it is granted, while the job waits for it."""

    held: bool = False
    """Whether the job may run."""

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    async def acquire(self) -> None:
        """Waits until the slot is granted; returns at once if it is held.

        Raises:
            NotSubmittedError: Creating was stopped meanwhile.
        """
        if not self.held:
            await self._slots.wait_for(self)

    def take(self) -> None:
        """Holds the slot from now on, whatever the limit: its task exists."""
        self._slots.take(self)

    def accepted(self) -> None:
        """Notes that the service took the job: the account has room."""
        self._slots.note_acceptance()

    async def refused(self, asked_wait: float = 0.0) -> None:
        """Gives the slot back, since the service had no room, and waits for it at the head of the queue.

        Args:
            asked_wait: Seconds that the service asked to wait.
        """
        self._slots.note_refusal(self, asked_wait)
        await self._slots.wait_for(self)

    def release(self) -> None:
        """Gives the slot back, if it is held."""
        self._slots.give_back(self)

    def grant(self) -> None:
        """Marks the slot as held and wakes the job that waits for it."""
        self.held = True
        if self.granted is not None:
            self.granted.set_result(None)

    @property
    def is_scarce(self) -> bool:
        """Whether it is held and there is a limit, so that others may wait for it."""
        return self.held and self._slots.limit is not None

    @property
    def is_waiting(self) -> bool:
        """Whether a job waits for it."""
        return self.granted is not None and not self.granted.done()


class Slots:
    """Grants slots to jobs; reached as `client.slots`.

    Args:
        limit: How many tasks may run at once, 1 or more; None: as many as the service takes.
        jitter: Gives numbers from 0 to 1.
        kind: The kind of task that they are for, named in events.
        events: Told of each change.
    """

    def __init__(
        self,
        limit: int | None,
        jitter: Callable[[], float],
        kind: str = "video",
        events: Events | None = None,
    ) -> None:
        self._limit = limit
        self._jitter = jitter
        self._kind = kind
        self._events = events
        self._working = math.inf
        self._held = 0
        self._asked = 0
        self._refusals = 0
        self._queue: deque[Slot] = deque()
        self._probe: asyncio.TimerHandle | None = None
        self._others: dict[str, Slots] = {}
        self._stopped_by: KlingError | None = None
        checked_limit(limit, "max_in_flight")  # last, so that a traceback's locals can show this object

    @override
    def __repr__(self) -> str:
        working = "" if self._working == math.inf else f", working={self._working}"
        return f"Slots(limit={self._limit}{working}, held={self._held}, waiting={len(self._queue)})"

    @property
    def limit(self) -> int | None:
        """How many tasks may run at once; may be changed while jobs run."""
        return self._limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._limit = checked_limit(limit, "max_in_flight")
        self._grant()

    @property
    def held(self) -> int:
        """How many slots are held."""
        return self._held

    @property
    def waiting(self) -> int:
        """How many jobs wait for a slot."""
        return len(self._queue)

    def of(self, kind: str) -> Slots:
        """The slots of one kind of task, such as `image`; those of `video` are these.

        Args:
            kind: The kind; one that has no limit of its own gets unlimited slots.
        """
        if kind == self._kind:
            return self
        if kind not in self._others:
            self._others[kind] = Slots(None, self._jitter, kind, self._events)
        return self._others[kind]

    def slot(self, weight: int = 1) -> Slot:
        """A place in the order of asking, to be held as a block: `async with slots.slot() as slot`.

        Args:
            weight: How many slots the task takes, 1 or more.
        """
        self._asked += 1
        return Slot(self, self._asked, weight)

    def fail_waiting(self, error: KlingError) -> None:
        """Ends the wait of every job in the queue with `NotSubmittedError`, because of `error`."""
        queue, self._queue = self._queue, deque()
        for slot in queue:
            if slot.granted is not None and not slot.granted.done():
                slot.granted.set_exception(not_submitted(error))
        if queue:
            self._tell()

    def stop(self, error: KlingError) -> None:
        """Grants no slot from now on: whoever waits for one, or asks for one later, gets `NotSubmittedError`.

        What is held stays held, and a job whose task exists still takes its slots, so that running jobs end as they
        would have; a job that the service refuses for lack of capacity is not sent again.

        Args:
            error: Why; the cause of the errors.
        """
        self._stopped_by = error
        self.fail_waiting(error)

    async def wait_for(self, slot: Slot) -> None:
        """Waits until the slot is granted; one that was refused has its old turn.

        Raises:
            NotSubmittedError: Creating was stopped.
        """
        if self._stopped_by is not None:
            raise not_submitted(self._stopped_by)
        insort(self._queue, slot, key=lambda other: other.number)
        slot.granted = asyncio.get_running_loop().create_future()
        self._grant()
        if slot.is_waiting:
            self._tell()
        try:
            await slot.granted
        except BaseException:
            if slot in self._queue:
                self._queue.remove(slot)
            self.give_back(slot)
            raise
        finally:
            slot.granted = None

    def take(self, slot: Slot) -> None:
        """Counts the slot as held, whatever the limit."""
        if not slot.held:
            slot.held = True
            self._held += slot.weight
            self._tell()

    def give_back(self, slot: Slot) -> None:
        """Frees the slot, if it is held."""
        if slot.held:
            slot.held = False
            self._held -= slot.weight
            if not self._grant():
                self._tell()

    def note_acceptance(self) -> None:
        """Notes that the account has room; the next step up may come soon."""
        self._refusals = 0

    def note_refusal(self, slot: Slot, asked_wait: float) -> None:
        """Notes that the account is full: works with what is in flight, and tries one more after a while."""
        slot.held = False
        self._held -= slot.weight
        self._working = self._held
        self._refusals += 1
        longest = LAST_PROBE if self._held else LAST_PROBE_ALONE
        bound = min(longest, FIRST_PROBE * 2.0 ** min(self._refusals - 1, 30))
        self._probe_in(asked_wait + bound * (0.8 + self._jitter() / 5))

    def close(self) -> None:
        """Stops the timers of the next try."""
        for other in self._others.values():
            other.close()
        self._stop_probe()

    def _stop_probe(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None

    def _probe_in(self, seconds: float) -> None:
        self._stop_probe()
        self._probe = asyncio.get_running_loop().call_later(seconds, self._step_up)

    def _step_up(self) -> None:
        self._probe = None
        self._working = max(self._working, self._held) + 1
        if not self._queue or (self._limit is not None and self._working >= self._limit):
            self._working = math.inf
        else:
            self._probe_in(FIRST_PROBE)
        self._grant()

    def _grant(self) -> bool:
        """Grants what there is room for; returns whether there was room for any."""
        room = min(math.inf if self._limit is None else self._limit, self._working)
        granted = False
        while self._queue and self._fits(self._queue[0], room):
            slot = self._queue.popleft()
            if slot.is_waiting:
                self._held += slot.weight
                slot.grant()
                granted = True
        if granted:
            self._tell()
        return granted

    def _fits(self, slot: Slot, room: float) -> bool:
        """Whether there is room now; a task that is larger than the limit runs alone."""
        return self._held + slot.weight <= room or (self._held == 0 and room >= 1)

    def _tell(self) -> None:
        if self._events is not None and self._events.heard:
            self._events.emit(
                SlotChanged(kind=self._kind, held=self._held, waiting=len(self._queue), limit=self._limit)
            )


def not_submitted(error: KlingError) -> NotSubmittedError:
    """The error of a job that was never sent because of `error`, which it has as its cause."""
    unsent = NotSubmittedError(f"not sent, because creating was stopped: {error}")
    unsent.__cause__ = error
    return unsent


def set_limits(slots: Slots, limits: Any) -> None:
    """Sets the limits of a client's slots.

    Args:
        slots: The slots of videos, with those of other kinds behind `of`.
        limits: A number for videos, None, or a mapping of kinds to either.

    Raises:
        ConfigurationError: A limit is below 1 or not a whole number, or a kind is not known.
    """
    if not isinstance(limits, Mapping):
        slots.limit = limits
        return
    for kind, limit in limits.items():
        if kind not in get_args(TaskKind):
            kinds = ", ".join(get_args(TaskKind))
            raise ConfigurationError(f"max_in_flight names the kind {kind!r}; it must be one of {kinds}")
        slots.of(kind).limit = limit
