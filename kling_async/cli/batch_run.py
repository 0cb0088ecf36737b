"""A planned batch on its way: requests out, videos and sidecars onto the disk, a line for each row.

Promises: each row has its outcome once; jobs that have a task come first; an outcome is on stdout as soon as it is known,
a success when its video is on the disk; if the reader of stdout goes away, nothing new is started and what was paid for is
still fetched; after the first signal nothing new is sent, and what runs is waited for.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kling_async.cli.batch_output import outcome_document, outcome_line, summary_lines
from kling_async.cli.collecting import collect
from kling_async.cli.draining import Draining
from kling_async.cli.following import Following
from kling_async.cli.ongoing import Ongoing, State
from kling_async.cli.planning import Due, Plan, Planned
from kling_async.cli.progress import Display
from kling_async.cli.sidecars import write_sidecar
from kling_async.cli.steps import IMAGE2VIDEO
from kling_async.cli.tally import Tally, shown_time
from kling_async.cli.wording import hint_of
from kling_async.errors import KlingError, NotSubmittedError, TaskFailedError
from kling_async.events import Event
from kling_async.polling.wait import finished

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.jobs.outcome import JobOutcome
    from kling_async.schema.image2video import Image2VideoRequest
    from kling_async.schema.task import Task

_ORDER: Final = (Due.FETCH, Due.GOES_ON, Due.UNSENT, Due.AGAIN, Due.NEW)
"""The order in which jobs begin: what is paid for comes first."""


class BatchRun:
    """One run of a batch.

    Args:
        plan: Every row and what is left to do for it.
        directory: Where the videos are to be written; it exists.
        following: Told of every job.
        retry: The command that makes new jobs of those that failed.
        as_json: Whether outcomes are documents.
    """

    def __init__(
        self, plan: Plan, directory: Path, following: Following, retry: str, *, as_json: bool
    ) -> None:
        self._jobs = [
            (each, following.add(_ongoing(each, directory, following.base_url))) for each in plan.rows
        ]
        self._plan = plan
        self._directory = directory
        self._following = following
        self._retry = retry
        self._as_json = as_json
        self._tally = Tally(len(plan.rows))
        self._tally.go_on(each.key for each in plan.due(Due.GOES_ON))
        self._drawn: list[tuple[Planned, Ongoing]] = []
        self._failed: list[int] = []
        self._hint: str | None = None
        self._closed = False
        self.drain: Draining = Draining(following)
        """What the first signal does."""

        self._screen = Display(None)

    @property
    def succeeded(self) -> bool:
        """Whether every row's video is on the disk."""
        return self._tally.done == self._tally.total

    def see(self, event: Event) -> None:
        """Counts and follows an event of the client."""
        self._following.see(event)
        self._tally.see(event)

    async def run(self, kling: KlingClient, screen: Display, timeout: float | None) -> None:
        """Reports every row's outcome.

        Args:
            kling: A client whose `on_event` is `see`.
            screen: Shows how far it is.
            timeout: Seconds to wait for each task; None: without limit.

        Raises:
            KlingError: The options cannot be used; nothing was sent.
        """
        began = time.monotonic()
        self.drain.kling, self.drain.put, self._screen = kling, screen.warn, screen
        overall = screen.overall(self._progress)
        try:
            await self._report_what_has_ended()
            stream = kling.image2video.generate_many(self._requests(), timeout=timeout, on_update=self._see)
            await collect(kling, stream, self._target_of, screen, self._finish)
        finally:
            overall.end()
        if self._hint is not None:
            screen.warn(self._hint)
        if self.drain.left_by is None:
            already, seconds = len(self._plan.due(Due.THERE)), time.monotonic() - began
            failed = sorted(self._failed)
            for line in summary_lines(self._tally, already, seconds, self._directory, failed, self._retry):
                screen.warn(line)

    async def _report_what_has_ended(self) -> None:
        for planned, job in self._jobs:
            entry = planned.entry
            task = None if entry is None else entry.task
            if planned.due is Due.THERE:
                if not job.output or not job.output.with_suffix(".json").exists():
                    await self._write_sidecar(planned, job, None, task)
                self._report(planned, job, None, task, already=True)
            elif planned.due is Due.FAILED:
                await self._report_failure(planned, job, task)

    async def _report_failure(self, planned: Planned, job: Ongoing, task: Task | None) -> None:
        error: KlingError = KlingError((planned.entry and planned.entry.error) or "the job has failed")
        try:
            if task is not None:
                finished(task)
        except TaskFailedError as failure:
            error = failure
        await self._write_sidecar(planned, job, error, task)
        self._report(planned, job, error, task, already=True)

    def _requests(self) -> Iterator[Image2VideoRequest]:
        """The requests under their jobs' ids, as their turn comes."""
        for due in _ORDER:
            for planned, job in self._jobs:
                if planned.due is not due or planned.row.request is None:
                    continue
                if self._closed or (self.drain.by is not None and due not in {Due.FETCH, Due.GOES_ON}):
                    return
                self._drawn.append((planned, job))
                self._following.begin(job)
                yield planned.row.request.with_external_task_id(planned.key)

    def _see(self, task: Task) -> None:
        if not task.is_terminal:
            job = self._following.job_of(task.external_task_id, task.task_id)
            if job is not None:
                self._screen.note(f"row {job.entry}: {task.status} {job.shown_ids}")

    def _target_of(self, outcome: JobOutcome[Image2VideoRequest]) -> Path:
        return _output(self._drawn[outcome.index][0], self._directory)

    async def _finish(self, outcome: JobOutcome[Image2VideoRequest], error: Exception | None) -> None:
        planned, job = self._drawn[outcome.index]
        if outcome.task is not None:
            job.task_id = outcome.task.task_id
        if self.drain.by is not None and isinstance(error, NotSubmittedError):
            job.state = State.NEVER_SENT  # told with the rows that were not drawn
            return
        if error is not None:
            self._hint = self._hint or hint_of(error)
        await self._write_sidecar(planned, job, error, outcome.task)
        self._report(planned, job, error, outcome.task)

    async def _write_sidecar(
        self, planned: Planned, job: Ongoing, error: Exception | None, task: Task | None
    ) -> None:
        if planned.row.request is not None and job.output is not None:
            await write_sidecar(
                job.output,
                planned.row.request.document(),
                self._screen.warn,
                endpoint=IMAGE2VIDEO,
                task=task,
                key=planned.key,
                error=error,
                number=planned.row.number,
            )

    def _report(
        self,
        planned: Planned,
        job: Ongoing,
        error: Exception | None,
        task: Task | None,
        *,
        already: bool = False,
    ) -> None:
        job.state = State.OVER
        self._tally.done += error is None
        self._tally.failed += error is not None
        if isinstance(error, TaskFailedError):
            self._failed.append(planned.row.number)
        try:
            if not self._closed:
                line = (
                    outcome_document(job, error, task, already=already)
                    if self._as_json
                    else outcome_line(job, error)
                )
                self._screen.put(line)
        except BrokenPipeError:
            self._closed = True
            _discard_stdout()

    def _progress(self) -> tuple[int, int, str, str]:
        """What the display shows of the whole: rows that have ended, rows in all, the time left, the numbers."""
        tally = self._tally
        ended, left = tally.done + tally.failed, tally.time_left()
        about = "" if left is None or ended == tally.total else f", about {shown_time(left)} left"
        return ended, tally.total, f"{ended} of {tally.total}{about}", tally.text()


