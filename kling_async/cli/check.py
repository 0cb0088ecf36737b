"""`kling-async check`: do the keys work?"""

from __future__ import annotations

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.output import put, put_json
from kling_async.cli.running import run


@click.command()
@options.base_url_option
@options.json_option
def check(base_url: str | None, *, as_json: bool) -> None:
    """Finds out with a free call whether the keys work."""

    async def work() -> None:
        async with options.opened(None, base_url) as (kling, _):
            await kling.check_credentials()
        if as_json:
            put_json({"ok": True})
        else:
            put("the keys work")

    with reporting(as_json=as_json):
        run(work())
