"""What tells one endpoint from another, and what the endpoints of one client share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from attrs import Factory, frozen

from kling_async.callbacks.desk import CallbackDesk
from kling_async.errors import Problem, ValidationError
from kling_async.events import Events
from kling_async.jobs.recorder import Recorder
from kling_async.jobs.slots import Slots
from kling_async.jobs.submission import SubmitOptions
from kling_async.polling.plan import PaceName
from kling_async.polling.schedule import Schedule
from kling_async.schema.capabilities import CapabilityCheck, Judged
from kling_async.schema.models import DEFAULT_MODEL
from kling_async.schema.task import Task
from kling_async.session.calls import Calls
from kling_async.session.throttle import Throttle
from kling_async.session.upload import Request


class EndpointRequest(Request, Judged, Protocol):
    """A request that an endpoint takes: it can be sent, and judged by the capability map."""


class TypedRequest(EndpointRequest, Protocol):
    """A request with a class of its own."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Builds a request from the API's names."""
        ...


GivenT = TypeVar("GivenT")
RequestT = TypeVar("RequestT", bound=EndpointRequest)
TypedT = TypeVar("TypedT", bound=TypedRequest)


@frozen
class Spec(Generic[GivenT]):
    """What tells one endpoint from another."""

    path: str
    """Its path on the service."""

    taken: Callable[[GivenT], EndpointRequest]
    """Makes a request of what a caller gives; raises `ValidationError` if it cannot be one."""

    from_mapping: Callable[[Mapping[str, Any]], EndpointRequest]
    """Builds a request from the API's names."""

    kind_of: Callable[[Mapping[str, Any]], Hashable]
    """What decides how long a job takes, by the fields of its request."""

    slot_kind: str = "video"
    """The kind of task that it makes; each kind has slots of its own."""

    idempotent: bool = True
    """Whether its creates carry an `external_task_id`; without one a create of unknown outcome is never sent again."""


@frozen
class Shared:
    """What the endpoints of one client share."""

    callbacks: CallbackDesk
    """Tells pollers of callbacks, and requests where to have them posted."""

    calls: Calls
    """Sends requests."""

    slots: Slots
    """The client's slots, those of videos with the others behind `of`."""

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

    pace: PaceName
    """How eagerly lists are polled."""

    capabilities: CapabilityCheck
    """What to do about a request that the capability map does not allow."""

    check_target: Callable[[Path], Awaitable[None]]
    """Checks whether a result can be brought to a path."""

    download: Callable[[Task, Path], Awaitable[Path]]
    """Brings a task's result onto the disk."""

    warned: set[str] = Factory(set)
    """Models of which the client has said already that they end."""


def kind_of_video(fields: Mapping[str, Any]) -> Hashable:
    """Model, mode and duration, with the service's defaults; the same as the `kind` of a request with these fields."""
    return (
        fields.get("model_name") or DEFAULT_MODEL,
        fields.get("mode") or "std",
        fields.get("duration") or "5",
    )


def of_type(kind: type[RequestT]) -> Callable[[RequestT], RequestT]:
    """What an endpoint with a request class of its own takes: objects of that class, as they are."""

    def taken(request: RequestT) -> RequestT:
        if isinstance(request, kind):
            return request
        found = type(request).__name__
        raise ValidationError([Problem("request", f"is of type {found}; it must be of type {kind.__name__}")])

    return taken


def one_request(kind: type[TypedT], request: TypedT | None, fields: Mapping[str, Any]) -> TypedT:
    """The request that a call was given, or the one that its keywords make.

    Raises:
        ValidationError: Both are given, or the keywords break a rule.
    """
    if request is not None and fields:
        names = ", ".join(fields)
        problem = Problem("request", f"is given together with fields ({names}); give one of the two")
        raise ValidationError([problem])
    if "model" in fields:
        raise ValidationError([Problem("model", "has no effect at the service; give it as model_name")])
    return kind.from_mapping(fields) if request is None else request
