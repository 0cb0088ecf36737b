"""`kling-async emulator`: the service on this machine, for trying things out without keys and costs."""

from __future__ import annotations

import asyncio
import sys

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.output import put, put_json


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0: any free one."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, max=86400),
    default=3.0,
    show_default=True,
    help="How long a task takes.",
)
@click.option(
    "--capacity", type=click.IntRange(min=0), help="Tasks that may be in flight; no limit by default."
)
@options.json_option
def emulator(port: int, seconds: float, capacity: int | None, *, as_json: bool) -> None:
    """Runs a local emulator of the service until Ctrl-C.

    Prints the lines that point kling-async at it, on any shell with export.
    """

    async def run() -> None:
        from kling_async.emulator import ByClock, Emulator  # noqa: PLC0415 - it imports aiohttp

        async with Emulator(port=port, advance=ByClock(seconds), capacity=capacity) as service:
            _put_settings(
                {
                    "KLING_BASE_URL": service.url,
                    "KLING_ACCESS_KEY": service.access_key,
                    "KLING_SECRET_KEY": service.secret_key,
                },
                as_json=as_json,
            )
            await asyncio.Event().wait()

    with reporting(as_json=as_json):
        try:
            asyncio.run(run())
        except KeyboardInterrupt:
            sys.exit(0)  # the way to end it


def _put_settings(settings: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        put_json(settings)
    else:
        put("\n".join(f"export {name}={value}" for name, value in settings.items()))
