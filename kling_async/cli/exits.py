"""How a command ends: one line on stderr and an exit code, never a traceback.

Promises: the codes stand in one table; what may run on at the service is named with the exact command that goes on
with it; with `--json` the error is a document on stdout as well.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import click
from attrs import frozen

from kling_async import errors
from kling_async.cli.ongoing import Ongoing
from kling_async.cli.output import put_json

LONGEST_LINE: Final = 2000
"""Characters of an error that are shown."""


@frozen
class Outcome:
    """One way in which a command ends."""

    code: int
    """The process's exit code."""

    meaning: str
    """What the help says."""

    errors: tuple[type[Exception], ...] = ()
    """Errors that end this way; the first row that names a class of the error's decides."""


OTHER: Final = Outcome(1, "any other error; in a batch: not all jobs succeeded")
INTERRUPTED: Final = Outcome(130, "interrupted; what runs on is named with the command that waits for it")
OUTCOMES: Final = (
    Outcome(0, "done"),
    OTHER,
    Outcome(
        2, "wrong usage, request or configuration",
        (errors.ValidationError, errors.ConfigurationError),
    ),
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
    Outcome(
        9, "the video could not be fetched or written",
        (errors.DownloadError, errors.ResultMissingError, OSError),
    ),
    INTERRUPTED,
)  # fmt: skip
"""Every outcome; where an error fits two rows, the upper one decides."""


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


def line_of(error: BaseException) -> str:
    """An error's text on one line, without what could mislead a terminal."""
    return errors.harmless(str(error), LONGEST_LINE) or type(error).__name__


def described(error: BaseException) -> dict[str, Any]:
    """An error for machines."""
    return {"type": type(error).__name__, "message": line_of(error), "exit_code": code_of(error)}


@contextmanager
def reporting(ongoing: Sequence[Ongoing] = (), *, as_json: bool = False) -> Iterator[None]:
    """A block whose errors end the process with their line and code.

    Args:
        ongoing: The tasks that the command is concerned with, as they are when the block ends.
        as_json: Whether an error is a document on stdout too.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # nobody reads on; click ends quietly
    except KeyboardInterrupt:
        _say_interrupted([task for task in ongoing if task.may_run])
        sys.exit(INTERRUPTED.code)
    except (errors.KlingError, OSError) as error:
        left = next((task for task in ongoing if task.goes_on_after(error)), None)
        hint = "" if left is None else f"; go on with: {left.command}"
        click.echo(f"error: {line_of(error)}{hint}", err=True)
        if as_json:
            put_json({"error": described(error), **({} if left is None else left.described())})
        sys.exit(code_of(error))


def _say_interrupted(left: Sequence[Ongoing]) -> None:
    click.echo("interrupted", err=True)
    for task in left:
        click.echo(f"{task.shown_ids} {task.shown_state}; wait for it with:\n  {task.command}", err=True)
