"""`kling-async tasks`: look at tasks, and wait for one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.image2video import finish, put_result
from kling_async.cli.ongoing import Ongoing
from kling_async.cli.output import put, put_json, task_document, task_lines, task_row
from kling_async.cli.progress import display


@click.group()
def tasks() -> None:
    """Looks at the account's tasks, and waits for them."""


@tasks.command()
@click.argument("task_id", metavar="ID")
@options.base_url_option
@options.json_option
def get(task_id: str, base_url: str | None, *, as_json: bool) -> None:
    """Shows one task by its id or external id."""

    async def run() -> None:
        async with options.client(base_url) as kling:
            task = await kling.image2video.get(task_id)
        if as_json:
            put_json({**task_document(task), "raw": task.raw})
        else:
            put("\n".join(task_lines(task)))

    with reporting(as_json=as_json):
        asyncio.run(run())


@tasks.command("list")
@click.option("--page-num", type=int, default=1, show_default=True, help="The page, 1 to 1000.")
@click.option("--page-size", type=int, default=30, show_default=True, help="Tasks on a page, 1 to 500.")
@options.base_url_option
@options.json_option
def list_(page_num: int, page_size: int, base_url: str | None, *, as_json: bool) -> None:
    """Shows one page of tasks: id, status, last change, external id; with --json a task on each line."""

    async def run() -> None:
        async with options.client(base_url) as kling:
            page = await kling.image2video.list(page_num, page_size)
        for task in page:
            if as_json:
                put_json(task_document(task))
            else:
                put(task_row(task))

    with reporting(as_json=as_json):
        asyncio.run(run())


@tasks.command()
@click.argument("task_id", metavar="ID")
@options.output_option
@options.timeout_option
@options.base_url_option
@options.json_option
def wait(
    task_id: str, output: Path | None, timeout: float | None, base_url: str | None, *, as_json: bool
) -> None:
    """Waits until a task has ended, by its id or external id.

    With -o the video is downloaded and its path is the last line; without, the task is shown.
    """
    ongoing = Ongoing(task_id=task_id, output=output, base_url=base_url)

    async def run() -> None:
        async with options.client(base_url) as kling:
            with display() as screen:
                task = await finish(kling, task_id, ongoing, screen.row(f"looking at {task_id}"), timeout)
        if output is None and not as_json:
            put("\n".join(task_lines(task)))
        else:
            put_result(task, output, as_json=as_json)

    with reporting([ongoing], as_json=as_json):
        asyncio.run(run())
