"""From what a batch was given to its plan: rows read and checked, the journal read, every row's job found.

Promises: nothing is sent and nothing is written; whatever is wrong comes out together, as `RefusedRowsError`, before anything is
paid for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from anyio import to_thread
from attrs import frozen

from kling_async.cli import checking
from kling_async.cli.naming import Name, read_names
from kling_async.cli.places import place_problem
from kling_async.cli.planning import Due, Plan, planned
from kling_async.cli.rows import Row, rows_of
from kling_async.cli.sources import read_sources
from kling_async.cli.steps import IMAGE2VIDEO
from kling_async.cli.tables import RowProblem
from kling_async.errors import Problem, ValidationError
from kling_async.jobs import request_record
from kling_async.jobs.entry import JobEntry
from kling_async.jobs.journal_listing import opened_journal
from kling_async.schema.image2video import Image2VideoFields
from kling_async.schema.models import MODELS, retirement_warning
from kling_async.session.submit import new_external_id

FIELDS: Final = frozenset({*Image2VideoFields.__annotations__, "model"})
"""What a column can be; `model` is dropped, as the API reference says."""


class RefusedRowsError(ValidationError):
    """Rows that cannot be used; nothing was sent.

    Attributes:
        rows: What is wrong with each.
    """

    def __init__(self, rows: Sequence[RowProblem]) -> None:
        self.rows: list[RowProblem] = list(rows)
        super().__init__(Problem(f"row {each.row}, {each.field}", each.message) for each in rows)


@frozen(kw_only=True)
class Wishes:
    """What the command's options say about the rows."""

    directory: Path
    """Where the videos are to be written."""

    journal: Path
    """The journal; it need not exist."""

    capabilities: str = "error"
    """What to do about a request that the capability map does not allow."""

    retry_failed: bool = False
    """Whether jobs that failed get a new job."""

    accept_changes: bool = False
    """Whether rows that have changed since their job was recorded get a new job."""


@frozen(kw_only=True)
class Prepared:
    """A batch that can be run."""

    plan: Plan
    """Every row and what is left to do for it."""

    notes: list[str]
    """What people should know before it is paid for."""

    unsupported: list[RowProblem]
    """What the capability map says that models do not take, if that does not refuse the rows."""

    doubts: list[RowProblem]
    """What is unlikely to be meant, such as a path that leaves its picture."""


def read_rows(sources: Sequence[str], defaults: Mapping[str, Any]) -> tuple[list[Row], list[str]]:
    """The rows of folders and manifests, and notes on what was left out.

    Raises:
        ValidationError: A manifest or a folder cannot be used as a whole.
        OSError: A file or folder cannot be read.
    """
    found = read_sources(sources, FIELDS)
    return rows_of(found.rows, defaults), found.notes


async def check_rows(rows: Sequence[Row], capabilities: str) -> tuple[list[RowProblem], list[RowProblem]]:
    """Checks the rows and their pictures.

    Args:
        rows: The rows.
        capabilities: What to do about a request that the capability map does not allow.

    Returns:
        What the capability map says that models do not take, if that does not refuse the rows; and what is unlikely to be
        meant.

    Raises:
        RefusedRowsError: Rows that cannot be used, all of them.
    """
    problems = [
        RowProblem(row.number, row.field(each.path), each.message) for row in rows for each in row.problems
    ]
    pictures = await checking.checked_pictures(rows)
    problems += pictures.problems
    unsupported = [] if capabilities == "off" else list(checking.model_problems(rows))
    if capabilities == "error":
        problems, unsupported = problems + unsupported, []
    if problems:
        raise RefusedRowsError(sorted(problems, key=lambda each: each.row))
    return unsupported, pictures.warnings


async def prepare(rows: Sequence[Row], wishes: Wishes) -> Prepared:
    """Checks every row and plans the batch.

    Raises:
        RefusedRowsError: Rows that cannot be used, all of them; nothing was sent.
        BadParameter: The output folder cannot be used, or its disk is full.
        JournalError: The journal cannot be read.
    """
    folder = checking.folder_problem(wishes.directory)
    if folder is not None:
        raise _unusable(folder)
    unsupported, doubts = await check_rows(rows, wishes.capabilities)
    plan = await _planned(rows, wishes)
    problems = [*_changed(plan, wishes), *_places(plan, wishes), *_named_again(plan)]
    if problems:
        raise RefusedRowsError(sorted(problems, key=lambda each: each.row))
    notes = _notes(rows, plan, wishes)
    return Prepared(plan=plan, notes=notes, unsupported=unsupported, doubts=doubts)


