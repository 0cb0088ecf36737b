"""`kling-async demo`: the whole way from a photograph to a video, without keys and costs.

The photograph is `demo.jpg` beside this file; its origin is in README.md there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.ongoing import Ongoing
from kling_async.cli.places import place_problem
from kling_async.cli.progress import display
from kling_async.cli.running import run
from kling_async.cli.steps import generate, put_result

if TYPE_CHECKING:
    from kling_async.schema.task import Task

PHOTO: Final = Path(__file__).with_name("demo.jpg")
SECONDS: Final = 3.0
"""How long the emulated task takes, so that its progress is seen."""


@click.command(short_help="Shows it all with the local emulator: no keys, no costs.")
@options.output_option
@options.json_option
def demo(output: Path | None, *, as_json: bool) -> None:
    """Makes a video of a photograph with the local emulator: no keys, no costs.

    Needs the extra `emulator`. Without -o the video is kling-demo.mp4.

    \b
    kling-async demo -o demo.mp4
    """  # noqa: D301 - click's mark for lines that shall not be joined
    target = output or Path("kling-demo.mp4")
    problem = place_problem(target)
    if problem is not None:
        raise click.UsageError(f"{problem}; name a place for the video with -o.")

    async def work() -> None:
        put_result(*await _demo(target), as_json=as_json)

    with reporting(as_json=as_json):  # with the emulator gone there is nothing to go on with
        run(work())


async def _demo(target: Path) -> tuple[Task, list[Path]]:
    with display() as screen:
        click.echo("demo: a local emulator makes a sample video; no keys, no costs", err=True)
        from kling_async.client import KlingClient  # noqa: PLC0415 - it imports aiohttp
        from kling_async.emulator import ByClock, Emulator  # noqa: PLC0415 - as above
        from kling_async.schema.image2video import Image2VideoRequest  # noqa: PLC0415 - as above

        request = Image2VideoRequest(
            image=PHOTO, prompt="the camera comes closer", model_name="kling-v2-6", mode="pro"
        )
        async with (
            Emulator(advance=ByClock(SECONDS)) as service,
            KlingClient(service.access_key, service.secret_key, base_url=service.url) as kling,
        ):
            job = Ongoing(output=target)
            return await generate(kling, kling.image2video, request, job, screen, timeout=60)
