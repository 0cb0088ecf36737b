"""A job as its record shows it: the states, and one entry.

Promises: plain values that the caller cannot change; nothing here touches a file.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from kling_async.schema.task import Task


class JobState(StrEnum):
    """State of a job in the journal."""

    QUEUED = "queued"
    """Recorded and never sent, or refused by the service, so that it can be sent again."""

    UNKNOWN = "unknown"
    """A create was about to be sent; whether it was accepted has to be looked up by the external id."""

    RUNNING = "running"
    """Accepted by the service."""

    READY = "ready"
    """Succeeded; the video waits to be fetched."""

    DONE = "done"
    """Fetched."""

    FAILED = "failed"
    """Ended without a video."""

    CANCELLED = "cancelled"
    """Cancelled by the caller before anything was sent; the same script run again queues it again."""


OPEN: Final = (JobState.QUEUED, JobState.UNKNOWN, JobState.RUNNING, JobState.READY)
"""States from which a job goes on without being asked for again."""


@frozen
class JobEntry:
    """One job as the journal has it."""

    key: str
    """Its external id."""

    endpoint: str
    """Path of the endpoint that it is for."""

    state: JobState
    """Its state."""

    request: dict[str, Any]
    """Its request, pictures by path and digest; empty if it was lost to damage."""

    sent_at: float | None = None
    """When its create was last about to be sent, in unix seconds; for information only."""

    task_id: str | None = None
    """The service's id, once accepted."""

    task: Task | None = None
    """Its task as it ended."""

    error: str | None = None
    """Why it was refused, failed, or cannot be trusted."""

    file: Path | None = None
    """Where its video was fetched to."""

    digest: str | None = None
    """The file's SHA-256."""

    @property
    def external_task_id(self) -> str:
        """The key, by its name in requests and tasks."""
        return self.key
