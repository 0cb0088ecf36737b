"""`kling-async batch`: many pictures in, many videos out.

Promises: every row is checked before anything is paid for, and all that is wrong is told at once; what a row has become is
in a journal beside the videos, so that the same command run again goes on, pays for nothing twice and fetches nothing that
is on the disk; an interrupted command says what was never sent, what may have been created, what goes on, and the command
that continues.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kling_async.cli import options
from kling_async.cli.again import Repeatable, same_command
from kling_async.cli.exits import OTHER, code_of, reporting
from kling_async.cli.fields import IMAGE2VIDEO, options_of
from kling_async.cli.following import Following
from kling_async.cli.output import put, put_json
from kling_async.cli.places import make_folder
from kling_async.cli.running import error_of, run
from kling_async.cli.wording import line_of
from kling_async.errors import ConfigurationError

if TYPE_CHECKING:
    from kling_async.cli.batch_run import BatchRun
    from kling_async.cli.preparing import Prepared, Wishes
    from kling_async.cli.rows import Row

JOURNAL: Final = ".kling.sqlite"
"""Name of the journal beside the videos."""


@click.command(
    cls=Repeatable, short_help="Makes a video of each picture of a folder, or of each row of a manifest."
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path(exists=True, allow_dash=True))  # fmt: skip
@options_of(IMAGE2VIDEO)
@options.directory_option
@click.option("--dry-run", is_flag=True, help="Check everything, say what would be paid for, and stop. Needs no keys.")  # fmt: skip
@click.option("--retry-failed", is_flag=True, help="Make new jobs of those that failed; they are paid for again.")  # fmt: skip
@click.option("--accept-changes", is_flag=True, help="Make new jobs of rows that have changed since their job was paid for.")  # fmt: skip
@click.option("--concurrency", type=click.IntRange(min=1), help="Tasks in flight; as many as the account takes by default.")  # fmt: skip
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=f"The record of the jobs, by which the same command goes on; {JOURNAL} beside the videos by default.")  # fmt: skip
@click.option("--no-gallery", is_flag=True, help="Write no page of the results; index.html beside the videos by default.")  # fmt: skip
@options.adopt_option
@options.timeout_option
@options.capabilities_option
@options.base_url_option
@options.json_option
def batch(
    sources: tuple[str, ...],
    directory: Path,
    concurrency: int | None,
    journal: Path | None,
    timeout: float | None,
    capabilities: str,
    base_url: str | None,
    *,
    dry_run: bool,
    retry_failed: bool,
    accept_changes: bool,
    no_gallery: bool,
    adopt: bool,
    as_json: bool,
    **fields: Any,
) -> None:
    """Makes a video of each row of SOURCE: folders of pictures, manifests, or both; - is a manifest on stdin.

    A manifest is JSON (a line or an array item for each row) or CSV, in UTF-8; its names are the API reference's fields,
    and its pictures are URLs or files, relative to it. Options that describe a video hold for each row that does not say
    otherwise. Everything is checked before anything is paid for.

    The videos are named after the row's number and picture, as in 007-cat.mp4, with what was asked for and what came of it
    beside it, in 007-cat.json. One line for each outcome: row, ok or failed, file or reason. The same command run again
    goes on where it was. The exit code is 0 only if all succeeded.

    \b
    kling-async batch stills/ --prompt "slow zoom" --model-name kling-v2-6 -d videos
    kling-async batch shots.csv -d videos --dry-run
    """  # noqa: D301 - click's mark for lines that shall not be joined
    following = Following(base_url, go_on=same_command(without=("--retry-failed", "--dry-run")))
    with reporting(following, as_json=as_json):
        click.echo(f"checking {', '.join(sources)}", err=True)
        with _refusals(as_json=as_json):
            rows, wishes, prepared = _prepared(
                sources,
                fields,
                directory=directory,
                journal=journal or directory / JOURNAL,
                capabilities=capabilities,
                retry_failed=retry_failed,
                accept_changes=accept_changes,
            )
        _tell(prepared, wishes.journal, dry_run=dry_run, as_json=as_json)
        if dry_run:
            return
        make_folder(directory)
        retry = same_command(without=("--retry-failed",), also=("--retry-failed",))
        job = _begun(prepared, wishes, following, retry, as_json=as_json)
        chosen = {
            "journal": wishes.journal,
            "adopt_journal": adopt,
            "max_in_flight": concurrency,
            "capabilities": capabilities,
        }
        run(_work(job, f"batch of {len(rows)} rows", base_url, chosen, timeout), drain=job.drain)
        if not no_gallery:
            _write_gallery(directory)
        if job.drain.left_by is not None:
            raise error_of(job.drain.left_by)
        if not job.succeeded:
            sys.exit(OTHER.code)


batch.params = [each for each in batch.params if each.name != "external_task_id"]  # an id is one job's alone


def _prepared(
    sources: tuple[str, ...], fields: dict[str, Any], **wished: Any
) -> tuple[list[Row], Wishes, Prepared]:
    from kling_async.cli import preparing  # noqa: PLC0415 - the help shall not wait for it
    from kling_async.cli.rows import defaults_of  # noqa: PLC0415 - as above

    wishes = preparing.Wishes(**wished)
    rows, notes = preparing.read_rows(sources, defaults_of(fields))
    for note in notes:
        click.echo(note, err=True)
    return rows, wishes, run(preparing.prepare(rows, wishes))


def _begun(
    prepared: Prepared, wishes: Wishes, following: Following, retry: str, *, as_json: bool
) -> BatchRun:
    """The run of a batch, whose names are on the disk from here on."""
    from kling_async.cli.batch_run import BatchRun  # noqa: PLC0415 - the help shall not wait for it
    from kling_async.cli.naming import write_names  # noqa: PLC0415 - as above

    names = {each.key: each.name for each in prepared.plan.rows}
    write_names(wishes.journal, prepared.plan.names | names)
    return BatchRun(prepared.plan, wishes.directory, following, retry, as_json=as_json)


async def _work(
    job: BatchRun, first: str, base_url: str | None, chosen: dict[str, Any], timeout: float | None
) -> None:
    async with options.opened(first, base_url, on_event=job.see, **chosen) as (kling, screen):
        await job.run(kling, screen, timeout)


def _write_gallery(directory: Path) -> None:
    """Writes the page of a folder's results; what is in its way is told, and ends nothing."""
    from kling_async.gallery.write import write_gallery  # noqa: PLC0415 - the help shall not wait for it

    try:
        written = write_gallery(directory)
    except (ConfigurationError, OSError) as error:
        click.echo(f"no gallery: {line_of(error)}", err=True)
    else:
        click.echo(f"gallery: {written.path}", err=True)


