"""`kling-async extend`: a video that the service has made in, a longer one out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from kling_async.cli.fields import VIDEO_EXTEND, options_of, video_extend_request
from kling_async.cli.names import stem_of
from kling_async.cli.single import Choices, Single, job_options

PATH: Final = "/v1/videos/video-extend"


@click.command(short_help="Makes a video of the account 4 to 5 seconds longer.")
@click.argument("video_id", metavar="VIDEO_ID")
@options_of(VIDEO_EXTEND)
@job_options(judged=False)
def extend(video_id: str, choices: Choices, **fields: Any) -> None:
    """Makes the video VIDEO_ID 4 to 5 seconds longer, and fetches the whole.

    VIDEO_ID is the id of a result, not of its task; kling-async tasks get TASK shows it. The video is one of text2video,
    image2video or extend, at most 30 days old; model and mode stay as they are. Models up to kling-v1-6 can be extended,
    all of which are announced to end. Without -o the video is written to the current directory.

    \b
    kling-async extend 28444a6c-6b1c-4a0e-9b1d-6f1b2f7a5c33 -p "the boat turns" -o longer.mp4
    """  # noqa: D301 - click's mark for lines that shall not be joined
    Single(
        PATH,
        lambda: video_extend_request(video_id, fields),
        f"an extension of {video_id}",
        choices,
        external_task_id=fields["external_task_id"],
        default=Path(f"{stem_of(f'{video_id}.mp4')}-extended.mp4"),
    ).carry_out()
