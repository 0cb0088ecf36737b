"""`kling-async image2video`: one picture in, one video out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.fields import request_from, request_options
from kling_async.cli.following import Following
from kling_async.cli.names import stem_of
from kling_async.cli.ongoing import Ongoing, State
from kling_async.cli.output import put, put_json, task_document
from kling_async.cli.places import check_default_output
from kling_async.cli.progress import Display
from kling_async.cli.running import run

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.schema.image2video import Image2VideoRequest
    from kling_async.schema.task import Task


@click.command(short_help="Makes a video of one photo.")
@click.argument("photo", required=False)
@request_options
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
    video is written to the current directory and named after the photo; no file is replaced there.

    \b
    kling-async i2v cat.jpg --model-name kling-v2-6 -p "the cat stands up and leaves"
    kling-async i2v cat.jpg --model-name kling-v2-6 --mode pro --sound on -o cat.mp4
    """  # noqa: D301 - click's mark for lines that shall not be joined
    default = Path(f"{stem_of(photo)}.mp4")
    if output is None and not no_wait:
        check_default_output(default)
    following = Following(base_url)
    job = following.add(Ongoing(fields["external_task_id"], output=output or default, base_url=base_url))

    async def work() -> None:
        request = request_from(photo, fields)
        chosen = {"capabilities": capabilities, "on_event": following.see}
        async with options.opened(f"submitting {photo or ''}".rstrip(), base_url, **chosen) as (
            kling,
            screen,
        ):
            following.begin(job)
            if no_wait:
                task = await _submit(kling, request, screen)
            else:
                task = await generate(kling, request, job, screen, timeout)
        put_result(task, None if no_wait else job.output, as_json=as_json)
        job.state = State.OVER

    with reporting(following, as_json=as_json):
        run(work())


async def _submit(kling: KlingClient, request: Image2VideoRequest, screen: Display) -> Task:
    screen.row("submitting")
    job = await kling.image2video.submit(request)
    return job.task or await kling.image2video.get(job.task_id)


async def generate(
    kling: KlingClient, request: Image2VideoRequest, job: Ongoing, screen: Display, timeout: float | None
) -> Task:
    """Creates the task, waits for its end and downloads its video; each step is seen on the display."""
    steps = _Steps(screen, "submitting")
    task = await kling.image2video.generate(request, timeout=timeout, on_update=steps.see)
    await steps.fetch(kling, task, job)
    return task


async def wait(
    kling: KlingClient, task_id: str, job: Ongoing, screen: Display, timeout: float | None
) -> Task:
    """Waits for a task's end and downloads its video, if the job has an output."""
    steps = _Steps(screen, f"polling {task_id}")
    task = await kling.image2video.wait_for_task(task_id, timeout=timeout, on_update=steps.see)
    job.task_id, job.external_task_id = task.task_id, task.external_task_id
    await steps.fetch(kling, task, job)
    return task


def put_result(task: Task, output: Path | None, *, as_json: bool) -> None:
    """Prints the video's path, or the task's id if nothing was fetched."""
    if as_json:
        put_json({**task_document(task), "file": None if output is None else str(output)})
    else:
        put(task.task_id if output is None else str(output))


class _Steps:
    """The steps of one job on the display."""

    def __init__(self, screen: Display, first: str) -> None:
        self._screen = screen
        self._row = screen.row(first)

    def see(self, task: Task) -> None:
        """Shows a task's new status."""
        self._row.see(task)
        name = "" if task.external_task_id is None else f" external_task_id={task.external_task_id}"
        self._screen.note(f"{task.status} task_id={task.task_id}{name}")

    async def fetch(self, kling: KlingClient, task: Task, job: Ongoing) -> None:
        """Downloads a task's video, if the job has an output."""
        if job.output is None:
            return
        job.state = State.READY
        self._row.say(f"downloading {job.output.name}")
        self._screen.note(f"downloading {job.output}")
        await kling.download(task, job.output, on_progress=self._row.receive)
