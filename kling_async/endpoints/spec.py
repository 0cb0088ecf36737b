"""What tells one endpoint from another, and what the endpoints of one client share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from attrs import frozen

from kling_async.errors import Problem, ValidationError
from kling_async.events import Events
from kling_async.jobs.recorder import Recorder
from kling_async.jobs.slots import Slots
from kling_async.jobs.submission import SubmitOptions
from kling_async.polling.schedule import Schedule
from kling_async.schema.capabilities import CapabilityCheck
from kling_async.schema.task import Task
from kling_async.session.calls import Calls
from kling_async.session.throttle import Throttle
from kling_async.session.upload import Request

RequestT = TypeVar("RequestT", bound=Request)


@frozen
class Spec(Generic[RequestT]):
    """What tells one endpoint from another."""

    path: str
    """Its path on the service."""

    request: type[RequestT]
    """The class of its requests."""

    from_mapping: Callable[[Mapping[str, Any]], RequestT]
    """Builds a request from the API's names."""

    capability_problems: Callable[[RequestT], Iterable[Problem]]
    """What the model of a request does not support, by the capability map."""

    kind_of: Callable[[Mapping[str, Any]], Hashable]
    """What decides how long a job takes, by the fields of its request."""


@frozen
class Shared:
    """What the endpoints of one client share."""

    calls: Calls
    """Sends requests."""

    slots: Slots
    """The client's slots."""

    recorder: Recorder
    """The journal, or a recorder that keeps nothing."""

    events: Events
    """Told of what happens."""

    throttle: Throttle
    """The brake that all creates share."""

    submit: SubmitOptions
    """How creates are carried through."""

    schedule: Schedule | None
    """When waits poll that have no schedule of their own; None learns from finished jobs."""

    capabilities: CapabilityCheck
    """What to do about a request that the capability map does not allow."""

    check_target: Callable[[Path], Awaitable[None]]
    """Checks whether a result can be brought to a path."""

    download: Callable[[Task, Path], Awaitable[Path]]
    """Brings a task's result onto the disk."""


def one_request(kind: type[RequestT], request: RequestT | None, fields: Mapping[str, Any]) -> RequestT:
    """The request that a call was given, or the one that its keywords make.

    Raises:
        ValidationError: Both are given, or the keywords break a rule.
    """
    if request is None:
        return kind(**fields)
    if fields:
        names = ", ".join(fields)
        raise ValidationError(
            [Problem("request", f"is given together with fields ({names}); give one of the two")]
        )
    return request
