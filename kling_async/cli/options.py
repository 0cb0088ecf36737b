"""Options that commands share, and the request that the options of `image2video` make.

Promises: every field of the page has an option of its name; rules are judged by the library alone, so that the message
is the same everywhere; keys are no options.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from kling_async.client import KlingClient
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
        raise ValueError(f"{text!r} is no point; give whole numbers as x,y") from None


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
            f"the value of {name} is no JSON; text needs quotes, as in '{name}=\"text\"'"
        ) from None


REQUEST_OPTIONS: Final = (
    click.option("--prompt", "-p", help="What should happen; at most 2500 characters."),
    click.option("--negative-prompt", help="What should not be seen; at most 2500 characters."),
    click.option("--model-name", help="The model, kling-v1 by default."),
    click.option("--mode", metavar="std|pro", help="std by default."),
    click.option("--duration", metavar="5|10", help="Seconds of video, 5 by default."),
    click.option("--cfg-scale", type=float, help="How closely the prompt is followed, 0 to 1."),
    click.option("--image-tail", metavar="PHOTO", help="The last frame: a file or a URL."),
    click.option("--camera-type", metavar="TYPE", help="simple, down_back, forward_up, right_turn_forward or left_turn_forward."),
    click.option("--camera", multiple=True, metavar="AXIS=AMOUNT", callback=_read_by(_axis), help="A simple camera: horizontal, vertical, pan, tilt, roll or zoom from -10 to 10, as in zoom=5."),
    click.option("--static-mask", metavar="PHOTO", help="The region that keeps still: a file or a URL."),
    click.option("--dynamic-mask", "--dynamic-masks", multiple=True, metavar="FILE:x,y;x,y…", callback=_read_by(_dynamic_mask), help="A region that moves and its path, in pixels from the BOTTOM left; up to 6 times. Quote it."),
    click.option("--callback-url", metavar="URL", help="Where the service posts changes of status."),
    click.option("--external-task-id", metavar="ID", help="Your own id of the task, unique over the account; invented by default."),
    click.option("--extra", multiple=True, metavar="KEY=JSON", callback=_read_by(_extra), help="A field that the page does not know yet."),
)  # fmt: skip
"""The page's fields but `image`, which is an argument."""


def _in_a_directory(context: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    """Finds out before anything is paid for that there is no place for the video."""
    if path is not None and not path.parent.is_dir():
        raise click.BadParameter(f"{str(path.parent)!r} is no directory.", context, option)
    return path


base_url_option: Final = click.option("--base-url", metavar="URL", help="The service; else KLING_BASE_URL.")
json_option: Final = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
capabilities_option: Final = click.option(
    "--capabilities",
    type=click.Choice(["error", "warn", "off"]),
    default="error",
    show_default=True,
    help="What to do about a request that the model's capability map does not allow.",
)
timeout_option: Final = click.option(
    "--timeout",
    type=float,
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    callback=lambda _context, _option, seconds: None if seconds == math.inf else seconds,
    help="How long to wait for a task; inf waits for ever.",
)
output_option: Final = click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    callback=_in_a_directory,
    help="Where to write the video; a file that is there is replaced.",
)


def request_options(command: Command) -> Command:
    """Gives a command the page's fields as options."""
    for option in reversed(REQUEST_OPTIONS):
        command = option(command)
    return command


def request_from(photo: str | None, given: Mapping[str, Any]) -> Image2VideoRequest:
    """Builds the request that the options describe.

    Args:
        photo: The first frame as a file, a URL or `-` for stdin; None: none.
        given: The values of `REQUEST_OPTIONS`, by the options' names.

    Raises:
        ValidationError: Rules of the page that the request breaks.
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


def picture(text: str) -> Path | str | bytes:
    """A picture as it is named in a shell: a URL, `-` for stdin, else a file."""
    if text == "-":
        return sys.stdin.buffer.read()
    return text if is_url(text) else Path(text)


def is_url(text: str) -> bool:
    """Whether the text is meant as an address: `scheme://…` or `data:…`."""
    return "://" in text or text[:5].lower() == "data:"


def stem_of(photo: str | Path | None) -> str:
    """What a video made of this picture is called: the file's name without its suffix."""
    if photo is None or photo == "-" or str(photo)[:5].lower() == "data:":
        return "video"
    path = urlsplit(photo).path if isinstance(photo, str) and is_url(photo) else str(photo)
    stem = Path(path).stem
    return "".join(each if each.isalnum() or each in "-_. " else "_" for each in stem) or "video"


def client(base_url: str | None, capabilities: str = "error", journal: Path | None = None) -> KlingClient:
    """A client with the environment's keys.

    Raises:
        ConfigurationError: There are none, or the URL cannot be used.
    """
    from kling_async.client import KlingClient  # noqa: PLC0415 - it imports aiohttp

    return KlingClient(
        base_url=base_url,
        capabilities=capabilities,  # type: ignore[arg-type] # click has checked it
        journal=journal,
    )
