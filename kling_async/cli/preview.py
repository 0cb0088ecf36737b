"""`kling-async preview`: what a request would do, before it is paid for. Sends nothing and needs no keys."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kling_async.cli import options
from kling_async.cli.exits import OUTCOMES, reporting
from kling_async.cli.fields import IMAGE2VIDEO, image2video_request, options_of
from kling_async.cli.names import stem_of
from kling_async.cli.output import put, put_json
from kling_async.cli.places import check_output, place_problem
from kling_async.cli.running import run
from kling_async.cli.wording import line_of, plain
from kling_async.errors import ConfigurationError, Problem, ValidationError

if TYPE_CHECKING:
    from kling_async.preview.preview import Preview
    from kling_async.preview.shot import Shot
    from kling_async.schema.image2video import Image2VideoRequest

_REFUSED = next(outcome.code for outcome in OUTCOMES if ValidationError in outcome.errors)


@click.command(short_help="Shows what image2video would do, unpaid.")
@click.argument("photo", required=False)
@options_of(IMAGE2VIDEO)
@click.option("--output", "-o", type=click.Path(dir_okay=False, writable=True, path_type=Path), metavar="FILE", callback=check_output, help="The picture, as PNG; PHOTO-preview.png in the current directory by default.")  # fmt: skip
@click.option("--video", type=click.Path(dir_okay=False, writable=True, path_type=Path), metavar="FILE", callback=check_output, help="A rough video of the movement too, as MP4.")  # fmt: skip
@options.capabilities_option
@options.json_option
def preview(
    photo: str | None,
    output: Path | None,
    video: Path | None,
    *,
    capabilities: str,
    as_json: bool,
    **fields: Any,
) -> None:
    """Draws what image2video would do with the same options; nothing is sent and no keys are needed.

    The picture shows the first frame with masks, paths and their direction, static regions hatched, and beside it the
    last frame: the one that was given, or where the camera or the paths lead. What would refuse the request and what is
    hardly meant, such as points counted from the top left, is on stderr too. The exit code is that of a request that
    would be refused before it is sent. Needs the extra `emulator`.

    \b
    kling-async preview cat.jpg --model-name kling-v2-6 --mode pro --image-tail end.jpg -o cat.png
    kling-async preview cat.jpg --camera zoom=5 --video cat.mp4
    """  # noqa: D301 - click's mark for lines that shall not be joined
    target = output or Path(f"{stem_of(photo)}-preview.png")
    problem = place_problem(target)
    if problem is not None:
        raise click.UsageError(f"{problem}; name a place for the picture with -o.")

    async def work() -> tuple[Image2VideoRequest, Preview]:
        request = image2video_request(photo, fields)
        from anyio import to_thread  # noqa: PLC0415 - the help shall not wait for it

        from kling_async.preview.preview import in_short, preview_of  # noqa: PLC0415 - as above

        click.echo(plain(in_short(request)), err=True)
        renderer = _Emulated()
        made = await preview_of(request, renderer, told=lambda problem: plain(str(problem)))
        _replace(target, made.picture)
        if video is not None:
            _replace(video, await to_thread.run_sync(renderer.video, made.shot))
        return request, made

    with reporting(as_json=as_json):
        request, made = run(work())
        refused = bool(made.findings.broken or (capabilities == "error" and made.findings.refused))
        if as_json:
            put_json(_document(request, made, target, video, would_be_sent=not refused))
        else:
            _tell(request, made)
            put("\n".join(str(each) for each in (target, video) if each is not None))
        if refused:
            sys.exit(_REFUSED)


class _Emulated:
    """The emulator's renderer, as a preview takes it."""

    def frame(self, shot: Shot, t: float) -> bytes:
        """Draws one frame as PNG."""
        from kling_async.emulator.videos.render import MissingExtraError, draw_frame  # noqa: PLC0415 - the extra

        try:
            return draw_frame(_scene(shot), t)
        except MissingExtraError as error:
            raise ConfigurationError(str(error)) from None

    def video(self, shot: Shot) -> bytes:
        """Draws the whole video as MP4."""
        from kling_async.emulator.videos.render import MissingExtraError, render  # noqa: PLC0415 - the extra

        try:
            return render(_scene(shot))
        except MissingExtraError as error:
            raise ConfigurationError(str(error)) from None


def _scene(shot: Shot) -> Any:
    from kling_async.emulator.videos.scene import Scene  # noqa: PLC0415 - the extra

    masks = tuple((mask, points) for mask, points in shot.dynamic_masks if mask is not None)
    return Scene(shot.image, shot.tail, shot.seconds, shot.mode, shot.camera, shot.static_mask, masks)


def _told(problem: Problem) -> str:
    """A finding with the option's name instead of the field's."""
    return line_of(ValidationError([problem]))


def _tell(request: Image2VideoRequest, made: Preview) -> None:
    """The findings for people, on stderr."""
    from kling_async.preview.preview import verdict  # noqa: PLC0415 - the help shall not wait for it

    found = made.findings
    click.echo(verdict(request, found), err=True)
    for kind, problems in (("refused", (*found.refused, *found.broken)), ("warning", found.warnings)):
        for problem in problems:
            click.echo(f"{kind}: {_told(problem)}", err=True)


def _document(
    request: Image2VideoRequest, made: Preview, picture: Path, video: Path | None, *, would_be_sent: bool
) -> dict[str, Any]:
    """A preview for machines."""
    from kling_async.preview.preview import verdict  # noqa: PLC0415 - the help shall not wait for it

    found = made.findings

    def listed(problems: tuple[Problem, ...]) -> list[dict[str, str]]:
        return [{"path": problem.path, "message": plain(problem.message)} for problem in problems]

    return {
        "file": str(picture),
        "video": None if video is None else str(video),
        "would_be_sent": would_be_sent,
        "verdict": verdict(request, found),
        "refused": listed(found.refused),
        "broken": listed(found.broken),
        "warnings": listed(found.warnings),
    }


def _replace(target: Path, data: bytes) -> None:
    """Writes a file whole or not at all."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
