"""The API reference's fields as options of a command, and the request that they make.

Promises: every field of the request has an option of its name; rules are judged by the library alone, so that the
message is the same everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from kling_async.cli.names import picture

if TYPE_CHECKING:
    from kling_async.schema.image2video import Image2VideoRequest

Command = TypeVar("Command", bound=Callable[..., Any])


def _read_by(parse: Callable[[str], Any]) -> Callable[..., tuple[Any, ...]]:
    """An option's callback that reads each of its texts; a ValueError's text is the message."""

    def read(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[Any, ...]:
        try:
            return tuple(parse(text) for text in texts)
        except ValueError as error:
            raise click.BadParameter(str(error), context, option) from None

    return read


def _dynamic_mask(text: str) -> dict[str, Any]:
    file, _, points = text.rpartition(":")
    if not file:
        raise ValueError(f"{text!r} is not FILE:x,y;x,y")
    return {"mask": picture(file), "trajectories": [_point(point) for point in points.split(";")]}


def _point(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not a point; give whole numbers as x,y") from None


def _axis(text: str) -> tuple[str, float]:
    axis, _, amount = text.partition("=")
    try:
        return axis, float(amount)
    except ValueError:
        raise ValueError(f"{text!r} is not AXIS=AMOUNT, such as zoom=5") from None


def _extra(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(f"{text!r} is not KEY=JSON")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(
            f"the value of {name} is not JSON; text needs quotes, as in '{name}=\"text\"'"
        ) from None


def _json(_context: click.Context, option: click.Parameter, text: str | None) -> Any:
    """Reads an option's JSON."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{text!r} is not JSON: {error}", _context, option) from None


REQUEST_OPTIONS: Final = (
    click.option("--prompt", "-p", help="What should happen; at most 2500 characters."),
    click.option("--negative-prompt", help="What should not be seen; at most 2500 characters."),
    click.option("--model-name", metavar="MODEL", help="The model, such as kling-v2-6 (see kling-async models). Without it the service uses kling-v1, which is announced to end."),
    click.option("--mode", metavar="std|pro|4k", help="std by default; 4k for kling-v3."),
    click.option("--duration", metavar="SECONDS", help="Seconds of video: 5 (default) or 10; 3 to 15 for kling-v3."),
    click.option("--cfg-scale", type=float, help="How closely the prompt is followed, 0 to 1."),
    click.option("--image-tail", metavar="PHOTO", help="The last frame: a file or a URL."),
    click.option("--camera-type", metavar="TYPE", help="simple, down_back, forward_up, right_turn_forward or left_turn_forward."),
    click.option("--camera", multiple=True, metavar="AXIS=AMOUNT", callback=_read_by(_axis), help="A simple camera: horizontal, vertical, pan, tilt, roll or zoom from -10 to 10, as in zoom=5."),
    click.option("--static-mask", metavar="PHOTO", help="The region that keeps still: a file or a URL."),
    click.option("--dynamic-mask", "--dynamic-masks", multiple=True, metavar="FILE:x,y;x,y…", callback=_read_by(_dynamic_mask), help="A region that moves and its path, in pixels from the BOTTOM left; up to 6 times. Quote it."),
    click.option("--sound", metavar="on|off", help="Sound made with the video; kling-v2-6 in mode pro, kling-v3."),
    click.option("--voice-list", metavar="JSON", callback=_json, help="1 or 2 voices, as in the API reference."),
    click.option("--multi-shot", is_flag=True, default=None, help="Several shots; kling-v3."),
    click.option("--shot-type", metavar="TYPE", help="With --multi-shot: customize or intelligence."),
    click.option("--multi-prompt", metavar="JSON", callback=_json, help="1 to 6 shots, as in the API reference."),
    click.option("--element-list", metavar="JSON", callback=_json, help="1 to 3 elements, as in the API reference."),
    click.option("--watermark-info", metavar="JSON", callback=_json, help='{"enabled": true} asks for a marked copy.'),
    click.option("--callback-url", metavar="URL", help="Where the service posts changes of status."),
    click.option("--external-task-id", metavar="ID", help="Your own id of the task, unique in the account; made up by default."),
    click.option("--extra", multiple=True, metavar="KEY=JSON", callback=_read_by(_extra), help="A field that this library does not know yet."),
)  # fmt: skip
"""The fields but `image`, which is an argument."""


def request_options(command: Command) -> Command:
    """Gives a command the fields as options."""
    for option in reversed(REQUEST_OPTIONS):
        command = option(command)
    return command


def request_from(photo: str | None, given: Mapping[str, Any]) -> Image2VideoRequest:
    """Builds the request that the options describe.

    Args:
        photo: The first frame as a file, a URL or `-` for stdin; None: there is none.
        given: The values of `REQUEST_OPTIONS`, by the options' names.

    Raises:
        ValidationError: Rules that the request breaks.
    """
    from kling_async.schema.image2video import Image2VideoRequest  # noqa: PLC0415 - the help shall not wait for it

    fields = dict(given)
    axes, kind = dict(fields.pop("camera")), fields.pop("camera_type")
    if axes or kind:
        camera = {"type": kind or "simple", **({"config": axes} if axes else {})}
        fields["camera_control"] = camera
    fields["image"] = photo
    for name in ("image", "image_tail", "static_mask"):
        if fields[name] is not None:
            fields[name] = picture(fields[name])
    fields["dynamic_masks"] = fields.pop("dynamic_mask") or None
    fields["extra"] = dict(fields["extra"])
    return Image2VideoRequest(**fields)
