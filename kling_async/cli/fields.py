"""The API reference's fields as options of a command, and the request that they make.

Promises: every field of the request has an option of its name; rules are judged by the library alone, so that the
message is the same everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from kling_async.cli.names import picture

if TYPE_CHECKING:
    from kling_async.schema.image2video import Image2VideoRequest
    from kling_async.schema.text2video import Text2VideoRequest
    from kling_async.schema.video_extend import VideoExtendRequest

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


# fmt: off
_PROMPT: Final = click.option("--prompt", "-p", help="What should happen; at most 2500 characters.")
_NEGATIVE_PROMPT: Final = click.option("--negative-prompt", help="What should not be seen; at most 2500 characters.")
_MODEL_NAME: Final = click.option("--model-name", metavar="MODEL", help="The model, such as kling-v2-6 (see kling-async models). Without it the service uses kling-v1, which is announced to end.")
_MODE: Final = click.option("--mode", metavar="std|pro|4k", help="std by default; 4k for kling-v3.")
_DURATION: Final = click.option("--duration", metavar="SECONDS", help="Seconds of video: 5 (default) or 10; 3 to 15 for kling-v3.")
_CFG_SCALE: Final = click.option("--cfg-scale", type=float, help="How closely the prompt is followed, 0 to 1.")
_CAMERA: Final = (
    click.option("--camera-type", metavar="TYPE", help="simple, down_back, forward_up, right_turn_forward or left_turn_forward."),
    click.option("--camera", multiple=True, metavar="AXIS=AMOUNT", callback=_read_by(_axis), help="A simple camera: horizontal, vertical, pan, tilt, roll or zoom from -10 to 10, as in zoom=5."),
)
_PICTURES: Final = (
    click.option("--image-tail", metavar="PHOTO", help="The last frame: a file or a URL."),
    click.option("--static-mask", metavar="PHOTO", help="The region that keeps still: a file or a URL."),
    click.option("--dynamic-mask", "--dynamic-masks", multiple=True, metavar="FILE:x,y;x,y…", callback=_read_by(_dynamic_mask), help="A region that moves and its path, in pixels from the BOTTOM left; up to 6 times. Quote it."),
)
_SOUND: Final = (
    click.option("--sound", metavar="on|off", help="Sound made with the video; kling-v2-6 in mode pro, kling-v3."),
    click.option("--voice-list", metavar="JSON", callback=_json, help="1 or 2 voices, as in the API reference."),
)
_SHOTS: Final = (
    click.option("--multi-shot", is_flag=True, default=None, help="Several shots; kling-v3."),
    click.option("--shot-type", metavar="TYPE", help="With --multi-shot: customize or intelligence."),
    click.option("--multi-prompt", metavar="JSON", callback=_json, help="1 to 6 shots, as in the API reference."),
)
_ELEMENT_LIST: Final = click.option("--element-list", metavar="JSON", callback=_json, help="1 to 3 elements, as in the API reference.")
_ASPECT_RATIO: Final = click.option("--aspect-ratio", metavar="W:H", help="16:9 (default), 9:16 or 1:1.")
_ANY_ENDPOINT: Final = (
    click.option("--watermark-info", metavar="JSON", callback=_json, help='{"enabled": true} asks for a marked copy.'),
    click.option("--callback-url", metavar="URL", help="Where the service posts changes of status."),
    click.option("--external-task-id", metavar="ID", help="Your own id of the task, unique in the account; made up by default."),
    click.option("--extra", multiple=True, metavar="KEY=JSON", callback=_read_by(_extra), help="A field that this library does not know yet."),
)

IMAGE2VIDEO: Final = (
    _PROMPT, _NEGATIVE_PROMPT, _MODEL_NAME, _MODE, _DURATION, _CFG_SCALE, *_PICTURES[:1], *_CAMERA, *_PICTURES[1:],
    *_SOUND, *_SHOTS, _ELEMENT_LIST, *_ANY_ENDPOINT,
)
"""The fields of image2video but `image`, which is an argument."""

TEXT2VIDEO: Final = (
    _PROMPT, _NEGATIVE_PROMPT, _MODEL_NAME, _MODE, _DURATION, _ASPECT_RATIO, _CFG_SCALE, *_CAMERA, *_SOUND, *_SHOTS,
    *_ANY_ENDPOINT,
)
"""The fields of text2video."""

VIDEO_EXTEND: Final = (_PROMPT, _NEGATIVE_PROMPT, _CFG_SCALE, *_ANY_ENDPOINT)
"""The fields of video-extend but `video_id`, which is an argument."""
# fmt: on


def options_of(fields: Iterable[Callable[[Any], Any]]) -> Callable[[Command], Command]:
    """Gives a command the fields of an endpoint as options, such as `IMAGE2VIDEO`."""

    def given(command: Command) -> Command:
        for option in reversed(tuple(fields)):
            command = option(command)
        return command

    return given


def image2video_request(photo: str | None, given: Mapping[str, Any]) -> Image2VideoRequest:
    """Builds the request that the options describe.

    Args:
        photo: The first frame as a file, a URL or `-` for stdin; None: there is none.
        given: The values of `IMAGE2VIDEO`, by the options' names.

    Raises:
        ValidationError: Rules that the request breaks.
    """
    from kling_async.schema.image2video import Image2VideoRequest  # noqa: PLC0415 - the help shall not wait for it

    fields = with_camera(given)
    fields["image"] = photo
    for name in ("image", "image_tail", "static_mask"):
        if fields[name] is not None:
            fields[name] = picture(fields[name])
    fields["dynamic_masks"] = fields.pop("dynamic_mask") or None
    return Image2VideoRequest(**fields)


def text2video_request(given: Mapping[str, Any]) -> Text2VideoRequest:
    """Builds the request that the options of `TEXT2VIDEO` describe; raises as `image2video_request` does."""
    from kling_async.schema.text2video import Text2VideoRequest  # noqa: PLC0415 - as above

    return Text2VideoRequest(**with_camera(given))


def video_extend_request(video_id: str, given: Mapping[str, Any]) -> VideoExtendRequest:
    """Builds the request that the options of `VIDEO_EXTEND` describe; raises as `image2video_request` does."""
    from kling_async.schema.video_extend import VideoExtendRequest  # noqa: PLC0415 - as above

    return VideoExtendRequest(video_id=video_id, **{**given, "extra": dict(given["extra"])})


def with_camera(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with what `--camera` and `--camera-type` make together, and `--extra` as a mapping."""
    fields = dict(given)
    axes, kind = dict(fields.pop("camera", ())), fields.pop("camera_type", None)
    if axes or kind:
        fields["camera_control"] = {"type": kind or "simple", **({"config": axes} if axes else {})}
    if "extra" in fields:
        fields["extra"] = dict(fields["extra"])
    return fields
