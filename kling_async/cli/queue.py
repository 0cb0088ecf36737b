"""`kling-async queue`: what is queued, running, held and done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs
import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.output import put, put_json, shown
from kling_async.cli.postgres import connection_to, postgres_option
from kling_async.cli.running import run

if TYPE_CHECKING:
    import asyncpg

PAUSE = 2.0
"""Seconds between two counts of --watch."""


@click.command(short_help="Shows what a queue holds.")
@postgres_option
@click.option("--install", is_flag=True, help="Make the queue's tables, or bring them up to date, first.")
@click.option("--watch", is_flag=True, help="Count again every 2 seconds until all is done or held.")
@click.option(
    "--requeue", is_flag=True, help="Put the held jobs back; what has a task is not paid for again."
)
@options.json_option
def queue(*, postgres: str, install: bool, watch: bool, requeue: bool, as_json: bool) -> None:
    """Counts a queue's jobs, and says why some are held: a failed task, or a request that cannot be used.

    Needs no keys of the service.

    \b
    kling-async queue --postgres postgresql://kling@db/kling --install
    kling-async queue --postgres embedded --watch
    """  # noqa: D301 - click's mark for lines that shall not be joined

    async def work() -> None:
        async with connection_to(postgres) as connection:
            from kling_async.integrations import pgqueuer, queue_state  # noqa: PLC0415 - an extra

            if install:
                await pgqueuer.install(connection)
            if requeue:
                held = await queue_state.held_jobs(connection, 10_000)
                await queue_state.requeue(connection, [each.row for each in held])
                click.echo(f"put {len(held)} jobs back", err=True)
            while await _show(connection, as_json=as_json) and watch:  # noqa: ASYNC110 - a table sets no events
                await asyncio.sleep(PAUSE)

    with reporting(as_json=as_json):
        run(work())


async def _show(connection: asyncpg.Pool, *, as_json: bool) -> bool:
    """Shows the counts and the held jobs; returns whether anything is still to be done."""
    from kling_async.integrations import queue_state  # noqa: PLC0415 - an extra

    state = await queue_state.queue_state(connection)
    held = await queue_state.held_jobs(connection)
    if as_json:
        put_json({**attrs.asdict(state), "held_jobs": [attrs.asdict(each) for each in held]})
    else:
        put("  ".join(f"{name} {count}" for name, count in attrs.asdict(state).items()))
        for each in held:
            put(f"held: row {each.row}\t{shown(each.key or '?')}\t{shown(each.reason)}")
    return bool(state.queued or state.running)
