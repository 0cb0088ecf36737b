"""`kling-async jobs`: what a journal holds, and going on with it without the script that wrote it.

Promises: showing a journal needs no keys and sends nothing; with --resume nothing that was accepted is submitted again,
and each video is on the disk whole or not at all, under the name that its batch gave it, or under its number and picture.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kling_async.cli import options
from kling_async.cli.again import Repeatable, same_command
from kling_async.cli.exits import OTHER, reporting
from kling_async.cli.following import Following
from kling_async.cli.output import put, put_json, shown
from kling_async.cli.places import make_folder
from kling_async.cli.running import error_of, run

if TYPE_CHECKING:
    from kling_async.cli.naming import Name
    from kling_async.cli.resuming import Resumed
    from kling_async.jobs.entry import JobEntry

STATES: Final = ("queued", "unknown", "running", "ready", "done", "failed", "cancelled")
"""The values of `JobState`."""

LONGEST_PROMPT: Final = 60
"""Characters of a prompt that a line shows."""


@click.command(cls=Repeatable, short_help="Shows a journal's jobs, and goes on with them.")
@click.argument("journal", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Show jobs in this state only. Repeatable.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with every job that has not been fetched.")
@click.option("--cancelled", is_flag=True, help="With --resume: also with jobs that were cancelled before they were sent.")  # fmt: skip
@click.option("--directory", "-d", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Where to write the videos; the journal's own folder by default.")  # fmt: skip
@click.option("--concurrency", type=click.IntRange(min=1), help="With --resume: tasks in flight.")
@options.adopt_option
@options.timeout_option
@options.base_url_option
@options.json_option
def jobs(
    journal: Path,
    states: tuple[str, ...],
    directory: Path | None,
    concurrency: int | None,
    timeout: float | None,
    base_url: str | None,
    *,
    resume: bool,
    cancelled: bool,
    adopt: bool,
    as_json: bool,
) -> None:
    """Shows the jobs of JOURNAL: id, state, task, picture, prompt and file or reason, with tabs between. Needs no keys.

    With --resume it waits for what runs, looks up what is unknown, submits what was never accepted and fetches what is
    ready: one line for each outcome; the exit code is 0 only if all succeeded. A journal opens with the keys that wrote
    it, or with --adopt-journal under other keys of the same account.

    \b
    kling-async jobs videos/.kling.sqlite --state failed
    kling-async jobs videos/.kling.sqlite --resume
    """  # noqa: D301 - click's mark for lines that shall not be joined
    if states and resume:
        raise click.UsageError("--state is for showing jobs; --resume goes on with all that are open")
    if cancelled and not resume:
        raise click.UsageError("--cancelled needs --resume; --state cancelled shows such jobs")
    if not resume:
        with reporting(as_json=as_json):
            run(_show(journal, states, as_json=as_json))
        return
    following = Following(base_url, go_on=same_command())
    folder = journal.parent if directory is None else directory
    with reporting(following, as_json=as_json):
        make_folder(folder)
        job = _begun(journal, folder, following, as_json=as_json)
        chosen = {"journal": journal, "adopt_journal": adopt, "max_in_flight": concurrency}
        run(_work(job, journal, base_url, chosen, timeout, cancelled=cancelled), drain=job.drain)
        if job.drain.left_by is not None:
            raise error_of(job.drain.left_by)
        if not job.succeeded:
            sys.exit(OTHER.code)


def _begun(journal: Path, folder: Path, following: Following, *, as_json: bool) -> Resumed:
    from kling_async.cli.naming import read_names  # noqa: PLC0415 - the help shall not wait for it
    from kling_async.cli.resuming import Resumed  # noqa: PLC0415 - as above

    return Resumed(folder, read_names(journal), following, as_json=as_json)


async def _work(
    job: Resumed,
    journal: Path,
    base_url: str | None,
    chosen: dict[str, Any],
    timeout: float | None,
    *,
    cancelled: bool,
) -> None:
    first = f"going on with {journal}"
    async with options.opened(first, base_url, on_event=job.following.see, **chosen) as (kling, screen):
        await job.run(kling, screen, timeout, cancelled=cancelled)


async def _show(journal: Path, states: Sequence[str], *, as_json: bool) -> None:
    from kling_async.cli.naming import read_names  # noqa: PLC0415 - the help shall not wait for it
    from kling_async.jobs.entry import JobState  # noqa: PLC0415 - as above
    from kling_async.jobs.journal_listing import opened_journal  # noqa: PLC0415 - as above

    names = read_names(journal)
    async with opened_journal(journal) as opened:
        for entry in await opened.entries(*map(JobState, states)):
            if as_json:
                put_json(_document(entry, names.get(entry.key)))
            else:
                put(_line(entry))


def _line(entry: JobEntry) -> str:
    from kling_async.cli.naming import picture_of  # noqa: PLC0415 - the help shall not wait for it

    prompt = str(entry.request.get("prompt") or "-")
    short = prompt if len(prompt) <= LONGEST_PROMPT else f"{prompt[: LONGEST_PROMPT - 1]}…"
    cells = (
        entry.key, entry.state, entry.task_id or "-", picture_of(entry.request) or "-", short,
        entry.file or entry.error or "-",
    )  # fmt: skip
    return "\t".join(map(shown, cells))


def _document(entry: JobEntry, name: Name | None) -> dict[str, Any]:
    from kling_async.cli.naming import picture_of  # noqa: PLC0415 - the help shall not wait for it

    return {
        "external_task_id": entry.key,
        "state": entry.state,
        "task_id": entry.task_id,
        "row": None if name is None else name.number,
        "picture": picture_of(entry.request),
        "prompt": entry.request.get("prompt"),
        "model_name": entry.request.get("model_name"),
        "endpoint": entry.endpoint,
        "error": entry.error,
        "file": None if entry.file is None else str(entry.file),
        "sha256": entry.digest,
    }
