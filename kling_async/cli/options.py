"""Options that commands share, and the client that they describe.

Promises: values are checked before anything is sent; keys are not options.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kling_async.cli.places import check_output
from kling_async.cli.progress import Display, display

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.events import Event

LONGEST_TIMEOUT: Final = 1e9
"""The longest timeout in seconds, as the library has it."""

SILENCE: Final = 5.0
"""Seconds without an answer of the service, after which a command says so."""


def _timeout(context: click.Context, option: click.Parameter, seconds: float) -> float | None:
    """Checks a timeout before anything is paid for; infinity is no limit."""
    if seconds == math.inf:
        return None
    if not 0 < seconds <= LONGEST_TIMEOUT:  # written this way round so that NaN is refused too
        bound = f"it must be above 0 and at most {LONGEST_TIMEOUT:.0f} seconds, or inf for no limit"
        raise click.BadParameter(f"{seconds:g} is not a time to wait; {bound}.", context, option)
    return seconds


base_url_option: Final = click.option("--base-url", metavar="URL", help="The service; else KLING_BASE_URL.")
json_option: Final = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
capabilities_option: Final = click.option(
    "--capabilities",
    type=click.Choice(["error", "warn", "off"]),
    default="error",
    show_default=True,
    help="What to do about a request that the model's capability map does not allow.",
)
timeout_option: Final = click.option(
    "--timeout",
    type=float,
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    callback=_timeout,
    help="How long to wait for a task, above 0; inf waits without limit.",
)
output_option: Final = click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    callback=check_output,
    help="Where to write the result; an existing file is replaced.",
)
journal_option: Final = click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Record each job there before it is sent: the same command run again goes on where it was killed.",
)
adopt_option: Final = click.option(
    "--adopt-journal",
    "adopt",
    is_flag=True,
    help="Take over a journal that another key of the same account wrote.",
)
directory_option: Final = click.option(
    "--directory",
    "-d",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where to write the videos; the current directory by default, made if it is missing.",
)


@asynccontextmanager
async def opened(
    first: str | None, base_url: str | None, **others: Any
) -> AsyncIterator[tuple[KlingClient, Display]]:
    """A client with the environment's keys, and the display beside it.

    If nothing is heard of the service for `SILENCE` seconds, a line says so.

    Args:
        first: The first line of output if there is no live display; written before anything slow is done.
        base_url: The service; None: the environment's.
        others: Other arguments of the client; `on_event` is called with every event.

    Raises:
        ConfigurationError: There are no keys, or an argument cannot be used.
        JournalError: The journal cannot be used.
    """
    import asyncio  # noqa: PLC0415 - the help shall not wait for it

    with display() as screen:
        if first is not None:
            screen.note(first)
        from kling_async.client import KlingClient  # noqa: PLC0415 - it imports aiohttp

        hook = others.pop("on_event", None)

        def on_event(event: Event) -> None:
            if is_answer(event):
                silence.cancel()
            if hook is not None:
                hook(event)

        waited = f"no answer from the service for {SILENCE:.0f} s, still trying"
        silence = asyncio.get_running_loop().call_later(SILENCE, screen.warn, waited)
        try:
            async with KlingClient(base_url=base_url, on_event=on_event, trust_env=True, **others) as kling:
                yield kling, screen
        finally:
            silence.cancel()


def is_answer(event: Event) -> bool:
    """Whether an event shows that the service answered."""
    from kling_async.events import JobAccepted, JobRefused, PollDone  # noqa: PLC0415 - the help shall not wait for it

    return isinstance(event, JobAccepted | JobRefused) or (
        isinstance(event, PollDone) and event.error is None
    )
