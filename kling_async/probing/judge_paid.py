"""Compares what one job showed with the assumptions. Pure: a job in, a verdict for each assumption out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from kling_async.errors import harmless
from kling_async.jobs.submission import SETTLE
from kling_async.probing.answers import external_id, members
from kling_async.probing.caller import task_id_of
from kling_async.probing.judge_tasks import (
    row_verdict,
    shape_verdict,
    statuses_verdict,
    times_verdict,
    units_verdict,
)
from kling_async.probing.paid import CALLED_BACK, LOOKED_FOR, Job
from kling_async.probing.verdict import Verdict, differs, holds, unseen
from kling_async.schema.task import TaskStatus


def _created(job: Job) -> Verdict:
    answer = job.created
    if answer.code != 0:
        return unseen(answer.shown)
    data = members(answer.data)
    if not isinstance(data.get("task_id"), str):
        return differs("task_id is not a text")
    if data.get("task_status") != TaskStatus.SUBMITTED:
        return differs(f"task_status is {harmless(str(data.get('task_status')), 40)}")
    name = external_id(data)
    if name is None:
        return differs("the external id is not repeated")
    return holds() if name == job.external_task_id else differs("another external id came")


def _read(job: Job) -> Verdict:
    return _found(job, "task id", "external id")


def _listed(job: Job) -> Verdict:
    return _found(job, "list")


def _found(job: Job, *ways: str) -> Verdict:
    """Whether the task was found in each of these ways soon enough."""
    if not all(way in job.found_after for way in ways):
        return unseen("the create had no clear answer")
    times = {way: job.found_after[way] for way in ways}
    shown = ", ".join(
        f"{way}: not within {LOOKED_FOR:.0f} s" if after is None else f"{way}: after {after:.1f} s"
        for way, after in times.items()
    )
    soon = all(after is not None and after <= SETTLE for after in times.values())
    return holds(shown) if soon else differs(shown)


def _looked_up(job: Job) -> Verdict:
    after = job.found_after.get("external id")
    return unseen("the job was not found by its external id") if after is None else holds()


def _repeated(job: Job) -> Verdict:
    answer = job.repeated
    if answer.code == 0:
        same = task_id_of(answer) == job.task_id
        return differs(f"{answer.shown}: {'the same task again' if same else 'a SECOND task'}")
    if answer.beside_the_point:
        return unseen(answer.shown)
    right = answer.http_status == 400 and answer.code == 1201 and "already exist" in answer.message.lower()
    return holds() if right else differs(answer.shown)


def _seen_tasks(job: Job) -> list[Mapping[str, Any]]:
    return [members(each.data) for each in (job.created, job.ended) if each.code == 0]


def _callback(job: Job) -> Verdict:
    if job.callbacks is None:
        return unseen("nothing listened; --callback-url and --callback-port make it listen")
    if not job.callbacks:
        return differs(f"none came until {CALLED_BACK:.0f} s after the end")
    wrong = [body for body in job.callbacks if members(body).get("task_id") != job.task_id]
    if wrong:
        names = ", ".join(sorted(members(wrong[0]))) or "no object"
        return differs(f"another shape: {harmless(names, 100)}")
    statuses = [harmless(str(members(body).get("task_status")), 20) for body in job.callbacks]
    return holds(", ".join(statuses))


def _file(job: Job) -> Verdict:
    if job.file is None:
        return unseen("the task has no result")
    return holds() if job.file_status == 206 else differs(job.file)


PAID: Final[Mapping[str, Callable[[Job], Verdict]]] = {
    "create-answer": _created,
    "read-after-write": _read,
    "list-after-write": _listed,
    "repeated-id": _repeated,
    "callback": _callback,
    "result-file": _file,
}
"""What compares each assumption that takes a job."""

AGAIN: Final[Mapping[str, Callable[[Job], Verdict]]] = {
    "status-words": lambda job: statuses_verdict(_seen_tasks(job)),
    "times-in-milliseconds": lambda job: times_verdict(_seen_tasks(job)),
    "look-up-by-external-id": _looked_up,
    "list-row": lambda job: row_verdict(job.row, job.ended),
    "result-shape": lambda job: shape_verdict(job.ended),
    "units": lambda job: units_verdict(job.ended),
}
"""Free assumptions that a job shows too, for an account that had no finished task."""
