"""`kling-async image2video`: one picture in, one video out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kling_async.cli.fields import IMAGE2VIDEO, image2video_request, options_of
from kling_async.cli.names import stem_of
from kling_async.cli.single import Choices, Single, job_options
from kling_async.cli.steps import IMAGE2VIDEO as PATH


@click.command(short_help="Makes a video of one photo.")
@click.argument("photo", required=False)
@options_of(IMAGE2VIDEO)
@job_options()
def image2video(photo: str | None, choices: Choices, **fields: Any) -> None:
    """Makes a video of PHOTO: a file, a URL, or - for stdin.

    Creates the task, waits for its end, downloads the video and prints the file's path as the last line. Without -o the
    video is written to the current directory and named after the photo; no file is replaced there.

    \b
    kling-async i2v cat.jpg --model-name kling-v2-6 -p "the cat stands up and leaves"
    kling-async i2v cat.jpg --model-name kling-v2-6 --mode pro --sound on -o cat.mp4
    """  # noqa: D301 - click's mark for lines that shall not be joined
    Single(
        PATH,
        lambda: image2video_request(photo, fields),
        photo or "",
        choices,
        external_task_id=fields["external_task_id"],
        default=Path(f"{stem_of(photo)}.mp4"),
    ).carry_out()
