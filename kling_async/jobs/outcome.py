"""How one job of many ended: `Succeeded | Failed`, which `match` and `isinstance` tell apart.

Promises: a succeeded outcome has its task; a failed one has its error, and the task if there is one.
"""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

from attrs import frozen

from kling_async.schema.task import Task

RequestT = TypeVar("RequestT")


@frozen
class Succeeded(Generic[RequestT]):
    """A job that brought its result."""

    index: int
    """The request's place in the input; the first is 0."""

    request: RequestT
    """The request as given."""

    task: Task
    """The succeeded task, with its results."""

    @property
    def error(self) -> None:
        """None: nothing went wrong."""
        return

    def unwrap(self) -> Task:
        """The succeeded task."""
        return self.task


@frozen
class Failed(Generic[RequestT]):
    """A job without a result."""

    index: int
    """The request's place in the input; the first is 0."""

    request: RequestT
    """The request as given."""

    error: Exception
    """Why there is no result."""

    task: Task | None = None
    """The task as last seen; None if there is none."""

    def unwrap(self) -> Task:
        """Raises the job's error."""
        raise self.error


JobOutcome: TypeAlias = Succeeded[RequestT] | Failed[RequestT]
"""How one job of many ended."""
