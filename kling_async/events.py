"""What can be observed of a client: frozen event classes, and the one hook that they are handed to.

Promises: events hold plain values (ids, model names, seconds, counts), never a key, a prompt, a picture or a URL; a hook
that raises is logged once and never ends a job.

`KlingClient(on_event=hook)` calls `hook(event)` on the event loop, from the place where the thing happened; a hook that
takes long holds the loop for as long. Times are durations in seconds; take the moment from a clock of your own.
"""

from __future__ import annotations

import logging
from asyncio import CancelledError
from collections.abc import Callable
from typing import Final, TypeAlias

from attrs import frozen

logger: Final = logging.getLogger(__name__)


@frozen(kw_only=True)
class JobQueued:
    """A job has its id and begins: it waits for a slot, or goes on with a task that exists."""

    external_task_id: str
    """The job's id, under which its task is or will be known to the service."""

    path: str
    """The endpoint's path, such as `/v1/videos/image2video`."""

    model: str | None
    """The model's name; None if the request leaves it to the service."""


@frozen(kw_only=True)
class JobAccepted:
    """The service has the job's task: newly created, or found under the job's id."""

    external_task_id: str
    """The job's id."""

    task_id: str
    """The service's id."""

    path: str
    """The endpoint's path."""

    model: str | None
    """The model's name; None if the request leaves it to the service."""

    seconds: float
    """Seconds since the job began, its wait for a slot included."""

    adopted: bool
    """Whether the task existed already: of an earlier process, or of a create whose answer was lost."""


@frozen(kw_only=True)
class JobRefused:
    """The service refused a create; for 1302 and 1303 the job tries again."""

    external_task_id: str
    """The job's id."""

    path: str
    """The endpoint's path."""

    code: int
    """The service's code."""

    http_status: int
    """The answer's HTTP status."""


@frozen(kw_only=True)
class TaskChanged:
    """A poll showed a task in another status than before."""

    task_id: str
    """The service's id."""

    external_task_id: str | None
    """The caller's id, if it is known."""

    status: str
    """The status, as the service says it."""

    path: str
    """The endpoint's path."""


@frozen(kw_only=True)
class JobEnded:
    """A job's task has ended, or the job ended without one."""

    external_task_id: str
    """The job's id."""

    task_id: str | None
    """The service's id; None if no task was created."""

    path: str
    """The endpoint's path."""

    model: str | None
    """The model's name; None if the request leaves it to the service."""

    succeeded: bool
    """Whether there is a result."""

    seconds: float
    """Seconds since the job began."""

    error: str | None
    """The name of the error's class; None for a success."""

    code: int | None
    """The service's code, if an answer of the service ended the job."""


@frozen(kw_only=True)
class JobAbandoned:
    """A caller went away (cancelled, or out of patience) before the job's task had ended."""

    external_task_id: str | None
    """The job's id, if it is known."""

    task_id: str | None
    """The service's id; None before acceptance."""

    path: str
    """The endpoint's path."""

    state: str
    """`never sent`, `may have been created` or `goes on at the service`."""


@frozen(kw_only=True)
class PollDone:
    """One request for a task or for a page of the list has ended."""

    path: str
    """The endpoint's path."""

    call: str
    """`get` or `list`."""

    seconds: float
    """Seconds that the request took."""

    tasks: int
    """How many tasks the answer showed; 0 after an error."""

    error: str | None
    """The name of the error's class; None for an answer."""


@frozen(kw_only=True)
class SlotChanged:
    """The use of the slots has changed."""

    kind: str
    """The kind of task that they are for, such as `video`."""

    held: int
    """Slots that are held now."""

    waiting: int
    """Jobs that wait for one now."""

    limit: int | None
    """The client's limit; None if there is none."""


@frozen(kw_only=True)
class DownloadDone:
    """A result is on the disk, or could not be fetched."""

    task_id: str
    """The task that made it; "" if it is not known."""

    seconds: float
    """Seconds that the download took."""

    size: int | None
    """Length of the file in bytes; None after an error."""

    error: str | None
    """The name of the error's class; None for a success."""


@frozen(kw_only=True)
class CallbackReceived:
    """The service has posted to a job's callback URL; what it told is not believed, only polled."""

    external_task_id: str
    """The job's id, which the URL's token proves."""

    task_id: str
    """The task's id, as the post tells it."""

    status: str
    """The status that the post tells."""

    known: bool
    """Whether this client waits for the task; otherwise nothing is polled."""


Event: TypeAlias = (
    JobQueued
    | JobAccepted
    | JobRefused
    | TaskChanged
    | JobEnded
    | JobAbandoned
    | PollDone
    | SlotChanged
    | DownloadDone
    | CallbackReceived
)
"""Everything that a hook can be called with."""

OnEvent: TypeAlias = Callable[[Event], object]
"""A hook: called with each event; what it returns is ignored."""


def fan_out(*hooks: OnEvent) -> OnEvent:
    """Makes one hook of several: `KlingClient(on_event=fan_out(log, OpenTelemetry()))`.

    Args:
        hooks: Called with each event, in this order. The first exception of each is logged; none keeps an event from the
            others.
    """
    parts = [Events(hook) for hook in hooks]

    def call(event: Event) -> None:
        for part in parts:
            part.emit(event)

    return call


class Events:
    """Hands events to a hook.

    Args:
        hook: Called with each event; None drops them.
    """

    def __init__(self, hook: OnEvent | None = None) -> None:
        self._hook = hook
        self._has_raised = False

    @property
    def heard(self) -> bool:
        """Whether anybody listens, so that an event is worth making."""
        return self._hook is not None

    def emit(self, event: Event) -> None:
        """Calls the hook; the first exception that it raises is logged, all others are dropped."""
        if self._hook is None:
            return
        try:
            self._hook(event)
        except (Exception, CancelledError):  # a plain call: no cancellation of ours can come out of it
            if not self._has_raised:
                self._has_raised = True
                logger.exception(
                    "on_event raised for %s; later exceptions are not logged", type(event).__name__
                )
