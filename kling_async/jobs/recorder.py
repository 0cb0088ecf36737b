"""What a job tells its record: nothing, or the journal.

Promises: a job has one home and asks nowhere whether there is a journal; without one, `NoRecord` makes up ids and keeps
nothing. What has happened already is noted without ever stopping the job: a full disk stops creates and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from kling_async.errors import JournalError, KlingError
from kling_async.jobs.entry import JobEntry
from kling_async.jobs.request_record import RequestT, identified_as
from kling_async.jobs.view import Journal
from kling_async.schema.task import Task
from kling_async.session.submit import new_external_id

FromMapping: TypeAlias = Callable[[Mapping[str, Any]], RequestT]
"""Builds an endpoint's request from the API reference's names."""


class Recorder(Protocol):
    """Where the steps of jobs are recorded."""

    @property
    def durable(self) -> bool:
        """Whether what is recorded outlives the process."""
        ...

    @property
    def opened_at(self) -> float:
        """Event-loop time, in seconds, at which the record was opened.

        Until then a create of an earlier process can have left; the lock of the record proves that none left later.
        """
        ...

    @property
    def view(self) -> Journal | None:
        """What users may read of the record; None without a journal."""
        ...

    async def open(self) -> None:
        """Opens the record, so that one that cannot be used is found before any work is done.

        Raises:
            JournalError: It cannot be used.
        """
        ...

    def close(self) -> None:
        """Writes what waits and lets the record go."""
        ...

    async def meet(self, endpoint: str, request: RequestT) -> tuple[RequestT, JobEntry | None]:
        """Records a request as queued, or meets the job that it became in an earlier run.

        A cancelled job becomes queued again.

        Args:
            endpoint: Path of the endpoint that it is for.
            request: With an external id, or without one.

        Returns:
            The request under its key, and the job's entry.

        Raises:
            JournalError: The record cannot be written, or the key belongs to another request.
            ValidationError: A picture's file cannot be read.
        """
        ...

    async def find(self, key: str) -> JobEntry | None:
        """The job with this external id; None if there is none."""
        ...

    async def sending(self, key: str) -> None:
        """Makes the intent durable; the create may be sent when this returns, and again until it is answered.

        Raises:
            JournalError: It could not be made durable, or the entry is damaged or has a task; nothing may be sent.
        """
        ...

    async def not_accepted(self, key: str, error: KlingError) -> None:
        """Notes that the create was refused or never left: the job may be sent again."""
        ...

    def cancelled(self, key: str) -> None:
        """Notes that the caller cancelled a job of which nothing was sent; never waits, and `close` flushes it.

        Whoever calls it vouches that no create of the job was sent, or that each was refused, since its entry was
        handed out; an entry that was handed out as unknown stays unknown.
        """
        ...

    async def accepted(self, key: str, task: Task) -> None:
        """Notes that the service has the task."""
        ...

    async def ended(self, task: Task) -> None:
        """Notes that the task has ended."""
        ...

    async def fetched(self, task_id: str, file: Path, digest: str) -> None:
        """Notes that the task's video is on the disk.

        Args:
            task_id: The service's id of the task.
            file: The video's absolute path.
            digest: The file's SHA-256 in hexadecimal digits.
        """
        ...

    async def request_of(self, entry: JobEntry, from_mapping: FromMapping[RequestT]) -> RequestT:
        """The entry's request, made again from its record.

        Raises:
            JournalError: A picture was given as bytes, has changed, or the request was lost to damage.
            ValidationError: A picture's file cannot be read.
        """
        ...

    def unmet(self) -> int:
        """How many open entries were there at the opening and have been neither met nor resumed since."""
        ...

    def entries_to_resume(self, endpoint: str, *, cancelled: bool) -> AsyncIterator[JobEntry]:
        """The endpoint's open entries: those with a task, then unknown, then queued ones.

        Args:
            endpoint: Path of the endpoint.
            cancelled: Whether cancelled jobs come after them.
        """
        ...


class NoRecord:
    """The record of a client without a journal: new ids, and nothing else."""

    def __init__(self) -> None:
        self.durable = False
        self.opened_at: float = -math.inf
        self.view: None = None

    async def open(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""

    async def meet(self, endpoint: str, request: RequestT) -> tuple[RequestT, JobEntry | None]:  # noqa: ARG002 - the protocol's argument
        """The request with its own external id or a new one, and no entry."""
        if request.external_task_id is not None:
            return request, None
        return identified_as(request, new_external_id()), None

    async def find(self, key: str) -> JobEntry | None:
        """None."""

    async def sending(self, key: str) -> None:
        """Does nothing."""

    async def not_accepted(self, key: str, error: KlingError) -> None:
        """Does nothing."""

    def cancelled(self, key: str) -> None:
        """Does nothing."""

    async def accepted(self, key: str, task: Task) -> None:
        """Does nothing."""

    async def ended(self, task: Task) -> None:
        """Does nothing."""

    async def fetched(self, task_id: str, file: Path, digest: str) -> None:
        """Does nothing."""

    async def request_of(self, entry: JobEntry, from_mapping: FromMapping[RequestT]) -> RequestT:  # noqa: ARG002 - the protocol's argument
        """Raises `JournalError`: without a journal there is no entry that a request could be made from."""
        raise JournalError(f"job {entry.key} is in no journal of this client")

    def unmet(self) -> int:
        """0."""
        return 0

    async def entries_to_resume(self, endpoint: str, *, cancelled: bool) -> AsyncIterator[JobEntry]:  # noqa: ARG002 - the protocol's arguments
        """No entry."""
        nothing: tuple[JobEntry, ...] = ()
        for entry in nothing:
            yield entry
