"""How a command ends: its error on stderr and an exit code, never a traceback.

Promises: the codes stand in one table; what may run on at the service is named with the exact command that goes on
with it; with `--json` the error is a document on stdout as well.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import click
from attrs import frozen

from kling_async import errors
from kling_async.cli.following import Following
from kling_async.cli.output import put_json
from kling_async.cli.signals import INTERRUPTED, TERMINATED, code_of_signal
from kling_async.cli.wording import hint_of, line_of, lines_of


@frozen
class Outcome:
    """One way in which a command ends."""

    code: int
    """The process's exit code."""

    meaning: str
    """What the help says."""

    errors: tuple[type[Exception], ...] = ()
    """Errors that end this way; the first row that names a class of the error's decides."""


OTHER: Final = Outcome(
    1, "any other error; in a batch: not all jobs succeeded; in a check: an assumption does not hold"
)
OUTCOMES: Final = (
    Outcome(0, "done"),
    OTHER,
    Outcome(3, "the task failed", (errors.TaskFailedError,)),
    Outcome(4, "the time was over; the task goes on", (errors.TaskTimeoutError, errors.ClientClosedError)),
    Outcome(
        5, "keys, permissions or account",
        (errors.AuthenticationError, errors.AccountError, errors.PermissionDeniedError),
    ),
    Outcome(
        8, "the service could not be reached or is in trouble",
        (errors.ConnectionFailedError, errors.MalformedResponseError, errors.ServerError),
    ),
    Outcome(6, "the service refused", (errors.APIError,)),
    Outcome(7, "whether the task was created is not known", (errors.SubmissionUnknownError,)),
    Outcome(9, "a result could not be fetched or written", (errors.DownloadError, errors.ResultMissingError)),
    Outcome(
        2, "wrong usage, request or configuration; a file, journal or port that cannot be used",
        (errors.ValidationError, errors.ConfigurationError, errors.JournalError, OSError),
    ),
    Outcome(INTERRUPTED, "interrupted (Ctrl-C); what runs on is named with the command that goes on with it"),
    Outcome(TERMINATED, "the same, by SIGTERM"),
)  # fmt: skip
"""Every outcome; if an error fits two rows, the upper one decides."""


def table() -> str:
    """The exit codes for the help, one in a line."""
    return "\n".join(
        f"  {outcome.code:>3}  {outcome.meaning}"
        for outcome in sorted(OUTCOMES, key=lambda outcome: outcome.code)
    )


def code_of(error: BaseException) -> int:
    """The exit code that stands for an error."""
    fitting = (outcome.code for outcome in OUTCOMES if isinstance(error, outcome.errors))
    return next(fitting, OTHER.code)


def described(error: BaseException) -> dict[str, Any]:
    """An error for machines."""
    document = {"type": type(error).__name__, "message": line_of(error), "exit_code": code_of(error)}
    hint = hint_of(error)
    return document if hint is None else {**document, "hint": hint}


@contextmanager
def reporting(following: Following | None = None, *, as_json: bool = False) -> Iterator[None]:
    """A block whose errors end the process with their text and code.

    Args:
        following: The command's jobs, as they are when the block ends.
        as_json: Whether an error is a document on stdout too.
    """
    following = following or Following()
    try:
        yield
    except BrokenPipeError:
        raise  # nobody reads on; click ends quietly
    except KeyboardInterrupt as interruption:
        code = code_of_signal(interruption)
        with suppress(BrokenPipeError):
            following.tell("SIGTERM" if code == TERMINATED else "SIGINT", code, as_json=as_json)
        sys.exit(code)
    except (errors.KlingError, OSError) as error:
        left = next((job for job in following.jobs if job.goes_on_after(error)), None)
        for line in _lines(error, "" if left is None else f"; go on with: {left.command}"):
            click.echo(line, err=True)
        if as_json:
            put_json({"error": described(error), **({} if left is None else left.described())})
        sys.exit(code_of(error))


def _lines(error: BaseException, go_on: str) -> Iterator[str]:
    first, *others = lines_of(error)
    if others:
        yield f"error: {len(others) + 1} rules are broken{go_on}"
        yield from (f"  {line}" for line in (first, *others))
    else:
        yield f"error: {first}{go_on}"
    hint = hint_of(error)
    if hint is not None:
        yield hint
