"""What the jobs of one endpoint share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from attrs import frozen

from kling_async.jobs.entry import JobEntry
from kling_async.jobs.observed import Observers
from kling_async.jobs.orphans import Orphans
from kling_async.jobs.recorder import Recorder
from kling_async.jobs.submission import SubmissionTools
from kling_async.jobs.waits import Waits
from kling_async.session.upload import Request

RequestT = TypeVar("RequestT", bound=Request)


@frozen
class JobTools(Generic[RequestT]):
    """What the jobs of one endpoint share."""

    submission: SubmissionTools
    """For creates."""

    waits: Waits
    """For waits."""

    recorder: Recorder
    """Told of each step."""

    orphans: Orphans
    """Keeps jobs whose callers have gone."""

    observers: Observers
    """Told of what happens."""

    request_of: Callable[[JobEntry], Awaitable[RequestT]]
    """Makes a journal's request again, checked."""

    addressed: Callable[[RequestT], RequestT]
    """Fills in the URL to which the service posts, if the client has a callback receiver."""

    forget: Callable[[Any], None]
    """Takes a job that is over, or that nobody waits for, off the list of the client's jobs."""