def _tell(prepared: Prepared, journal: Path, *, dry_run: bool, as_json: bool) -> None:
    """Says what a batch comes to, before anything is paid for; the result of a dry run is on stdout."""
    from kling_async.cli import batch_output, tables  # noqa: PLC0415 - the help shall not wait for it

    for note in prepared.notes:
        click.echo(note, err=True)
    doubtful = [*prepared.doubts, *prepared.unsupported]
    if doubtful:
        click.echo("warning: nothing forbids these, and they are hardly meant, or will be refused", err=True)
        for line in tables.problem_lines(doubtful):
            click.echo(line, err=True)
    lines = list(batch_output.plan_lines(prepared.plan, journal))
    if dry_run and as_json:
        unsupported = [each.document() for each in prepared.unsupported]
        doubts = [each.document() for each in prepared.doubts]
        document = {"unsupported": unsupported, "doubts": doubts}
        put_json({**batch_output.plan_document(prepared.plan), **document})
        return
    for line in lines:
        click.echo(line, err=not dry_run)
    if dry_run:
        count = len(prepared.plan.rows)
        put(f"{count} row{'s' * (count != 1)} checked; nothing was sent")


@contextmanager
def _refusals(*, as_json: bool) -> Iterator[None]:
    """A block whose refused rows end the command with one table of them."""
    from kling_async.cli.preparing import RefusedRowsError  # noqa: PLC0415 - the help shall not wait for it
    from kling_async.cli.tables import problem_lines  # noqa: PLC0415 - as above

    try:
        yield
    except RefusedRowsError as error:
        rows = len({each.row for each in error.rows})
        click.echo(f"error: {rows} row{'s' * (rows != 1)} cannot be used; nothing was sent", err=True)
        for line in problem_lines(error.rows):
            click.echo(line, err=True)
        if as_json:
            put_json({"error": {"type": "ValidationError", "exit_code": code_of(error)}, "rows": [each.document() for each in error.rows]})  # fmt: skip
        sys.exit(code_of(error))
