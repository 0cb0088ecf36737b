"""`kling-async image2video`: one picture in, one video out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.ongoing import Ongoing
from kling_async.cli.output import put, put_json, task_document
from kling_async.cli.progress import Row, display

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.schema.image2video import Image2VideoRequest
    from kling_async.schema.task import Task


@click.command(short_help="Makes a video of one photo.")
@click.argument("photo", required=False)
@options.request_options
@options.output_option
@click.option("--no-wait", is_flag=True, help="Only create the task, and print its id.")
@options.timeout_option
@options.capabilities_option
@options.base_url_option
@options.json_option
def image2video(
    photo: str | None,
    output: Path | None,
    *,
    no_wait: bool,
    timeout: float | None,
    capabilities: str,
    base_url: str | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Makes a video of PHOTO: a file, a URL, or - for stdin.

    Creates the task, waits for its end, downloads the video and prints the file's path as the last line. Without -o the
    video is called like the photo and lies in the current directory; there, no file is replaced.

    \b
    kling-async i2v cat.jpg -p "the cat stands up and leaves"
    kling-async i2v cat.jpg --model-name kling-v1-5 --mode pro --camera zoom=5
    """  # noqa: D301 - click's mark for lines that shall not be joined
    ongoing = Ongoing(
        output=output or _free(Path(f"{options.stem_of(photo)}.mp4"), no_wait), base_url=base_url
    )

    async def run() -> None:
        request = _identified(options.request_from(photo, fields), ongoing)
        async with options.client(base_url, capabilities) as kling:
            with display() as screen:
                row = screen.row("submitting")
                task = await submit(kling, request, ongoing, row)
                if not no_wait:
                    task = await finish(kling, task, ongoing, row, timeout)
        put_result(task, None if no_wait else ongoing.output, as_json=as_json)

    with reporting([ongoing], as_json=as_json):
        asyncio.run(run())


def _free(path: Path, unused: bool) -> Path:
    """A default name that is not taken, so that nobody's own video is lost."""
    if path.exists() and not unused:
        raise click.UsageError(f"{path} exists already; name the video with -o (-o {path} replaces it)")
    return path


def _identified(request: Image2VideoRequest, ongoing: Ongoing) -> Image2VideoRequest:
    """Chooses the external id before the create, so that the task can be found whatever happens."""
    from kling_async.session.submit import new_external_id  # noqa: PLC0415 - it imports aiohttp

    if request.external_task_id is None:
        request = request.with_external_task_id(new_external_id())
    ongoing.external_task_id = request.external_task_id
    return request


async def submit(kling: KlingClient, request: Image2VideoRequest, ongoing: Ongoing, row: Row) -> Task:
    """Creates the task, noting how to go on with it."""
    ongoing.sent = True
    task = await kling.image2video.create(request)
    ongoing.task_id = task.task_id
    row.see(task)
    return task


async def finish(
    kling: KlingClient, task: Task | str, ongoing: Ongoing, row: Row, timeout: float | None
) -> Task:
    """Waits for the task's end and brings its video to where it shall be, if anywhere."""
    ended = await kling.image2video.wait_for_task(task, timeout=timeout, on_update=row.see)
    ongoing.task_id = ended.task_id
    if ongoing.output is not None:
        row.say(f"downloading {ongoing.output.name}")
        await kling.download(ended.videos[0], ongoing.output, on_progress=row.receive)
    return ended


def put_result(task: Task, output: Path | None, *, as_json: bool) -> None:
    """Prints where the video is, or the task's id where nothing was fetched."""
    if as_json:
        put_json({**task_document(task), "file": None if output is None else str(output)})
    else:
        put(task.task_id if output is None else str(output))
