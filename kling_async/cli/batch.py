"""`kling-async batch`: many pictures in, many videos out.

Promises: a bad entry is one outcome and not the end; each outcome is on stdout as soon as it is known; whatever was
started when the command is interrupted is named with the command that goes on with it. Where the reader of stdout goes
away, nothing new is started and what was paid for is still fetched.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from kling_async.cli import options
from kling_async.cli.exits import OTHER, described, line_of, reporting
from kling_async.cli.manifest import Entry, read_manifest
from kling_async.cli.ongoing import Ongoing
from kling_async.cli.output import task_document
from kling_async.cli.progress import Display, display
from kling_async.errors import KlingError

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.jobs.outcome import JobOutcome
    from kling_async.schema.image2video import Image2VideoRequest
    from kling_async.schema.task import Task

DOWNLOADS: Final = 4
"""Videos that are fetched at once."""


@click.command(short_help="Makes a video for each entry of a manifest.")
@click.argument("manifest", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--directory", "-d", type=click.Path(file_okay=False, path_type=Path), default=Path(), metavar="DIR",
    help="Where to write the videos; the current directory by default, made where it is missing.",
)  # fmt: skip
@click.option("--concurrency", type=click.IntRange(min=1), help="Tasks in flight; as many as the account takes by default.")  # fmt: skip
@click.option(
    "--journal", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Record each job there before it is sent: the same command run again goes on where it was killed.",
)  # fmt: skip
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
    as_json: bool,
) -> None:
    """Makes a video for each entry of MANIFEST: JSON lines or a JSON array; - is stdin.

    An entry is an object with the page's fields; pictures are URLs or files, relative to the manifest. The videos are
    called like the entry's number and picture, as in 001-cat.mp4. One line for each outcome: number, ok or failed, file
    or reason. The exit code is 0 only if all succeeded.

    \b
    {"image": "cat.jpg", "prompt": "the cat stands up and leaves", "duration": 5}
    """  # noqa: D301 - click's mark for lines that shall not be joined
    started: list[Ongoing] = []

    async def run(entries: list[Entry]) -> bool:
        async with options.client(base_url, capabilities, journal) as kling:
            with display() as screen:
                jobs = _Batch(kling, entries, started, screen, base_url=base_url, as_json=as_json)
                await jobs.run(concurrency, timeout)
        return jobs.succeeded == len(entries)

    with reporting(started, as_json=as_json):
        content = sys.stdin.buffer.read() if manifest == "-" else Path(manifest).read_bytes()
        entries = read_manifest(content, Path(manifest).parent, directory)
        directory.mkdir(parents=True, exist_ok=True)
        try:
            succeeded = asyncio.run(run(entries))
        except KeyboardInterrupt:
            if journal is not None:
                click.echo(f"go on with the same command, or: kling-async jobs {journal} --resume", err=True)
            raise
        if not succeeded:
            sys.exit(OTHER.code)


class _Batch:
    """One run over a manifest."""

    def __init__(
        self,
        kling: KlingClient,
        entries: list[Entry],
        started: list[Ongoing],
        screen: Display,
        *,
        base_url: str | None,
        as_json: bool,
    ) -> None:
        self._kling = kling
        self._entries = entries
        self._started = started
        self._screen = screen
        self._base_url = base_url
        self._as_json = as_json
        self._row = screen.row("batch")
        self._ongoing: dict[int, tuple[Entry, Ongoing]] = {}
        self._ended = 0
        self._closed = False
        self.succeeded = 0

    async def run(self, concurrency: int | None, timeout: float | None) -> None:
        """Reports every entry's outcome.

        Raises:
            KlingError: The options cannot be used; nothing was sent.
        """
        self._count()
        stream = self._kling.image2video.generate_many(
            self._requests(), concurrency=concurrency, timeout=timeout
        )
        fetching: set[asyncio.Task[None]] = set()
        places = asyncio.Semaphore(DOWNLOADS)
        try:
            async with stream as outcomes:
                async for outcome in outcomes:
                    fetching.add(asyncio.create_task(self._finish(outcome, places)))
            await asyncio.gather(*fetching)
        finally:
            for job in fetching:
                job.cancel()
            await asyncio.gather(*fetching, return_exceptions=True)

    def _requests(self) -> Iterator[Image2VideoRequest]:
        """The good entries' requests as their turn comes; the bad ones' outcomes on the way."""
        from kling_async.session.submit import new_external_id  # noqa: PLC0415 - it imports aiohttp

        for entry in self._entries:
            if self._closed:
                return
            if entry.request is None:
                self._report(entry, Ongoing(), entry.error)
                continue
            # A journal gives the ids, by which the same manifest meets its own jobs again.
            journalled = self._kling.journal is not None
            request = entry.request
            if not journalled and request.external_task_id is None:
                request = request.with_external_task_id(new_external_id())
            ongoing = Ongoing(
                request.external_task_id, output=entry.output, base_url=self._base_url, sent=not journalled
            )
            self._ongoing[len(self._ongoing)] = (entry, ongoing)
            self._started.append(ongoing)
            self._count()
            yield request

    async def _finish(self, outcome: JobOutcome[Image2VideoRequest], places: asyncio.Semaphore) -> None:
        """Fetches a job's video and reports the job."""
        entry, ongoing = self._ongoing[outcome.index]
        error: Exception | None = outcome.error
        if outcome.task is not None:
            ongoing.task_id = outcome.task.task_id
        if outcome.task is not None and error is None:
            try:
                async with places:
                    await self._fetch(outcome.task, entry.output)
            except (KlingError, OSError) as failure:
                error = failure
        self._started.remove(ongoing)
        self._report(entry, ongoing, error, outcome.task)

    async def _fetch(self, task: Task, output: Path) -> None:
        row = self._screen.row(f"downloading {output.name}")
        try:
            await self._kling.download(task.videos[0], output, on_progress=row.receive)
        finally:
            row.end()

    def _report(
        self, entry: Entry, ongoing: Ongoing, error: Exception | None, task: Task | None = None
    ) -> None:
        self._ended += 1
        self.succeeded += error is None
        self._count()
        line = _document if self._as_json else _line
        try:
            if not self._closed:
                self._screen.put(line(entry, ongoing, error, task))
        except BrokenPipeError:
            self._closed = True
            _discard_stdout()

    def _count(self) -> None:
        whole, failed = len(self._entries), self._ended - self.succeeded
        running = f", {len(self._started)} under way, {failed} failed"
        self._row.say(f"{self._ended} of {whole} done{running}")
        self._row.count(self._ended, whole, "")


def _discard_stdout() -> None:
    """Lets what is still written go nowhere; Python would complain at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _line(entry: Entry, ongoing: Ongoing, error: Exception | None, task: Task | None) -> str:
    """An outcome for people."""
    del task  # its ids are in the error's text and in the command
    if error is None:
        return f"{entry.number}\tok\t{entry.output}"
    hint = f"; go on with: {ongoing.command}" if ongoing.goes_on_after(error) else ""
    return f"{entry.number}\tfailed\t{line_of(error)}{hint}"


def _document(entry: Entry, ongoing: Ongoing, error: Exception | None, task: Task | None) -> str:
    """An outcome for machines."""
    document: dict[str, Any] = {"entry": entry.number, "ok": error is None}
    document |= attrs.asdict(ongoing, filter=lambda field, _: field.name in {"task_id", "external_task_id"})
    if task is not None:
        document |= task_document(task)
    document["file"] = str(entry.output) if error is None else None
    if error is not None:
        document["error"] = described(error)
        document["resume"] = ongoing.command if ongoing.goes_on_after(error) else None
    return json.dumps(document)
