"""What observers of a job are told: events, and for a caller who goes away the ids by a note and a WARNING record.

Promises: every line holds the ids by which the job can be found again, and nothing that is secret.
"""

from __future__ import annotations

import logging
from typing import Final

from attrs import frozen

from kling_async.errors import APIError, KlingError, harmless
from kling_async.events import Events, JobAbandoned, JobAccepted, JobEnded, JobQueued, PollDone, TaskChanged
from kling_async.schema.task import Task

NEVER_SENT: Final = "never sent"
MAY_EXIST: Final = "may have been created"
GOES_ON: Final = "goes on at the service"

logger: Final = logging.getLogger(__name__)


class Stages:
    """No-op hooks; override them to observe a job on its way to acceptance."""

    __slots__ = ()

    @property
    def stopped_by(self) -> KlingError | None:
        """An error that stopped creating: a job that would send anything is not submitted because of it."""
        return None

    def on_slot(self) -> None:
        """Called when the job holds its slots."""

    def on_accepted(self) -> None:
        """Called when the job's task exists."""


@frozen
class Observers:
    """Tells what happens to the jobs of one endpoint."""

    path: str
    """The endpoint's path."""

    events: Events
    """Gets the events."""

    def queued(self, external_task_id: str, model: str | None) -> None:
        """A job begins."""
        if not self.events.heard:
            return
        self.events.emit(JobQueued(external_task_id=external_task_id, path=self.path, model=model))

    def accepted(
        self, external_task_id: str, model: str | None, task: Task, seconds: float, *, adopted: bool
    ) -> None:
        """A job's task is known, `seconds` after it began."""
        if not self.events.heard:
            return
        self.events.emit(
            JobAccepted(
                external_task_id=external_task_id,
                task_id=task.task_id,
                path=self.path,
                model=model,
                seconds=seconds,
                adopted=adopted,
            )
        )

    def changed(self, task: Task) -> None:
        """A poll showed another status."""
        if not self.events.heard:
            return
        self.events.emit(
            TaskChanged(
                task_id=task.task_id,
                external_task_id=task.external_task_id,
                status=str(task.status),
                path=self.path,
            )
        )

    def ended(
        self,
        external_task_id: str,
        model: str | None,
        task: Task | None,
        seconds: float,
        error: KlingError | None,
    ) -> None:
        """A job has ended, `seconds` after it began: with its task, or with an error."""
        if not self.events.heard:
            return
        failed = "TaskFailedError" if task is not None and task.failed else None
        name = failed if error is None else type(error).__name__
        self.events.emit(
            JobEnded(
                external_task_id=external_task_id,
                task_id=None if task is None else task.task_id,
                path=self.path,
                model=model,
                succeeded=name is None,
                seconds=seconds,
                error=name,
                code=error.code if isinstance(error, APIError) else None,
            )
        )

    def polled(self, call: str, seconds: float, error: BaseException | None, tasks: int) -> None:
        """A request for a task or a page of the list has ended."""
        if not self.events.heard:
            return
        name = None if error is None else type(error).__name__
        self.events.emit(PollDone(path=self.path, call=call, seconds=seconds, tasks=tasks, error=name))

    def abandoned(
        self, cancelled: BaseException, state: str, task_id: str | None, external_task_id: str | None
    ) -> None:
        """A caller is cancelled.

        Args:
            cancelled: The exception that leaves; gets the note.
            state: What is known of the job: `NEVER_SENT`, `MAY_EXIST` or `GOES_ON`.
            task_id: The service's id, if it is known.
            external_task_id: The job's id, if it is known.
        """
        known = (("task_id", task_id), ("external_task_id", external_task_id))
        ids = ", ".join(f"{name} {harmless(value)}" for name, value in known if value is not None)
        cancelled.add_note(f"kling_async: {state}: {ids}")
        logger.warning("a caller went away before its job had ended; %s: %s", state, ids)
        self.left(state, task_id, external_task_id)

    def left(self, state: str, task_id: str | None, external_task_id: str | None) -> None:
        """A caller goes away, cancelled or out of patience; arguments as `abandoned`."""
        if not self.events.heard:
            return
        self.events.emit(
            JobAbandoned(path=self.path, state=state, task_id=task_id, external_task_id=external_task_id)
        )
