"""The one decision on what a job goes on with. Pure: what is known of the job in, its next step out.

Promises: what has a task is never sent again; a create that may have left is looked up before anything is sent.
"""

from __future__ import annotations

import enum

from kling_async.jobs.entry import JobEntry, JobState
from kling_async.jobs.known import KnownJob


class Step(enum.Enum):
    """What a job goes on with."""

    COLLECT = enum.auto()
    """Its task has ended; nothing is sent."""

    WAIT = enum.auto()
    """It has a task, which is waited for."""

    LOOK_UP = enum.auto()
    """A create may have left; it is looked up first."""

    SEND = enum.auto()
    """Nothing was sent yet."""


def next_step(entry: JobEntry | None, known: KnownJob) -> Step:
    """Decides what a job goes on with.

    Args:
        entry: The job as the journal has it; None without a journal.
        known: What this client remembers of it.
    """
    if entry is not None and entry.task is not None:
        return Step.COLLECT
    if known.task_id is not None or (entry is not None and entry.task_id is not None):
        return Step.WAIT
    if known.doubt_since is not None or (entry is not None and entry.state is JobState.UNKNOWN):
        return Step.LOOK_UP
    return Step.SEND
