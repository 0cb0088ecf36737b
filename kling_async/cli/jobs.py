"""`kling-async jobs`: what a journal holds, and going on with it without the script that wrote it.

Promises: showing a journal sends nothing; with --resume nothing that was accepted is submitted again, and each video is
on the disk whole or not at all, under a name made from the job's own id.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kling_async.cli import options
from kling_async.cli.exits import OTHER, described, line_of, reporting
from kling_async.cli.output import put, put_json, shown
from kling_async.errors import KlingError

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.jobs.entry import JobEntry
    from kling_async.jobs.outcome import JobOutcome


@click.command(short_help="Shows a journal's jobs, and goes on with them.")
@click.argument("journal", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--resume", is_flag=True, help="Go on with every job that has not been fetched.")
@click.option(
    "--directory", "-d", type=click.Path(file_okay=False, path_type=Path), default=Path(), metavar="DIR",
    help="With --resume: where to write the videos; the current directory by default.",
)  # fmt: skip
@click.option("--concurrency", type=click.IntRange(min=1), help="With --resume: tasks in flight.")
@options.timeout_option
@options.base_url_option
@options.json_option
def jobs(
    journal: Path,
    directory: Path,
    concurrency: int | None,
    timeout: float | None,
    base_url: str | None,
    *,
    resume: bool,
    as_json: bool,
) -> None:
    """Shows the jobs of JOURNAL: id, state, task and file or reason, with tabs between.

    With --resume it waits for what runs, looks up what is unknown, submits what was never accepted and fetches what is
    ready: one line for each outcome; the exit code is 0 only if all succeeded.
    """

    async def run() -> bool:
        async with options.client(base_url, journal=journal) as kling:
            if not resume:
                await _show(kling, as_json=as_json)
                return True
            async with kling.image2video.resume(concurrency=concurrency, timeout=timeout) as outcomes:
                ends = [
                    await _finish(kling, outcome, directory, as_json=as_json) async for outcome in outcomes
                ]
            return all(ends)

    with reporting(as_json=as_json):
        directory.mkdir(parents=True, exist_ok=True)
        if not asyncio.run(run()):
            sys.exit(OTHER.code)


async def _show(kling: KlingClient, *, as_json: bool) -> None:
    if kling.journal is None:
        return
    for entry in await kling.journal.entries():
        if as_json:
            put_json(
                {
                    "external_task_id": entry.key,
                    "state": entry.state,
                    "task_id": entry.task_id,
                    "error": entry.error,
                    "file": None if entry.file is None else str(entry.file),
                    "sha256": entry.digest,
                }
            )
        else:
            last = entry.file or entry.error or "-"
            put("\t".join(map(shown, (entry.key, entry.state, entry.task_id or "-", last))))


async def _finish(
    kling: KlingClient, outcome: JobOutcome[JobEntry], directory: Path, *, as_json: bool
) -> bool:
    """Fetches a resumed job's video and reports the job; returns whether it succeeded."""
    key = outcome.request.key
    target = directory / f"{options.stem_of(f'{key}.mp4')}.mp4"
    error: Exception | None = outcome.error
    if outcome.task is not None and error is None:
        try:
            await kling.download(outcome.task.videos[0], target)
        except (KlingError, OSError) as failure:
            error = failure
    if as_json:
        document = {"external_task_id": key, "ok": error is None, "file": None if error else str(target)}
        put_json(document | ({} if error is None else {"error": described(error)}))
    else:
        put(f"{shown(key)}\tok\t{target}" if error is None else f"{shown(key)}\tfailed\t{line_of(error)}")
    return error is None
