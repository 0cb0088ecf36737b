"""`kling-async check`: do the keys work, and does the service do what is assumed of it?"""

from __future__ import annotations

import click

from kling_async.cli import options
from kling_async.cli.contract import MODEL, Check, confirm
from kling_async.cli.exits import reporting
from kling_async.cli.output import put, put_json
from kling_async.cli.running import run


@click.command(short_help="Finds out whether the keys work, and what the service does.")
@click.option("--contract", is_flag=True, help="Compare what is assumed of the service with what it does; free calls alone.")  # fmt: skip
@click.option("--spend", is_flag=True, help="With one short job too, which costs money; names the price and asks.")  # fmt: skip
@click.option("--yes", is_flag=True, help="With --spend: do not ask.")
@click.option("--model-name", metavar="MODEL", default=MODEL, show_default=True, help="With --spend: the job's model.")  # fmt: skip
@click.option("--callback-url", metavar="URL", help="With --spend: an address of yours that leads to --callback-port, such as a tunnel's.")  # fmt: skip
@click.option("--callback-port", type=click.IntRange(1, 65535), default=8788, show_default=True, help="With --callback-url: the port of 127.0.0.1 to listen on.")  # fmt: skip
@options.timeout_option
@options.base_url_option
@options.json_option
def check(
    model_name: str,
    callback_url: str | None,
    callback_port: int,
    timeout: float | None,
    base_url: str | None,
    *,
    contract: bool,
    spend: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Finds out with a free call whether the keys work.

    With --contract it makes free calls alone and says of each assumption: as assumed, different (and what came), or not
    seen. With --spend one short job shows the rest. The exit code is 0 if nothing is different. With --json stdout is a
    report that can be attached to a public issue: it holds no key, prompt or URL. docs/assumptions.md explains each.

    \b
    kling-async check
    kling-async check --contract --json | tee report.json
    kling-async check --spend --callback-url https://my-tunnel.example
    """  # noqa: D301 - click's mark for lines that shall not be joined
    for given, name in ((yes, "--yes"), (callback_url is not None, "--callback-url")):
        if given and not spend:
            raise click.UsageError(f"{name} needs --spend")
    if contract or spend:
        if spend and not yes:
            confirm(model_name)
        Check(spend, model_name, callback_url, callback_port, timeout, base_url, as_json).carry_out()
        return

    async def work() -> None:
        async with options.opened("checking the keys", base_url) as (kling, _):
            await kling.check_credentials()
        if as_json:
            put_json({"ok": True})
        else:
            put("the keys work")

    with reporting(as_json=as_json):
        run(work())
