"""What a batch says: a line or a document for each row, what a plan comes to, and how it ended. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kling_async.cli.checking import Demand, demand_of, shown_size
from kling_async.cli.exits import described
from kling_async.cli.ongoing import Ongoing, ranges
from kling_async.cli.output import task_document
from kling_async.cli.planning import Due, Plan, Planned
from kling_async.cli.tally import Tally, shown_time
from kling_async.cli.wording import line_of
from kling_async.schema.task import Task

PAID: tuple[Due, ...] = (Due.NEW, Due.AGAIN, Due.UNSENT)
"""What is left to do for rows whose job is still to be paid for."""


def outcome_line(job: Ongoing, error: Exception | None) -> str:
    """A row's outcome for people."""
    if error is None:
        return f"{job.entry}\tok\t{job.output}"
    hint = f"; go on with: {job.command}" if job.goes_on_after(error) else ""
    return f"{job.entry}\tfailed\t{line_of(error)}{hint}"


def outcome_document(job: Ongoing, error: Exception | None, task: Task | None, *, already: bool) -> str:
    """A row's outcome for machines."""
    document: dict[str, Any] = {
        "row": job.entry,
        "ok": error is None,
        "task_id": job.task_id,
        "external_task_id": job.external_task_id,
    }
    if task is not None:
        document |= task_document(task)
    document["file"] = str(job.output) if error is None else None
    document["already"] = already
    if error is not None:
        document["error"] = described(error)
        document["resume"] = job.command if job.goes_on_after(error) else None
    return json.dumps(document)


def demand(rows: Sequence[Planned]) -> Demand:
    """What rows come to."""
    return demand_of([each.row.request for each in rows if each.row.request is not None])


def plan_lines(plan: Plan, journal: Path) -> Iterator[str]:
    """What a plan comes to, for people."""
    earlier = [(due, plan.due(due)) for due in Due if due is not Due.NEW]
    known = [f"{len(rows)} {due.value}" for due, rows in earlier if rows]
    if known:
        new = len(plan.due(Due.NEW))
        yield f"going on with {journal}: {', '.join([*known, *([f'{new} new'] if new else [])])}"
    paid = demand(plan.due(*PAID))
    if paid.jobs:
        yield f"to be paid for: {_jobs(paid)}"
    else:
        yield "nothing is to be paid for"
    again = demand(plan.due(Due.AGAIN))
    if again.jobs:
        yield f"  of these, {_jobs(again)} are paid for again, since their job failed"


def plan_document(plan: Plan) -> dict[str, Any]:
    """What a plan comes to, for machines."""
    paid, again = demand(plan.due(*PAID)), demand(plan.due(Due.AGAIN))
    return {
        "rows": len(plan.rows),
        "jobs": paid.jobs,
        "seconds": paid.seconds,
        "retried": again.jobs,
        "already": len(plan.due(Due.THERE)),
        "going_on": len(plan.due(Due.GOES_ON, Due.FETCH)),
        "failed": len(plan.due(Due.FAILED)),
        "files": [f"{each.name.name}.mp4" for each in plan.rows],
    }


def summary_lines(
    tally: Tally, already: int, seconds: float, directory: Path, failed: Sequence[int], retry: str | None
) -> Iterator[str]:
    """How a batch ended, for people.

    Args:
        tally: Its numbers.
        already: Rows whose video was there before.
        seconds: How long it took.
        directory: Where the videos are.
        failed: The rows whose job has failed, in order.
        retry: The command that makes new jobs of them.
    """
    there = f" ({already} there already)" if already else ""
    fetched = f", {shown_size(tally.bytes)} fetched" if tally.bytes else ""
    rows = f"{tally.total} row{'s' * (tally.total != 1)}"
    yield f"{rows}: {tally.done} done{there}, {tally.failed} failed, in {shown_time(seconds)}{fetched}; results in {directory}"
    if failed and retry is not None:
        yield f"failed at the service: {ranges(failed)}; new jobs, which are paid for: {retry}"


def _jobs(demand: Demand) -> str:
    jobs = "1 job" if demand.jobs == 1 else f"{demand.jobs} jobs"
    return f"{jobs}, {demand.seconds} seconds of video"
