"""`kling-async tasks`: shows tasks, and waits for one."""

from __future__ import annotations

from pathlib import Path

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.following import Following
from kling_async.cli.image2video import put_result
from kling_async.cli.image2video import wait as wait_and_fetch
from kling_async.cli.ongoing import Ongoing, State
from kling_async.cli.output import put, put_json, task_document, task_lines, task_row
from kling_async.cli.running import run


@click.group()
def tasks() -> None:
    """Shows the account's tasks, and waits for them."""


@tasks.command()
@click.argument("task_id", metavar="ID")
@options.base_url_option
@options.json_option
def get(task_id: str, base_url: str | None, *, as_json: bool) -> None:
    """Shows one task by its id or external id."""

    async def work() -> None:
        async with options.opened(None, base_url) as (kling, _):
            task = await kling.image2video.get(task_id)
        if as_json:
            put_json({**task_document(task), "raw": task.raw})
        else:
            put("\n".join(task_lines(task)))

    with reporting(as_json=as_json):
        run(work())


@tasks.command("list")
@click.option("--page-num", type=int, default=1, show_default=True, help="The page, 1 to 1000.")
@click.option("--page-size", type=int, default=30, show_default=True, help="Tasks on a page, 1 to 500.")
@options.base_url_option
@options.json_option
def list_(page_num: int, page_size: int, base_url: str | None, *, as_json: bool) -> None:
    """Shows one page of tasks: id, status, last change, external id; with --json a task on each line."""

    async def work() -> None:
        async with options.opened(None, base_url) as (kling, _):
            page = await kling.image2video.list(page_num, page_size)
        for task in page:
            if as_json:
                put_json(task_document(task))
            else:
                put(task_row(task))

    with reporting(as_json=as_json):
        run(work())


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
    following = Following(base_url)
    job = following.add(Ongoing(task_id=task_id, output=output, base_url=base_url, state=State.GOES_ON))

    async def work() -> None:
        chosen = {"on_event": following.see}
        async with options.opened(f"polling {task_id}", base_url, **chosen) as (kling, screen):
            task = await wait_and_fetch(kling, task_id, job, screen, timeout)
        if output is None and not as_json:
            put("\n".join(task_lines(task)))
        else:
            put_result(task, output, as_json=as_json)
        job.state = State.OVER

    with reporting(following, as_json=as_json):
        run(work())
