"""What a queue holds, for people and for pages that show progress.

Promises: reads only, but for `requeue`; what cannot be read as a job of this library is shown as what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from attrs import frozen
from pgqueuer.queries import Queries
from pgqueuer.types import JobId

from kling_async.errors import ValidationError
from kling_async.integrations.payload import read_payload
from kling_async.integrations.pgqueuer import ENTRYPOINT, Connection, queries_of, with_schema

_NAMES: Final = {"queued": "queued", "picked": "running", "failed": "held"}


@frozen
class QueueState:
    """How many jobs are where."""

    queued: int = 0
    """Waiting for a slot, those that were put back included."""

    running: int = 0
    """Taken by a worker."""

    held: int = 0
    """Not to be run again without somebody's word: see `held_jobs`."""

    done: int = 0
    """Stored, in the last 30 days."""


@frozen
class HeldJob:
    """A job that nobody can go on with."""

    row: int
    """Its row in the queue."""

    key: str
    """Its `external_task_id`; empty if the payload cannot be read."""

    reason: str
    """Why it is held."""


async def queue_state(connection: Connection) -> QueueState:
    """Counts the queue's jobs.

    Raises:
        ConfigurationError: The queue's tables are missing or of another version.
    """
    queries = queries_of(connection)
    counts = dict.fromkeys(_NAMES.values(), 0)
    for each in await with_schema(queries.queue_size()):
        if each.entrypoint == ENTRYPOINT and each.status in _NAMES:
            counts[_NAMES[each.status]] += each.count
    done = [
        each.total_count
        for each in await with_schema(queries.throughput_summary(timedelta(days=30)))
        if each.entrypoint == ENTRYPOINT and each.status == "successful"
    ]
    return QueueState(done=sum(done), **counts)


async def held_jobs(connection: Connection, limit: int = 100) -> list[HeldJob]:
    """The jobs that are held, with their reasons, the newest first.

    Args:
        connection: See `pgqueuer.Connection`.
        limit: At most so many.

    Raises:
        ConfigurationError: The queue's tables are missing or of another version.
    """
    queries, found = queries_of(connection), []
    for job in await with_schema(queries.list_failed_jobs(limit)):
        if job.entrypoint != ENTRYPOINT:
            continue
        try:
            key = read_payload(job.payload).key
        except ValidationError:
            key = ""
        found.append(HeldJob(job.id, key, await _reason(queries, job.id)))
    return found


async def job_in_queue(connection: Connection, key: str) -> tuple[str, str] | None:
    """Where one job is, for a page that shows its progress.

    Args:
        connection: See `pgqueuer.Connection`.
        key: The job's `external_task_id`.

    Returns:
        `queued`, `running` or `held`, and for a held job the reason; None if no row has it: it was never queued, or it is
        done.

    Raises:
        ConfigurationError: The queue's tables are missing or of another version.
    """
    queries = queries_of(connection)
    table = queries.qbq.qualified.queue_table
    asked = f"SELECT id, status::text FROM {table} WHERE dedupe_key = $1 ORDER BY id DESC LIMIT 1"  # noqa: S608 - PgQueuer's own name
    rows = await with_schema(queries.driver.fetch(asked, key))
    if not rows:
        return None
    state = _NAMES.get(str(rows[0]["status"]), "queued")
    return state, await _reason(queries, JobId(int(str(rows[0]["id"])))) if state == "held" else ""


async def _reason(queries: Queries, row: JobId) -> str:
    history = await queries.job_log_history(row)
    told = [each.traceback.exception_message for each in history if each.traceback is not None]
    return told[-1] if told else "no reason was recorded"


async def requeue(connection: Connection, rows: Sequence[int]) -> None:
    """Puts held jobs back; a job that has a task meets it again and pays nothing.

    Raises:
        ConfigurationError: The queue's tables are missing or of another version.
    """
    await with_schema(queries_of(connection).requeue_jobs([JobId(row) for row in rows]))
