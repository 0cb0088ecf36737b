"""Creates of a client that keeps a journal: each step is recorded, and a step that was taken is not repeated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio

from kling_async.errors import KlingError, SubmissionUnknownError, TaskNotFoundError
from kling_async.jobs.entry import JobEntry, JobState
from kling_async.jobs.journal import Journal
from kling_async.schema.task import Task


class Submit(Protocol):
    """Sends a create; see `session.submit`."""

    async def __call__(
        self, *, before_send: Callable[[], Awaitable[None]], doubtful_for: float | None
    ) -> Task:
        """The new task, or the one that exists already."""
        ...


async def create_recorded(
    journal: Journal, entry: JobEntry, submit: Submit, look: Callable[[str], Awaitable[Task]]
) -> Task:
    """The entry's task: from the journal, from the service, or newly created.

    Args:
        journal: Where each step is recorded.
        entry: The job as the journal had it before this step.
        submit: Sends the create.
        look: GETs a task by its id.

    Raises:
        JournalError: The intent could not be recorded, so nothing was sent.
        KlingError: What `submit` and `look` raise.
    """
    if entry.task is not None:
        return entry.task
    if entry.task_id is not None:
        try:
            return await look(entry.task_id)
        except TaskNotFoundError:
            return await look(entry.key)  # the create's answer may have been spoiled on its way

    async def before_send() -> None:
        await journal.sending(entry.key)

    doubtful = entry.state is JobState.UNKNOWN
    doubtful_for = max(0.0, anyio.current_time() - journal.opened_at) if doubtful else None
    try:
        task = await submit(before_send=before_send, doubtful_for=doubtful_for)
    except SubmissionUnknownError:
        raise
    except KlingError as error:
        await journal.not_accepted(entry.key, error)
        raise
    await journal.accepted(entry.key, task)
    return task
