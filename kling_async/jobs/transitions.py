"""How a job's row changes from one state to the next.

Promises: a job that has a task never becomes one that may be sent; a damaged row is never sent, and becomes a sound one
when its task was found. Each function is one step in the journal's thread, and may be taken twice.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from kling_async.errors import JournalError, KlingError, harmless
from kling_async.jobs.entry import JobEntry, JobState
from kling_async.jobs.request_record import fingerprint
from kling_async.jobs.rows import DAMAGED, LOST, JobTable, Row, Stored
from kling_async.schema.task import Task, read_task


def entry_of(stored: Stored) -> JobEntry:
    """What users and jobs see of a row; a damaged one is unknown, and its error says why.

    Raises:
        JournalError: The row is as it was written and cannot be understood all the same.
    """
    row = stored.row
    try:
        return JobEntry(
            row.key,
            row.endpoint,
            JobState.UNKNOWN if row.state == DAMAGED else JobState(row.state),
            {} if row.request == LOST else dict(json.loads(row.request)),
            None if row.sent_at is None else float(row.sent_at),
            row.task_id,
            None if row.task is None else read_task(json.loads(row.task)),
            row.error,
            None if row.file is None else Path(os.fsdecode(row.file)),
            row.digest,
        )
    except (ValueError, TypeError, RecursionError, KlingError) as error:
        raise JournalError(f"the journal's entry of job {harmless(row.key)} is damaged: {error}") from None


def met(table: JobTable, key: str, endpoint: str, request: str) -> tuple[Stored, Stored]:
    """The job of this key as it was and as it is now; recorded as queued if it is new.

    A cancelled job is queued again. A damaged one learns its request again, and stays damaged.

    Raises:
        JournalError: The key belongs to another request or endpoint.
    """
    stored = table.find(key)
    if stored is None:
        stored = table.insert(Row(_text(key), endpoint, JobState.QUEUED, request))
        return stored, stored
    row = stored.row
    if row.request == LOST:
        return stored, table.replace(stored, endpoint=endpoint, request=request)
    if row.endpoint != endpoint or not _is_same(row.request, request):
        raise JournalError(f"job {harmless(key)} is in the journal already, with another request")
    if row.state == JobState.CANCELLED:
        return stored, table.replace(stored, state=JobState.QUEUED)
    return stored, stored


def intended(table: JobTable, key: str, now: float) -> bool:
    """Records that a create is about to be sent; returns whether the job was certainly not sent before.

    Raises:
        JournalError: The job must not be sent.
    """
    stored = _known(table, key)
    row = stored.row
    if row.state == DAMAGED:
        raise JournalError(
            f"the journal's entry of job {harmless(key)} is damaged and its task was not found; it may have been"
            " paid for, so it is not sent again"
        )
    if row.task_id is not None or row.state not in {JobState.QUEUED, JobState.UNKNOWN, JobState.CANCELLED}:
        raise JournalError(f"job {harmless(key)} has a task already ({row.task_id}); it is not sent again")
    table.replace(stored, state=JobState.UNKNOWN, sent_at=repr(float(now)), error=None)
    return row.state != JobState.UNKNOWN


def refused(table: JobTable, key: str, reason: str) -> None:
    """Records that the create was refused or never left."""
    stored = _known(table, key)
    if stored.row.task_id is None and stored.row.state in {JobState.QUEUED, JobState.UNKNOWN}:
        table.replace(stored, state=JobState.QUEUED, error=reason)


def cancelled(table: JobTable, key: str, *, was_queued: bool) -> None:
    """Records that the caller cancelled the job before anything was sent.

    Args:
        table: The rows.
        key: The job's key.
        was_queued: Whether an unknown row is unknown only by an intent of this process.
    """
    stored = _known(table, key)
    if stored.row.state == JobState.QUEUED or (stored.row.state == JobState.UNKNOWN and was_queued):
        table.replace(stored, state=JobState.CANCELLED)


def accepted(table: JobTable, key: str, task: Task) -> None:
    """Records the job's task; what is known of its end stays if it is the same task."""
    stored = _known(table, key)
    if stored.row.task_id == task.task_id and stored.row.state not in {JobState.UNKNOWN, DAMAGED}:
        return
    table.replace(
        stored,
        state=JobState.RUNNING,
        task_id=_text(task.task_id),
        task=None,
        error=None,
        file=None,
        digest=None,
    )


def ended(table: JobTable, task: Task) -> None:
    """Records a task's end, if it is the task of a job."""
    stored = table.of_task(task.task_id)
    if stored is None or stored.row.state not in {JobState.RUNNING, JobState.UNKNOWN}:
        return
    table.replace(
        stored,
        state=JobState.READY if task.succeeded else JobState.FAILED,
        task=json.dumps(dict(task.raw)),
        error=harmless(task.status_message, 1000) or None,
    )


def fetched(table: JobTable, task_id: str, file: Path, digest: str) -> None:
    """Records where a task's video is, if it is the task of a job; the name is kept byte by byte."""
    stored = table.of_task(task_id)
    if stored is not None:
        table.replace(stored, state=JobState.DONE, file=os.fsencode(file), digest=digest)


def _known(table: JobTable, key: str) -> Stored:
    stored = table.find(key)
    if stored is None:
        raise JournalError(f"the journal has no job {harmless(key)}")
    return stored


def _is_same(one: str, other: str) -> bool:
    return one == other or fingerprint(json.loads(one)) == fingerprint(json.loads(other))


def _text(given: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        raise JournalError(f"the id {harmless(given)!r} cannot be recorded: it is not UTF-8") from None
    return given
