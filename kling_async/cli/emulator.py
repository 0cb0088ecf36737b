"""`kling-async emulator`: the service on this machine, for trying things out without keys and costs."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.output import put, put_json

if TYPE_CHECKING:
    from kling_async.emulator import Emulator


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0: any free one."
)
@click.option("--access-key", help="Fixed access key; invented by default.")
@click.option("--secret-key", help="Fixed secret key, at least 32 bytes; invented by default.")
@click.option("--api-key", help="Fixed API key; invented by default.")
@click.option("--public-url", help="Address by which others reach it; results point there.")
@click.option("--tls", is_flag=True, help="Serve https, with a certificate made at start.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, max=86400),
    default=3.0,
    show_default=True,
    help="How long a task takes.",
)
@click.option(
    "--capacity", type=click.IntRange(min=0), help="Video tasks that may be in flight; no limit by default."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="CALL:KIND[,NAME=VALUE…]",
    help="Plan trouble, as create:reset-after,times=2 or any:delay,seconds=0.5,times=null. Repeatable.",
)
@options.json_option
def emulator(*, seconds: float, faults: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Runs a local emulator of the service until Ctrl-C.

    Prints the lines that point kling-async at it, on any shell with export.

    All paths of the family answer, as /v1/videos/image2video does. The fields of image2video, text2video and video-extend
    are checked by the API reference's rules; of every other path only those are that the whole family shares.

    \b
    kling-async emulator --port 8787 --seconds 1
    kling-async emulator --capacity 5 --fault create:reset-after,times=2
    """  # noqa: D301 - click's mark for lines that shall not be joined

    async def run() -> None:
        from kling_async.emulator import ByClock, Emulator  # noqa: PLC0415 - it imports aiohttp

        chosen = {name: value for name, value in given.items() if value is not None}
        try:
            service = Emulator(advance=ByClock(seconds), **chosen)
            for fault in faults:
                _plan(service, fault)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        try:
            async with service:
                _put_settings(_settings(service), as_json=as_json)
                await asyncio.Event().wait()
        except RuntimeError as error:  # the certificate's maker is missing
            raise click.UsageError(str(error)) from error

    with reporting(as_json=as_json):
        try:
            asyncio.run(run())
        except KeyboardInterrupt:
            sys.exit(0)  # the way to end it


def _plan(service: Emulator, text: str) -> None:
    """Plans the fault that an option describes.

    Raises:
        ValueError: The text cannot be read, or there is no such trouble.
    """
    first, *rest = text.split(",")
    call, colon, kind = first.partition(":")
    if not colon:
        raise ValueError(f"--fault {text!r} is not CALL:KIND[,NAME=VALUE…]")
    details: dict[str, Any] = {}
    for part in rest:
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"--fault {text!r}: {part!r} is not NAME=VALUE")
        details[name.strip()] = _value(value.strip())
    try:
        service.fault(call.strip(), kind.strip(), **details)
    except TypeError as error:
        raise ValueError(f"--fault {text!r}: {error}") from error


def _value(text: str) -> Any:
    """A number, true, false or null as in JSON; anything else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _settings(service: Emulator) -> dict[str, str]:
    settings = {
        "KLING_BASE_URL": service.public_url or service.url,
        "KLING_ACCESS_KEY": service.access_key,
        "KLING_SECRET_KEY": service.secret_key,
        "KLING_API_KEY": service.api_key,
    }
    if service.certificate is not None:
        settings["SSL_CERT_FILE"] = str(service.certificate)
    return settings


def _put_settings(settings: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        put_json(settings)
    else:
        put("\n".join(f"export {name}={value}" for name, value in settings.items()))
