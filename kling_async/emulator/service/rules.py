"""Every rule of the API reference, once, on the raw JSON field: a name, a test, a code, a message.

Pure. The rules are stated a second time here, on purpose, and from the API reference alone: the
client's own table is never read. A request may break several rules; `broken` names all of them, and the service
answers with the first.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from kling_async.emulator.service import capabilities, motion_rules
from kling_async.emulator.service.submission import Submission, submission
from kling_async.emulator.videos.pictures import MAX_BYTES, MIN_SIDE, Picture, is_web_url

Test = Callable[[Submission], str | None]
"""None if the rule is kept, else the message."""

MODES = ("std", "pro")
DURATIONS = ("5", "10")
LONGEST_PROMPT = 2500
"""Characters, not bytes and not UTF-16 units."""

TEXT_FIELDS = (
    "model_name", "image", "image_tail", "prompt", "negative_prompt", "mode", "static_mask",
    "duration", "callback_url", "external_task_id",
)  # fmt: skip


@attrs.frozen
class Rule:
    """One sentence of the API reference."""

    name: str
    test: Test
    code: int | None = 1201
    """The refusal's service code; None: the create is taken and the task ends as failed."""


@attrs.frozen
class Broken:
    """A rule that a request broke, and what the service says to it."""

    rule: Rule
    message: str


def broken(body: Mapping[str, Any] | Submission, *, capabilities: bool = True) -> list[Broken]:
    """Returns all rules that a request breaks, in the table's order.

    Args:
        body: The JSON object of a create, or its inspected form.
        capabilities: Whether the capability map counts.
    """
    request = body if isinstance(body, Submission) else submission(body)
    rules = (*RULES, CAPABILITY) if capabilities else RULES
    verdicts = ((rule, rule.test(request)) for rule in rules)
    return [Broken(rule, message) for rule, message in verdicts if message is not None]


def _text(field: str) -> Test:
    def is_text(request: Submission) -> str | None:
        if isinstance(request.body.get(field, ""), str):
            return None
        return f"{field} must be a string"

    return is_text


def _one_of(field: str, allowed: tuple[str, ...]) -> Test:
    def is_allowed(request: Submission) -> str | None:
        value = request.body.get(field, allowed[0])
        if not isinstance(value, str) or value in allowed:
            return None
        return f"{field} value '{value[:50]}' is invalid"

    return is_allowed


def _prompt(field: str) -> Test:
    def is_short(request: Submission) -> str | None:
        value = request.body.get(field)
        if isinstance(value, str) and len(value) > LONGEST_PROMPT:
            return f"The length of {field} {len(value)} is greater than {LONGEST_PROMPT}"
        return None

    return is_short


def _every_picture(offends: Callable[[Picture], bool], message: str) -> Test:
    def all_keep(request: Submission) -> str | None:
        offender = next((picture for picture in request.pictures if offends(picture)), None)
        return None if offender is None else f"{offender.path}: {message}"

    return all_keep


def _too_small(picture: Picture) -> bool:
    return picture.size is not None and min(picture.size) < MIN_SIDE


def _too_long_or_tall(picture: Picture) -> bool:
    """Wider than 2.5:1 or taller than 1:2.5, in whole numbers; a zero side is too small instead."""
    if picture.path != "image" or picture.size is None or 0 in picture.size:
        return False
    width, height = picture.size
    return 2 * width > 5 * height or 2 * height > 5 * width


def _is_no_base64(picture: Picture) -> bool:
    return picture.url is None and picture.data is None and not picture.prefixed


def _image_or_tail(request: Submission) -> str | None:
    if "image" in request.body or "image_tail" in request.body:
        return None
    return "image and image_tail cannot both be empty"


def _one_of_three(request: Submission) -> str | None:
    ways = (
        "image_tail" in request.body,
        "static_mask" in request.body or "dynamic_masks" in request.body,
        "camera_control" in request.body,
    )
    if sum(ways) <= 1:
        return None
    return "image_tail, dynamic_masks/static_mask and camera_control cannot be used together"


def _one_kind_of_picture(request: Submission) -> str | None:
    by_url = {picture.url is not None for picture in request.pictures}
    return "All image parameters must use Base64 if one of them does" if len(by_url) > 1 else None


