"""`kling-async check`: do the keys work?"""

from __future__ import annotations

import asyncio

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.output import put, put_json


@click.command()
@options.base_url_option
@options.json_option
def check(base_url: str | None, *, as_json: bool) -> None:
    """Finds out with a free call whether the keys work."""

    async def run() -> None:
        async with options.client(base_url) as kling:
            await kling.check_credentials()
        if as_json:
            put_json({"ok": True})
        else:
            put("the keys work")

    with reporting(as_json=as_json):
        asyncio.run(run())
