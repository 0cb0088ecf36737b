"""`kling-async tasks`: shows tasks, and waits for one."""

from __future__ import annotations

from pathlib import Path

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.following import Following
from kling_async.cli.ongoing import Ongoing, State
from kling_async.cli.output import put, put_json, task_document, task_lines, task_row
from kling_async.cli.paths import path_problem
from kling_async.cli.places import make_folder
from kling_async.cli.running import run
from kling_async.cli.steps import IMAGE2VIDEO, endpoint_of, put_result
from kling_async.cli.steps import wait as wait_and_fetch


def _path(context: click.Context, option: click.Parameter, path: str | None) -> str | None:
    """Checks a path; None stands for image2video."""
    if path is None or path == IMAGE2VIDEO:
        return None
    problem = path_problem(path)
    if problem is not None:
        raise click.BadParameter(problem, context, option)
    return path


_endpoint_option = click.option(
    "--endpoint",
    metavar="PATH",
    callback=_path,
    help="The endpoint that made the task, such as /v1/videos/text2video; image2video by default.",
)


@click.group()
def tasks() -> None:
    """Shows the account's tasks, and waits for them.

    A task is known under the path of the endpoint that made it, and under no other.

    \b
    kling-async tasks list --endpoint /v1/images/generations
    """  # noqa: D301 - click's mark for lines that shall not be joined


@tasks.command()
@click.argument("task_id", metavar="ID")
@_endpoint_option
@options.base_url_option
@options.json_option
def get(task_id: str, endpoint: str | None, base_url: str | None, *, as_json: bool) -> None:
    """Shows one task by its id or external id.

    \b
    kling-async tasks get TASK_ID
    """  # noqa: D301 - click's mark for lines that shall not be joined

    async def work() -> None:
        async with options.opened(None, base_url) as (kling, _):
            task = await endpoint_of(kling, endpoint).get(task_id)
        if as_json:
            put_json({**task_document(task), "raw": task.raw})
        else:
            put("\n".join(task_lines(task)))

    with reporting(as_json=as_json):
        run(work())


@tasks.command("list")
@click.option("--page-num", type=int, default=1, show_default=True, help="The page, 1 to 1000.")
@click.option("--page-size", type=int, default=30, show_default=True, help="Tasks on a page, 1 to 500.")
@_endpoint_option
@options.base_url_option
@options.json_option
def list_(
    page_num: int, page_size: int, endpoint: str | None, base_url: str | None, *, as_json: bool
) -> None:
    """Shows one page of tasks: id, status, last change, external id; with --json a task on each line.

    \b
    kling-async tasks list --page-size 100
    """  # noqa: D301 - click's mark for lines that shall not be joined

    async def work() -> None:
        async with options.opened(None, base_url) as (kling, _):
            page = await endpoint_of(kling, endpoint).list(page_num, page_size)
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
@click.option("--directory", "-d", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Where to write the results if there can be several; they are named after the task's id.")  # fmt: skip
@_endpoint_option
@options.timeout_option
@options.base_url_option
@options.json_option
def wait(
    task_id: str,
    output: Path | None,
    directory: Path | None,
    endpoint: str | None,
    timeout: float | None,
    base_url: str | None,
    *,
    as_json: bool,
) -> None:
    """Waits until a task has ended, by its id or external id.

    With -o or -d the results are downloaded and their paths are the last lines; without, the task is shown.

    \b
    kling-async tasks wait TASK_ID -o cat.mp4
    """  # noqa: D301 - click's mark for lines that shall not be joined
    if output is not None and directory is not None:
        raise click.UsageError("give --output or --directory, not both")
    if directory is not None:
        make_folder(directory)
    following = Following(base_url)
    job = Ongoing(task_id=task_id, output=output, base_url=base_url, state=State.GOES_ON)
    job.endpoint, job.directory = endpoint, directory
    following.add(job)

    async def work() -> None:
        chosen = {"on_event": following.see}
        async with options.opened(f"polling {task_id}", base_url, **chosen) as (kling, screen):
            task, files = await wait_and_fetch(kling, task_id, job, screen, timeout)
        if output is None and directory is None and not as_json:
            put("\n".join(task_lines(task)))
        else:
            put_result(task, files, as_json=as_json)
        job.state = State.OVER

    with reporting(following, as_json=as_json):
        run(work())