async def _planned(rows: Sequence[Row], wishes: Wishes) -> Plan:
    entries: list[JobEntry] = []
    if wishes.journal.exists():
        async with opened_journal(wishes.journal) as journal:
            entries = [entry for entry in await journal.entries() if entry.endpoint in {IMAGE2VIDEO, ""}]
    recorded: dict[int, Mapping[str, Any]] = {}
    if entries:
        for row in rows:
            if row.request is not None:
                recorded[row.number] = await request_record.record(row.request)
    there = await to_thread.run_sync(_on_disk, entries)

    def is_there(entry: JobEntry, name: Name) -> bool:
        return entry.key in there or (
            entry.digest is None and entry.key in names and (wishes.directory / f"{name.name}.mp4").is_file()
        )  # a file gets its name when it is whole, and a process can be killed before that is recorded

    names = read_names(wishes.journal)
    return planned(
        rows,
        recorded,
        entries,
        names,
        retry_failed=wishes.retry_failed,
        is_there=is_there,
        new_key=new_external_id,
    )


def _on_disk(entries: Sequence[JobEntry]) -> set[str]:
    """The jobs whose video is on the disk as it was fetched; runs in a thread."""
    return {entry.key for entry in entries if entry.file is not None and _digest(entry.file) == entry.digest}


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _changed(plan: Plan, wishes: Wishes) -> list[RowProblem]:
    """Rows that have changed since their job was paid for."""
    hint = "put it back, or give --accept-changes for a new job, which is paid for"
    return [
        RowProblem(each.row, each.field, each.what if each.final else f"{each.what}; {hint}")
        for each in plan.changes
        if each.final or (each.paid and not wishes.accept_changes)
    ]


def _places(plan: Plan, wishes: Wishes) -> list[RowProblem]:
    """Files that are there and are nobody's, and places that cannot be written to."""
    found: list[RowProblem] = []
    for each in plan.rows if wishes.directory.is_dir() else ():
        path = wishes.directory / f"{each.name.name}.mp4"
        if each.due is Due.NEW and (taken := _taken(path, path.with_suffix(".json"))) is not None:
            message = (
                f"{taken} exists already and is not a result of this batch; move it, or choose another folder"
            )
            found.append(RowProblem(each.row.number, "output", message))
        elif each.due not in {Due.THERE, Due.FAILED} and (problem := place_problem(path)) is not None:
            found.append(RowProblem(each.row.number, "output", problem))
    return found


def _named_again(plan: Plan) -> list[RowProblem]:
    message = "its job has failed, and an id has one job; give the row another id, or none"
    again = plan.due(Due.AGAIN)
    return [
        RowProblem(each.row.number, "external_task_id", message) for each in again if each.row.key is not None
    ]


def _notes(rows: Sequence[Row], plan: Plan, wishes: Wishes) -> list[str]:
    requests = [row.request for row in rows if row.request is not None]
    notes = [f"row {each.row}: {each.what}; a new job is made" for each in plan.changes]
    if plan.left_over:
        count = len(plan.left_over)
        notes.append(
            f"{count} unfinished job{'s' * (count > 1)} of the journal belong{'s' * (count == 1)} to no row; "
            f"see and go on with: kling-async jobs {wishes.journal}"
        )
    warnings = dict.fromkeys(retirement_warning(request.model_name) for request in requests)
    notes += [f"warning: {warning}" for warning in warnings if warning is not None]
    unknown = sorted({request.kind[0] for request in requests} - MODELS["image2video"].keys())
    if unknown:
        notes.append(f"the capability map does not know, and does not judge: {', '.join(unknown)}")
    due = [
        each.row.request
        for each in plan.rows
        if each.row.request is not None and each.due not in {Due.THERE, Due.FAILED}
    ]
    disk = checking.disk_problem(wishes.directory, checking.demand_of(due))
    if disk is not None:
        if disk[1]:
            raise _unusable(disk[0])
        notes.append(f"warning: {disk[0]}")
    return notes


def _taken(*paths: Path) -> Path | None:
    """The first of the paths at which there is anything, a dangling link included."""
    return next((path for path in paths if path.exists() or path.is_symlink()), None)


def _unusable(reason: str) -> click.BadParameter:
    return click.BadParameter(f"{reason}; nothing was sent.", param_hint="'--directory' / '-d'")