def _cfg_scale_number(request: Submission) -> str | None:
    return (
        None if motion_rules.is_number(request.body.get("cfg_scale", 0.5)) else "cfg_scale must be a number"
    )


def _cfg_scale_range(request: Submission) -> str | None:
    value = request.body.get("cfg_scale", 0.5)
    if not motion_rules.is_number(value) or 0 <= value <= 1:
        return None
    return "cfg_scale is out of range [0, 1]"


def _callback_url(request: Submission) -> str | None:
    value = request.body.get("callback_url")
    if not isinstance(value, str) or is_web_url(value):
        return None
    return "callback_url is not a valid http(s) URL"


def _external_task_id(request: Submission) -> str | None:
    """Non-empty; no dot segment, which no path can carry; text that UTF-8 can carry."""
    value = request.body.get("external_task_id", "id")
    if not isinstance(value, str):
        return None
    surrogate = any("\ud800" <= character <= "\udfff" for character in value)
    if value in {"", ".", ".."} or surrogate:
        return "external_task_id value is invalid"
    return None


RULES: tuple[Rule, ...] = (
    *(Rule(f"{field} is text", _text(field)) for field in TEXT_FIELDS),
    Rule("image or image_tail", _image_or_tail),
    Rule("one of three", _one_of_three),
    Rule("mode", _one_of("mode", MODES)),
    Rule("duration", _one_of("duration", DURATIONS)),
    Rule("prompt length", _prompt("prompt")),
    Rule("negative_prompt length", _prompt("negative_prompt")),
    Rule("cfg_scale is a number", _cfg_scale_number),
    Rule("cfg_scale range", _cfg_scale_range),
    Rule("callback_url", _callback_url),
    Rule("external_task_id", _external_task_id),
    Rule(
        "picture without prefix",
        _every_picture(lambda p: p.prefixed, "File is in an invalid base64 format, remove the data: prefix"),
    ),
    Rule("picture base64", _every_picture(_is_no_base64, "File is not in a valid base64 format")),
    Rule(
        "picture URL",
        _every_picture(lambda p: p.url is not None and not is_web_url(p.url), "Image URL is invalid"),
    ),
    Rule(
        "picture format",
        _every_picture(
            lambda p: p.data is not None and p.header is None, "Image format must be jpg, jpeg or png"
        ),
    ),
    Rule(
        "picture complete",
        _every_picture(lambda p: p.header is not None and not p.header.complete, "Image is truncated"),
    ),
    Rule(
        "picture bytes", _every_picture(lambda p: len(p.data or b"") > MAX_BYTES, "Image size exceeds 10MB")
    ),
    Rule(
        "picture pixels",
        _every_picture(_too_small, "Image pixel is invalid, width and height must not be smaller than 300px"),
    ),
    Rule(
        "image ratio", _every_picture(_too_long_or_tall, "Image aspect ratio must be between 1:2.5 and 2.5:1")
    ),
    Rule("pictures all base64 or all URL", _one_kind_of_picture),
    Rule("dynamic_masks is a list", motion_rules.masks_are_a_list),
    Rule("dynamic_masks count", motion_rules.masks_count),
    Rule("dynamic mask picture", motion_rules.masks_have_a_picture),
    Rule("trajectories is a list", motion_rules.trajectories_are_lists),
    Rule("trajectories length", motion_rules.trajectories_length),
    Rule("trajectory points", motion_rules.points_are_whole),
    Rule("mask ratio", motion_rules.masks_match_image_ratio, code=None),
    Rule("mask resolution", motion_rules.masks_share_a_resolution, code=None),
    Rule("camera_control is an object", motion_rules.camera_is_an_object),
    Rule("camera type", motion_rules.camera_type),
    Rule("camera config is an object", motion_rules.config_is_an_object),
    Rule("camera config with simple", motion_rules.config_with_simple),
    Rule("camera config only with simple", motion_rules.config_only_with_simple),
    Rule("camera config axes", motion_rules.config_axes),
    Rule("camera axis is a number", motion_rules.axes_are_numbers),
    Rule("camera axis range", motion_rules.axes_in_range),
    Rule("camera moves on one axis", motion_rules.one_axis_moves),
)
"""The API reference's own rules, in the order in which the service checks them."""

CAPABILITY = Rule("capability map", capabilities.supported)
"""The one rule with a switch of its own: see `capabilities`."""
