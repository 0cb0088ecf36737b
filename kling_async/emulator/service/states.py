"""A task's life, declared as tables: which status follows which, and when.

Pure: no clock and no I/O, times are handed in. A status never goes backwards and an end is final.
"""

import math
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, Protocol

import attrs

from kling_async.emulator.service.products import IMAGE2VIDEO, Product
from kling_async.emulator.videos.sketches import Sketch


class Status(StrEnum):
    """The API reference's four statuses."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"


TRANSITIONS: Mapping[Status, tuple[Status, ...]] = {
    Status.SUBMITTED: (Status.PROCESSING,),
    Status.PROCESSING: (Status.SUCCEED, Status.FAILED),
    Status.SUCCEED: (),
    Status.FAILED: (),
}
"""Each status and what may come next; no successor means that the task has ended."""


@attrs.frozen
class Step:
    """The moment at which a task moves on: after so many polls, or after so many seconds."""

    polls: int | None = None
    """Polls of the task, counted from 1; 0 is at creation."""

    seconds: float | None = None
    """Seconds since the task was created, on the event loop's clock."""

    def reached(self, polls: int, created: float, now: float) -> bool:
        """Whether a task with so many polls, created at that loop time, has come this far by `now`."""
        if self.polls is not None:
            return polls >= self.polls
        return self.seconds is not None and now >= created + self.seconds


class Advance(Protocol):
    """How tasks move on: one of `AtOnce`, `ByPolls`, `ByClock`, or an object like them."""

    def steps(self, number: int) -> tuple[Step, Step]:
        """When task `number` (from 0, in order of creation) enters processing, and when it ends."""
        ...


@attrs.frozen
class AtOnce:
    """Every task has ended by its first poll."""

    def steps(self, number: int) -> tuple[Step, Step]:
        """Both steps at creation."""
        del number
        return Step(polls=0), Step(polls=0)


@attrs.frozen
class ByPolls:
    """Tasks move on when somebody polls: a GET of the task, or a list page that shows it.

    Args:
        processing: The poll, counted from 1, that first sees `processing`.
        ended: The poll that first sees the end; not below `processing`.
    """

    processing: int = attrs.field(default=1, validator=attrs.validators.ge(0))
    ended: int = attrs.field(default=2)

    def __attrs_post_init__(self) -> None:
        if self.ended < self.processing:
            raise ValueError(f"ended={self.ended} comes before processing={self.processing}")

    def steps(self, number: int) -> tuple[Step, Step]:
        """The two polls."""
        del number
        return Step(polls=self.processing), Step(polls=self.ended)


LONGEST: Final = sys.float_info.max
"""The most seconds that a task can take: what a float can hold, so that NaN and infinity are refused."""


def _checked_seconds(seconds: Any) -> float:
    """The seconds that a task takes.

    Raises:
        ValueError: They are not a finite number from 0 on.
    """
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not (is_number and 0 <= seconds <= LONGEST):
        raise ValueError(f"a task cannot take {seconds!r} seconds")
    return float(seconds)


def _valid_seconds(_: object, __: object, seconds: Any) -> None:
    """Checks a task time when it is set; a function is asked, and checked, for each task."""
    if not callable(seconds):
        _checked_seconds(seconds)


@attrs.frozen
class ByClock:
    """Tasks move on by themselves, on the event loop's clock.

    Args:
        seconds: From creation to the end; a number, or a function of the task's number (from 0).
        processing: The fraction of `seconds` after which a task is `processing`, 0–1.

    Raises:
        ValueError: `seconds` is neither a function nor a finite number from 0 on.
    """

    seconds: float | Callable[[int], float] = attrs.field(validator=_valid_seconds)
    processing: float = attrs.field(
        default=0.1, validator=[attrs.validators.ge(0.0), attrs.validators.le(1.0)]
    )

    def steps(self, number: int) -> tuple[Step, Step]:
        """The two moments; a function of the number is asked once for each task.

        Raises:
            ValueError: The seconds are negative or not a finite number.
        """
        seconds = _checked_seconds(self.seconds(number) if callable(self.seconds) else self.seconds)
        return Step(seconds=seconds * self.processing), Step(seconds=seconds)


@attrs.define(eq=False)
class Task:
    """One task, and what the ledger keeps of it: never an image's bytes, unless it is to be rendered."""

    task_id: str
    external_task_id: str | None
    number: int
    """Place in the order of creation, from 0."""

    body: Mapping[str, Any]
    """The request's fields; each picture stands as its kind and size."""

    created_at: int
    """Milliseconds since the epoch, wall clock."""

    created: float
    """The event loop's time at creation, seconds."""

    steps: tuple[Step, Step]
    failure: str | None = None
    """Why the task will end as failed; None: it will succeed."""

    sketch: Sketch | None = attrs.field(default=None, repr=False)
    """What to render; None if rendering is off."""

    status: Status = Status.SUBMITTED
    status_message: str = ""
    updated_at: int = attrs.field(default=attrs.Factory(lambda self: self.created_at, takes_self=True))
    ended: float | None = None
    """The event loop's time at the end, seconds."""

    polls: int = 0
    """How often a GET or a list page has shown it."""

    product: Product = IMAGE2VIDEO
    """The endpoint that it was created at; no other finds it."""

    seconds: float = 5.0
    """Length of the result as asked for."""

    slots: int = 1
    """How many slots it holds while it is in flight."""

    marked: bool = False
    """Whether a copy with a watermark was asked for."""

    parent: "Task | None" = attrs.field(default=None, repr=False)
    """The task whose video it began with."""

    hidden_until: float = -math.inf
    """Loop time before which no query finds the task: planned trouble."""

    @property
    def in_flight(self) -> bool:
        """Whether the task holds a slot."""
        return bool(TRANSITIONS[self.status])

    @property
    def due(self) -> float:
        """Loop time at which the clock ends the task, seconds; infinite if polls do."""
        seconds = self.steps[1].seconds
        return math.inf if seconds is None else self.created + seconds

    def age(self, seconds: float) -> None:
        """Makes the task older by so many seconds, and what hides it too."""
        self.created -= seconds
        self.hidden_until -= seconds
        if self.ended is not None:
            self.ended -= seconds

    def next_status(self, now: float) -> Status | None:
        """The status that is due at loop time `now`, or None."""
        following = TRANSITIONS[self.status]
        if not following:
            return None
        step = self.steps[0] if self.status is Status.SUBMITTED else self.steps[1]
        if not step.reached(self.polls, self.created, now):
            return None
        return following[0] if self.failure is None or len(following) == 1 else Status.FAILED

    def enter(self, status: Status, now: float, wall_ms: int) -> None:
        """Takes on a status that the table allows here.

        Raises:
            ValueError: The table does not allow it.
        """
        if status not in TRANSITIONS[self.status]:
            raise ValueError(f"{self.status} is never followed by {status}")
        self.status = status
        self.updated_at = wall_ms
        if status is Status.FAILED:
            self.status_message = self.failure or ""
        if not self.in_flight:
            self.ended = now
