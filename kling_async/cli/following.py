"""Follows a command's jobs by the client's events, and says at an interruption what has become of each.

Promises: a job's ids are known from its first event on; a job counts as never sent only if the client says so, or if it
never began; nothing here asks the service for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import click
from attrs import define, field

from kling_async.cli.ongoing import Ongoing, State, ranges
from kling_async.cli.output import put_json
from kling_async.events import Event, JobAbandoned, JobAccepted, JobEnded, JobQueued

_STATES = {
    "never sent": State.NEVER_SENT,
    "may have been created": State.MAY_EXIST,
    "goes on at the service": State.GOES_ON,
}
"""What `JobAbandoned.state` can be."""


@define(eq=False)
class Following:
    """The jobs of one command; its `see` is the client's `on_event`."""

    base_url: str | None = None
    """The service, if an option names it."""

    go_on: str | None = None
    """The command that goes on with all jobs, if one does."""

    jobs: list[Ongoing] = field(factory=list)
    """All jobs, in their order."""

    _by_id: dict[str, Ongoing] = field(factory=dict)
    _current: ContextVar[Ongoing | None] = field(factory=lambda: ContextVar("job", default=None))

    def add(self, job: Ongoing) -> Ongoing:
        """Adds a job of which nothing has been sent, or whose task exists."""
        self.jobs.append(job)
        for name in (job.task_id, job.external_task_id):
            if name is not None:
                self._by_id[name] = job
        return job

    def begin(self, job: Ongoing) -> None:
        """Says that the next request of the running asyncio task is this job's.

        A stream of jobs runs each of them in a copy of the context in which its request was drawn, so that it works
        there too.
        """
        self._current.set(job)

    def see(self, event: Event) -> None:
        """Updates the job that an event is about."""
        if isinstance(event, JobQueued):
            job = self._current.get()
            if job is None or job.external_task_id not in {None, event.external_task_id}:
                job = (
                    self._by_id.get(event.external_task_id) or self._new()
                )  # of a journal: nobody began it here
            job.external_task_id = event.external_task_id
            self._by_id[event.external_task_id] = job
            # Until the client says that it was not sent:
            job.state = State.MAY_EXIST if job.task_id is None else State.GOES_ON
        elif isinstance(event, JobAccepted):
            self._update(event, State.GOES_ON)
        elif isinstance(event, JobAbandoned):
            self._update(event, _STATES.get(event.state, State.MAY_EXIST))
        elif isinstance(event, JobEnded):
            self._update(event, State.READY if event.succeeded else State.OVER)

    def job_of(self, external_task_id: str | None, task_id: str) -> Ongoing | None:
        """The job that has one of the ids; None if it is not known."""
        return self._by_id.get(external_task_id or task_id) or self._by_id.get(task_id)

    def _new(self) -> Ongoing:
        return self.add(Ongoing(base_url=self.base_url))

    def _update(self, event: JobAccepted | JobAbandoned | JobEnded, state: State) -> None:
        job = self.job_of(event.external_task_id, event.task_id or "")
        if job is None or job.state is State.OVER:
            return
        job.external_task_id = event.external_task_id or job.external_task_id
        job.task_id = event.task_id or job.task_id
        if job.state is not State.READY or state is State.OVER:
            job.state = state

    def tell(self, signal_name: str, code: int, *, as_json: bool) -> None:
        """Says what was never sent, what may have been created, what goes on, and how.

        Args:
            signal_name: `SIGINT` or `SIGTERM`.
            code: The exit code.
            as_json: Whether a document goes to stdout too.
        """
        for line in self._lines(_head(signal_name)):
            click.echo(line, err=True)
        if as_json:
            put_json(self._document(signal_name, code))

    def tell_draining(self, signal_name: str, put: Callable[[str], None]) -> None:
        """Says after the first signal that nothing new is sent, and what is waited for; as `tell`.

        Args:
            signal_name: `SIGINT` or `SIGTERM`.
            put: Shows a line on stderr.
        """
        left = len(self._left())
        jobs = "the job that runs" if left == 1 else f"the {left} jobs that run"
        head = f"{_head(signal_name)}: nothing new is sent; waiting for {jobs}, a second signal leaves them"
        for line in self._lines(head):
            put(line)

    @property
    def is_anything_left(self) -> bool:
        """Whether any job goes on, or may go on, at the service."""
        return bool(self._left())

    @property
    def is_whole(self) -> bool:
        """Whether every job was sent and none is left."""
        return not self._left() and not self._unsent()

    def _lines(self, head: str) -> Iterator[str]:
        yield head
        left, unsent = self._left(), self._unsent()
        for job in left:
            number = "" if job.entry is None else f"row {job.entry}: "
            hint = "" if self.go_on else f"; wait for it with:\n  {job.command}"
            yield f"{number}{job.shown_ids} {job.state}{hint}"
        if any(job.entry is not None for job in unsent):
            numbers = ranges(job.entry for job in unsent if job.entry is not None)
            yield f"never sent: {len(unsent)} of {len(self.jobs)} rows ({numbers})"
        elif unsent and not left:
            yield "nothing was sent"
        if self.go_on and (left or unsent):
            yield f"go on with: {self.go_on}"

    def _document(self, signal_name: str, code: int) -> dict[str, Any]:
        return {
            "error": {"type": "Interrupted", "message": f"interrupted by {signal_name}", "exit_code": code},
            "jobs": [
                {**({} if job.entry is None else {"row": job.entry}), "state": job.state, **job.described()}
                for job in self._left()
            ],
            "never_sent": [job.entry for job in self._unsent()],
            "resume": self.go_on,
        }

    def _left(self) -> list[Ongoing]:
        return [job for job in self.jobs if job.is_left]

    def _unsent(self) -> list[Ongoing]:
        return [job for job in self.jobs if job.state is State.NEVER_SENT]


def _head(signal_name: str) -> str:
    return "interrupted" if signal_name == "SIGINT" else f"interrupted by {signal_name}"