def _output(planned: Planned, directory: Path) -> Path:
    """Where a row's video is, or is to be written: a video that is there stays where it is."""
    entry = planned.entry
    if planned.due is Due.THERE and entry is not None and entry.file is not None:
        return _shown(entry.file, directory)
    return directory / f"{planned.name.name}.mp4"


def _shown(file: Path, directory: Path) -> Path:
    """A file in the folder as the user named the folder; any other as it is."""
    return directory / file.name if file.parent == directory.absolute() else file


def _ongoing(planned: Planned, directory: Path, base_url: str | None) -> Ongoing:
    entry = planned.entry if planned.due is not Due.AGAIN else None
    return Ongoing(
        planned.key if entry is not None or planned.row.key is not None else None,
        None if entry is None else entry.task_id,
        output=_output(planned, directory),
        base_url=base_url,
        entry=planned.row.number,
        state=_state(planned),
    )


def _state(planned: Planned) -> State:
    """What is known of a row's job before this run does anything for it."""
    if planned.due in {Due.THERE, Due.FAILED}:
        return State.OVER
    if planned.due is Due.FETCH:
        return State.READY
    if planned.due is not Due.GOES_ON:
        return State.NEVER_SENT
    return State.MAY_EXIST if planned.entry is None or planned.entry.task_id is None else State.GOES_ON


def _discard_stdout() -> None:
    """Lets what is still written go nowhere; Python would complain at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
