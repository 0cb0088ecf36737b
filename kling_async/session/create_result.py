"""What became of a create: not sent, refused, accepted or unknown. Pure.

Promises: `accepted` and `refused` need evidence, `unknown` is everything else. A second create is safe after
`not sent` and after a refusal alone; an unknown one is looked up by its external id first.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from attrs import frozen

from kling_async.errors import (
    APIError,
    ConnectionFailedError,
    KlingError,
    MalformedResponseError,
)
from kling_async.schema.task import Task

_DECIDED_BEFORE_CREATION: Final = range(1000, 2000)  # the service's codes for what is wrong with a request


@frozen
class NotSent:
    """No byte of the request's body left this machine."""

    error: ConnectionFailedError
    """Why."""


@frozen
class Refused:
    """The service answered with a code that is decided before anything is created."""

    error: APIError
    """The answer; its code says what to do."""


@frozen
class Accepted:
    """The service answered with code 0 and a task id."""

    task: Task
    """The new task."""


@frozen
class Unknown:
    """Neither accepted nor refused for sure."""

    error: KlingError
    """What came instead of an answer."""


CreateResult: TypeAlias = NotSent | Refused | Accepted | Unknown


def classify(error: APIError | ConnectionFailedError | MalformedResponseError) -> CreateResult:
    """Classifies a create that brought no task.

    Args:
        error: What was raised for it.
    """
    if isinstance(error, ConnectionFailedError) and not error.sent:
        return NotSent(error)
    if isinstance(error, APIError) and error.code in _DECIDED_BEFORE_CREATION and error.http_status < 500:
        return Refused(error)
    return Unknown(error)
