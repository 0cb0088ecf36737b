"""What a check found out: a verdict for each assumption, as lines and as a document that can be shown to anybody. Pure.

Promises: neither holds a key, a token, a prompt or a URL; ids of tasks are told only if the check itself has made them.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from kling_async._version import __version__
from kling_async.probing.free import AcceptedError, Asked
from kling_async.probing.judge_calls import CALLS
from kling_async.probing.judge_paid import AGAIN, PAID
from kling_async.probing.judge_tasks import TASKS
from kling_async.probing.paid import Job
from kling_async.probing.verdict import State, Verdict, unseen
from kling_async.schema.assumptions import ASSUMPTIONS, Assumption

Judged: TypeAlias = tuple[Assumption, Verdict]

FREE: Final = {**CALLS, **TASKS}
"""What compares each assumption that is free to see."""

VENDORS: Final = ".klingai.com"
"""How the service's own hosts end; others are not told."""


def judge(asked: Asked, job: Job | None, *, paid: bool) -> list[Judged]:
    """Compares everything that was seen with every assumption, in the table's order.

    Args:
        asked: The answers to the free questions.
        job: What the job showed; None: there was none.
        paid: Whether the assumptions that take a job are in the result without one, too.
    """
    found = []
    for assumption in ASSUMPTIONS:
        if not assumption.paid:
            verdict = FREE[assumption.id](asked)
            if verdict.state is State.NOT_SEEN and job is not None and assumption.id in AGAIN:
                verdict = AGAIN[assumption.id](job)
        elif job is not None:
            verdict = PAID[assumption.id](job)
        elif paid:
            verdict = unseen("there was no job")
        else:
            continue
        found.append((assumption, verdict))
    return found


def line_of(assumption: Assumption, verdict: Verdict) -> str:
    """One assumption for people."""
    came = f" ({verdict.came})" if verdict.came else ""
    if verdict.state is State.DIFFERENT:
        return f"{verdict.state:<10}  {assumption.id}: {verdict.came}; assumed: {assumption.what}"
    return f"{verdict.state:<10}  {assumption.id}{came}"


def summary(judged: Iterable[Judged]) -> str:
    """How many there are of each, in one line."""
    states = [verdict.state for _, verdict in judged]
    return ", ".join(f"{states.count(state)} {state}" for state in State)


def document(
    judged: Iterable[Judged], host: str | None, asked: Asked, job: Job | None, error: Exception | None
) -> dict[str, Any]:
    """The report for machines, which can be attached to a public issue.

    Args:
        judged: The verdicts.
        host: The service's host.
        asked: For what is to be looked for by hand.
        job: For the ids of the tasks that the check has made.
        error: What ended the check too early; None: nothing.
    """
    made = [] if job is None else [each for each in (job.task_id, job.second_task_id) if each is not None]
    accepted = error if isinstance(error, AcceptedError) else None
    return {
        "kling_async": __version__,
        "python": platform.python_version(),
        "checked_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "service": shown_host(host),
        "ended_early": None if error is None else type(error).__name__,
        "accepted_what_it_must_refuse": None
        if accepted is None
        else {"request": accepted.question, "task_id": accepted.task_id},
        "unclear": asked.unclear,
        "created_tasks": made,
        "assumptions": [
            {"id": assumption.id, "verdict": str(verdict.state), "came": verdict.came or None}
            for assumption, verdict in judged
        ],
    }


def shown_host(host: str | None) -> str:
    """The service's host if it is one of the vendor's; another one may be nobody's business."""
    if host is None or not host.endswith(VENDORS):
        return "local" if host in {"127.0.0.1", "localhost", "::1"} else "another host"
    return host
