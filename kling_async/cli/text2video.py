"""`kling-async text2video`: a prompt in, one video out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from kling_async.cli.fields import TEXT2VIDEO, options_of, text2video_request
from kling_async.cli.names import stem_of_text
from kling_async.cli.single import Choices, Single, job_options

PATH: Final = "/v1/videos/text2video"


@click.command(short_help="Makes a video of a prompt.")
@options_of(TEXT2VIDEO)
@job_options()
def text2video(choices: Choices, **fields: Any) -> None:
    """Makes a video of text alone: of --prompt, or of the shots of --multi-prompt.

    Creates the task, waits for its end, downloads the video and prints the file's path as the last line. Without -o the
    video is written to the current directory and named after the prompt; no file is replaced there.

    \b
    kling-async text2video -p "a boat at dusk" --model-name kling-v2-6 --mode pro --sound on -o boat.mp4
    kling-async t2v -p "rain on a tin roof" --model-name kling-v3 --duration 8 --aspect-ratio 9:16
    """  # noqa: D301 - click's mark for lines that shall not be joined
    Single(
        PATH,
        lambda: text2video_request(fields),
        "text2video",
        choices,
        external_task_id=fields["external_task_id"],
        default=Path(f"{stem_of_text(fields['prompt'])}.mp4"),
    ).carry_out()
