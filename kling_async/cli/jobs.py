"""`kling-async jobs`: what a journal holds, and going on with it without the script that wrote it.

Promises: showing a journal sends nothing; with --resume nothing that was accepted is submitted again, and each video is
on the disk whole or not at all, under a name made from the job's own id.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kling_async.cli import options
from kling_async.cli.again import same_command
from kling_async.cli.collecting import collect
from kling_async.cli.exits import OTHER, described, reporting
from kling_async.cli.following import Following
from kling_async.cli.names import stem_of
from kling_async.cli.output import put, put_json, shown
from kling_async.cli.places import make_folder
from kling_async.cli.running import run
from kling_async.cli.wording import hint_of, line_of

if TYPE_CHECKING:
    from kling_async.cli.progress import Display
    from kling_async.client import KlingClient
    from kling_async.jobs.entry import JobEntry
    from kling_async.jobs.outcome import JobOutcome

STATES: Final = ("queued", "unknown", "running", "ready", "done", "failed", "cancelled")
"""The values of `JobState`."""


@click.command(short_help="Shows a journal's jobs, and goes on with them.")
@click.argument("journal", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Show jobs in this state only. Repeatable.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with every job that has not been fetched.")
@click.option("--cancelled", is_flag=True, help="With --resume: also with jobs that were cancelled before they were sent.")  # fmt: skip
@options.directory_option
@click.option("--concurrency", type=click.IntRange(min=1), help="With --resume: tasks in flight.")
@options.adopt_option
@options.timeout_option
@options.base_url_option
@options.json_option
def jobs(
    journal: Path,
    states: tuple[str, ...],
    directory: Path,
    concurrency: int | None,
    timeout: float | None,
    base_url: str | None,
    *,
    resume: bool,
    cancelled: bool,
    adopt: bool,
    as_json: bool,
) -> None:
    """Shows the jobs of JOURNAL: id, state, task and file or reason, with tabs between.

    With --resume it waits for what runs, looks up what is unknown, submits what was never accepted and fetches what is
    ready: one line for each outcome; the exit code is 0 only if all succeeded. A journal opens with the keys that wrote
    it, or with --adopt-journal under other keys of the same account.

    \b
    kling-async jobs jobs.sqlite --state failed
    kling-async jobs jobs.sqlite --resume -d videos
    """  # noqa: D301 - click's mark for lines that shall not be joined
    if states and resume:
        raise click.UsageError("--state is for showing jobs; --resume goes on with all that are open")
    if cancelled and not resume:
        raise click.UsageError("--cancelled needs --resume; --state cancelled shows such jobs")
    following = Following(base_url, go_on=same_command() if resume else None)

    async def work() -> bool:
        chosen = {"journal": journal, "adopt_journal": adopt, "on_event": following.see}
        first = f"going on with {journal}" if resume else None
        async with options.opened(first, base_url, **chosen) as (kling, screen):
            if not resume:
                await _show(kling, states, as_json=as_json)
                return True
            resumed = _Resumed(directory, screen, as_json=as_json)
            stream = kling.image2video.resume(concurrency=concurrency, timeout=timeout, cancelled=cancelled)
            await collect(kling, stream, resumed.target_of, screen, resumed.report)
            return resumed.succeeded

    with reporting(following, as_json=as_json):
        if resume:
            make_folder(directory)
        if not run(work()):
            sys.exit(OTHER.code)


async def _show(kling: KlingClient, states: tuple[str, ...], *, as_json: bool) -> None:
    from kling_async.jobs.entry import JobState  # noqa: PLC0415 - the help shall not wait for it

    if kling.journal is None:
        return
    for entry in await kling.journal.entries(*map(JobState, states)):
        if as_json:
            put_json(_document(entry))
        else:
            last = entry.file or entry.error or "-"
            put("\t".join(map(shown, (entry.key, entry.state, entry.task_id or "-", last))))


def _document(entry: JobEntry) -> dict[str, Any]:
    return {
        "external_task_id": entry.key,
        "state": entry.state,
        "task_id": entry.task_id,
        "error": entry.error,
        "file": None if entry.file is None else str(entry.file),
        "sha256": entry.digest,
    }


class _Resumed:
    """The outcomes of resumed jobs."""

    def __init__(self, directory: Path, screen: Display, *, as_json: bool) -> None:
        self._directory = directory
        self._screen = screen
        self._as_json = as_json
        self._hints: set[str] = set()
        self.succeeded = True

    def target_of(self, outcome: JobOutcome[JobEntry]) -> Path:
        """The file for a job's video, named after the job's id."""
        return self._directory / f"{stem_of(f'{outcome.request.key}.mp4')}.mp4"

    def report(self, outcome: JobOutcome[JobEntry], error: Exception | None) -> None:
        """Prints an outcome."""
        key, target = outcome.request.key, self.target_of(outcome)
        self.succeeded = self.succeeded and error is None
        if self._as_json:
            document = {"external_task_id": key, "ok": error is None, "file": None if error else str(target)}
            put_json(document | ({} if error is None else {"error": described(error)}))
        else:
            put(f"{shown(key)}\tok\t{target}" if error is None else f"{shown(key)}\tfailed\t{line_of(error)}")
        hint = None if error is None else hint_of(error)
        if hint is not None and hint not in self._hints:
            self._hints.add(hint)
            self._screen.warn(hint)
