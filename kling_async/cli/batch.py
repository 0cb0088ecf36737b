"""`kling-async batch`: many pictures in, many videos out.

Promises: a bad entry is one outcome and not the end; each outcome is on stdout as soon as it is known; an interrupted
command names every job that was started, and the entries that were never sent. If the reader of stdout goes away,
nothing new is started and what was paid for is still fetched.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from kling_async.cli import options
from kling_async.cli.again import same_command
from kling_async.cli.collecting import collect
from kling_async.cli.exits import OTHER, described, reporting
from kling_async.cli.following import Following
from kling_async.cli.manifest import Entry, read_manifest
from kling_async.cli.ongoing import Ongoing, State
from kling_async.cli.output import task_document
from kling_async.cli.places import make_folder, place_problem
from kling_async.cli.progress import Display
from kling_async.cli.running import run
from kling_async.cli.wording import hint_of, line_of
from kling_async.errors import Problem, ValidationError

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.jobs.outcome import JobOutcome
    from kling_async.schema.image2video import Image2VideoRequest
    from kling_async.schema.task import Task


@click.command(short_help="Makes a video for each entry of a manifest.")
@click.argument("manifest", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@options.directory_option
@click.option("--concurrency", type=click.IntRange(min=1), help="Tasks in flight; as many as the account takes by default.")  # fmt: skip
@options.journal_option
@options.adopt_option
@options.timeout_option
@options.capabilities_option
@options.base_url_option
@options.json_option
def batch(
    manifest: str,
    directory: Path,
    concurrency: int | None,
    journal: Path | None,
    timeout: float | None,
    capabilities: str,
    base_url: str | None,
    *,
    adopt: bool,
    as_json: bool,
) -> None:
    """Makes a video for each entry of MANIFEST: JSON lines or a JSON array; - is stdin.

    An entry is an object with the API reference's fields; pictures are URLs or files, relative to the manifest. The
    videos are named after the entry's number and picture, as in 001-cat.mp4. One line for each outcome: number, ok or
    failed, file or reason. The exit code is 0 only if all succeeded.

    \b
    {"image": "cat.jpg", "prompt": "the cat stands up and leaves", "model_name": "kling-v2-6", "duration": 5}

    \b
    kling-async batch jobs.jsonl -d videos --journal jobs.sqlite
    """  # noqa: D301 - click's mark for lines that shall not be joined
    if adopt and journal is None:
        raise click.UsageError("--adopt-journal needs --journal")
    following = Following(base_url, go_on=None if journal is None else same_command())

    async def work(entries: list[Entry]) -> bool:
        chosen = {
            "journal": journal,
            "adopt_journal": adopt,
            "capabilities": capabilities,
            "on_event": following.see,
        }
        async with options.opened(f"batch of {len(entries)} entries", base_url, **chosen) as (kling, screen):
            jobs = _Batch(entries, following, screen, as_json=as_json)
            await jobs.run(kling, concurrency, timeout)
        return jobs.succeeded == len(entries)

    with reporting(following, as_json=as_json):
        content = sys.stdin.buffer.read() if manifest == "-" else Path(manifest).read_bytes()
        make_folder(directory)
        entries = read_manifest(content, Path(manifest).parent, directory)
        if not run(work([_placed(entry) for entry in entries])):
            sys.exit(OTHER.code)


class _Batch:
    """One run over a manifest."""

    def __init__(self, entries: list[Entry], following: Following, screen: Display, *, as_json: bool) -> None:
        self._rows = [(entry, following.add(_ongoing(entry, following.base_url))) for entry in entries]
        self._following = following
        self._screen = screen
        self._as_json = as_json
        self._row = screen.row("batch")
        self._drawn: list[tuple[Entry, Ongoing]] = []
        self._ended = 0
        self._closed = False
        self._hint: str | None = None
        self.succeeded = 0

    async def run(self, kling: KlingClient, concurrency: int | None, timeout: float | None) -> None:
        """Reports every entry's outcome.

        Raises:
            KlingError: The options cannot be used; nothing was sent.
        """
        self._count()
        stream = kling.image2video.generate_many(
            self._requests(), concurrency=concurrency, timeout=timeout, on_update=self._see
        )
        await collect(kling, stream, self._target_of, self._screen, self._finish)
        if self._hint is not None:
            self._screen.warn(self._hint)

    def _requests(self) -> Iterator[Image2VideoRequest]:
        """The good entries' requests as their turn comes; the bad ones' outcomes on the way."""
        for entry, job in self._rows:
            if self._closed:
                return
            if entry.request is None:
                self._report(entry, job, entry.error)
                continue
            self._drawn.append((entry, job))
            self._following.begin(job)
            self._count()
            yield entry.request

    def _see(self, task: Task) -> None:
        if not task.is_terminal:
            job = self._following.job_of(task.external_task_id, task.task_id)
            if job is not None:
                self._screen.note(f"entry {job.entry}: {task.status} {job.shown_ids}")

    def _target_of(self, outcome: JobOutcome[Image2VideoRequest]) -> Path:
        return self._drawn[outcome.index][0].output

    def _finish(self, outcome: JobOutcome[Image2VideoRequest], error: Exception | None) -> None:
        entry, job = self._drawn[outcome.index]
        if outcome.task is not None:
            job.task_id = outcome.task.task_id
        if error is not None:
            self._hint = self._hint or hint_of(error)
        self._report(entry, job, error, outcome.task)

    def _report(self, entry: Entry, job: Ongoing, error: Exception | None, task: Task | None = None) -> None:
        job.state = State.OVER
        self._ended += 1
        self.succeeded += error is None
        self._count()
        try:
            if not self._closed:
                shown = _document(entry, job, error, task) if self._as_json else _line(entry, job, error)
                self._screen.put(shown)
        except BrokenPipeError:
            self._closed = True
            _discard_stdout()

    def _count(self) -> None:
        whole, failed = len(self._rows), self._ended - self.succeeded
        running = sum(job.is_left for _, job in self._drawn)
        self._row.say(f"{self._ended} of {whole} done, {running} under way, {failed} failed")
        self._row.count(self._ended, whole, "")


def _ongoing(entry: Entry, base_url: str | None) -> Ongoing:
    name = None if entry.request is None else entry.request.external_task_id
    return Ongoing(name, output=entry.output, base_url=base_url, entry=entry.number)


def _placed(entry: Entry) -> Entry:
    """The entry, or a bad one if its video could not be written."""
    problem = None if entry.request is None else place_problem(entry.output)
    if problem is None:
        return entry
    return evolve(entry, request=None, error=ValidationError([Problem("output", problem)]))


def _discard_stdout() -> None:
    """Lets what is still written go nowhere; Python would complain at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _line(entry: Entry, job: Ongoing, error: Exception | None) -> str:
    """An outcome for people."""
    if error is None:
        return f"{entry.number}\tok\t{entry.output}"
    hint = f"; go on with: {job.command}" if job.goes_on_after(error) else ""
    return f"{entry.number}\tfailed\t{line_of(error)}{hint}"


def _document(entry: Entry, job: Ongoing, error: Exception | None, task: Task | None) -> str:
    """An outcome for machines."""
    document: dict[str, Any] = {
        "entry": entry.number,
        "ok": error is None,
        "task_id": job.task_id,
        "external_task_id": job.external_task_id,
    }
    if task is not None:
        document |= task_document(task)
    document["file"] = str(entry.output) if error is None else None
    if error is not None:
        document["error"] = described(error)
        document["resume"] = job.command if job.goes_on_after(error) else None
    return json.dumps(document)
