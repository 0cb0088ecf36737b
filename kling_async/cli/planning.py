"""Which job of the journal each row of a batch is, and what is left to do for it.

Promises: rows and jobs are compared by the journal's own fingerprint of what is asked for, so that a job that was paid for
is met again wherever its row stands now; a row that has changed since is told apart from a new one, and a job without a
row is told of. Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from kling_async.cli.changes import Change, changes_of
from kling_async.cli.known_jobs import UNPAID, Known
from kling_async.cli.naming import Name, named
from kling_async.cli.rows import Row
from kling_async.jobs.entry import JobEntry, JobState
from kling_async.jobs.request_record import fingerprint


class Due(enum.Enum):
    """What is left to do for a row."""

    NEW = "new"
    """A job that was never recorded; it is paid for."""

    AGAIN = "retried"
    """A new job in the place of one that failed; it is paid for again."""

    UNSENT = "recorded, and not accepted yet"
    """A job of which nothing was accepted; it is sent, and paid for."""

    GOES_ON = "going on"
    """A job that the service has, or may have."""

    FETCH = "to be fetched"
    """A job that has succeeded and whose video is not on the disk."""

    THERE = "there already"
    """A job whose video is on the disk."""

    FAILED = "failed"
    """A job that has failed, and is not paid for again."""


@frozen
class Planned:
    """One row and its job."""

    row: Row
    """The row."""

    key: str
    """The job's own id."""

    name: Name
    """What its files are called."""

    due: Due
    """What is left to do."""

    entry: JobEntry | None = None
    """The job as the journal has it; None if it has none."""


@frozen
class Plan:
    """A whole batch."""

    rows: list[Planned]
    """Every row, in order."""

    changes: list[Change] = field(factory=list)
    """Rows that have changed since their job was recorded."""

    left_over: list[JobEntry] = field(factory=list)
    """Unfinished jobs that no row asks for."""

    names: dict[str, Name] = field(factory=dict)
    """The names of the journal's jobs, as far as they are known."""

    def due(self, *kinds: Due) -> list[Planned]:
        """The rows of which this is left to do."""
        return [each for each in self.rows if each.due in kinds]


def planned(
    rows: Sequence[Row],
    recorded: Mapping[int, Mapping[str, Any]],
    entries: Sequence[JobEntry],
    names: Mapping[str, Name],
    *,
    retry_failed: bool,
    is_there: Callable[[JobEntry, Name], bool],
    new_key: Callable[[], str],
) -> Plan:
    """Plans a batch.

    Args:
        rows: The rows, all of them good.
        recorded: Each row's request as the journal records it, by the row's number; may be empty if there are no jobs.
        entries: The journal's jobs, in the order of their recording.
        names: What is known of the jobs' names.
        retry_failed: Whether jobs that failed get a new job.
        is_there: Whether a job's video is on the disk, whole.
        new_key: Makes an id.
    """
    prints = {number: fingerprint(dict(each)) for number, each in recorded.items()} if entries else {}
    jobs = Known(entries, names)
    claimed = jobs.claimed(rows, prints)
    kept = {key: each for key, each in names.items() if jobs.under(key) is not None}
    taken = {each.name.casefold() for each in kept.values()}
    made: list[Planned] = []
    for row in rows:
        entry = claimed.get(row.number)
        due = Due.NEW if entry is None else _due(entry, retry_failed=retry_failed)
        name = None if entry is None else names.get(entry.key)
        if name is None:
            name = named(row.number, len(rows), row.stem, taken)
            taken.add(name.name.casefold())
        if entry is not None and due is Due.FETCH and is_there(entry, name):
            due = Due.THERE
        key = new_key() if entry is None or due is Due.AGAIN else entry.key
        made.append(Planned(row, (row.key or key) if due is Due.NEW else key, name, due, entry))
    left = jobs.left(claimed.values(), set(prints.values()))
    new = [each.row for each in made if each.due is Due.NEW]
    changes, others = changes_of(new, recorded, left, jobs, names)
    unfinished = [each for each in others if each.state not in {JobState.DONE, JobState.FAILED}]
    return Plan(made, changes, unfinished, kept)


def _due(entry: JobEntry, *, retry_failed: bool) -> Due:
    if entry.state is JobState.FAILED:
        return Due.AGAIN if retry_failed else Due.FAILED
    if entry.state in {JobState.DONE, JobState.READY}:
        return Due.FETCH
    return Due.UNSENT if entry.state in UNPAID and entry.task_id is None else Due.GOES_ON
