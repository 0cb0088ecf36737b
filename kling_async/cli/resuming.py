"""The open jobs of a journal on their way, without the script or manifest that they came from.

Promises: each has its outcome once, its video under the name that its batch gave it, or else under its number in the
journal and its picture; after the first signal nothing new is sent, and what runs is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kling_async.cli.collecting import collect
from kling_async.cli.draining import Draining
from kling_async.cli.exits import described
from kling_async.cli.following import Following
from kling_async.cli.naming import Name, named, stem_of_record
from kling_async.cli.ongoing import State
from kling_async.cli.output import put, put_json, shown
from kling_async.cli.progress import Display
from kling_async.cli.sidecars import write_sidecar
from kling_async.cli.wording import hint_of, line_of
from kling_async.errors import NotSubmittedError
from kling_async.jobs.entry import JobState

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.jobs.entry import JobEntry
    from kling_async.jobs.outcome import JobOutcome


class Resumed:
    """One run over a journal.

    Args:
        directory: Where the videos are to be written; it exists.
        names: What a batch has called its jobs.
        following: Told of every job.
        as_json: Whether outcomes are documents.
    """

    def __init__(
        self, directory: Path, names: Mapping[str, Name], following: Following, *, as_json: bool
    ) -> None:
        self.following = following
        self.succeeded: bool = True
        """Whether every outcome so far is a success."""

        self.drain: Draining = Draining(following)
        """What the first signal does."""

        self._directory = directory
        self._of_batch = names
        self._names = dict(names)
        self._as_json = as_json
        self._hints: set[str] = set()
        self._screen = Display(None)

    async def run(
        self, kling: KlingClient, screen: Display, timeout: float | None, *, cancelled: bool
    ) -> None:
        """Reports the outcome of every open job.

        Args:
            kling: A client with the journal.
            screen: Shows the downloads.
            timeout: Seconds to wait for each task; None: without limit.
            cancelled: Whether cancelled jobs are sent as well.
        """
        self.drain.kling, self.drain.put, self._screen = kling, screen.warn, screen
        await self._name_all(kling)
        stream = kling.image2video.resume(timeout=timeout, cancelled=cancelled)
        await collect(kling, stream, self._target_of, screen, self._report, self._is_there)

    async def _name_all(self, kling: KlingClient) -> None:
        """Names the jobs that no batch has named."""
        entries = [] if kling.journal is None else await kling.journal.entries()
        taken = {each.name.casefold() for each in self._names.values()}
        for number, entry in enumerate(entries, start=1):
            if entry.key not in self._names:
                name = named(number, len(entries), stem_of_record(entry.request), taken)
                self._names[entry.key] = name
                taken.add(name.name.casefold())

    def _target_of(self, outcome: JobOutcome[JobEntry]) -> Path:
        return self._directory / f"{self._names[outcome.request.key].name}.mp4"

    def _is_there(self, outcome: JobOutcome[JobEntry]) -> bool:
        """Whether the video was fetched by a batch that was killed before it recorded that; its name was nobody's else."""
        entry = outcome.request
        return (
            entry.state is JobState.READY
            and entry.key in self._of_batch
            and self._target_of(outcome).is_file()
        )

    async def _report(self, outcome: JobOutcome[JobEntry], error: Exception | None) -> None:
        entry, target = outcome.request, self._target_of(outcome)
        job = self.following.job_of(entry.key, entry.task_id or "")
        if self.drain.by is not None and isinstance(error, NotSubmittedError):
            if job is not None:
                job.state = State.NEVER_SENT
            return
        if job is not None:
            job.state = State.OVER
        self.succeeded = self.succeeded and error is None
        await write_sidecar(
            target,
            entry.request,
            self._screen.warn,
            endpoint=entry.endpoint,
            task=outcome.task,
            key=entry.key,
            error=error,
            number=self._names[entry.key].number,
        )
        if self._as_json:
            document = {
                "external_task_id": entry.key,
                "ok": error is None,
                "file": None if error else str(target),
            }
            put_json(document | ({} if error is None else {"error": described(error)}))
        else:
            put(
                f"{shown(entry.key)}\tok\t{target}"
                if error is None
                else f"{shown(entry.key)}\tfailed\t{line_of(error)}"
            )
        hint = None if error is None else hint_of(error)
        if hint is not None and hint not in self._hints:
            self._hints.add(hint)
            self._screen.warn(hint)
