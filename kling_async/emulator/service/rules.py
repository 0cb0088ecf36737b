"""Every rule of an endpoint, once, on the raw JSON field; one book for each endpoint.

Pure. The rules are stated a second time here, on purpose, and from the API reference alone: the client's own table is
never read. They judge a body literally; what it plainly means is settled before (`plain`). A request may break several
rules; `broken` names all of them, and the service answers with the first.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from kling_async.emulator.service import plain
from kling_async.emulator.service.brush_rules import BRUSH
from kling_async.emulator.service.camera_rules import CAMERA, CAMERA_AXES
from kling_async.emulator.service.capabilities import IMAGE2VIDEO as IMAGE2VIDEO_ROWS
from kling_async.emulator.service.capabilities import TEXT2VIDEO as TEXT2VIDEO_ROWS
from kling_async.emulator.service.capabilities import capability_rules
from kling_async.emulator.service.field_rules import (
    ANY_ENDPOINT,
    CFG_SCALE,
    DURATION,
    MODE,
    one_of,
    prompt_length,
    texts,
)
from kling_async.emulator.service.picture_rules import PICTURE_RULES
from kling_async.emulator.service.rule import Broken, Rule
from kling_async.emulator.service.shot_rules import ELEMENTS, SHOTS, SOUND, customized
from kling_async.emulator.service.submission import (
    FindPictures,
    Submission,
    any_pictures,
    image2video_pictures,
    no_pictures,
    submission,
)


@attrs.frozen
class Book:
    """What an endpoint checks."""

    rules: tuple[Rule, ...]
    """In the order in which the service checks them."""

    capabilities: tuple[Rule, ...] = ()
    """The capability map's, which has a switch of its own."""

    shape: Mapping[str, plain.Shape] = attrs.field(factory=dict)
    """The types of the fields, so that their plain meaning can be found."""

    find_pictures: FindPictures = no_pictures

    def read(self, body: Mapping[str, Any], *, keep_empty: bool = False) -> Submission:
        """Takes a body for what it plainly means, and inspects its pictures.

        Args:
            body: The JSON object of a create.
            keep_empty: Whether empty texts and lists stay; else they count as absent.
        """
        meant = plain.plain(body, self.shape, keep_empty=keep_empty)
        return submission(meant, self.find_pictures)


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


def _prompt_required(request: Submission) -> str | None:
    """Only customized shots bring prompts of their own."""
    prompt = request.body.get("prompt", "")
    if customized(request.body) or not isinstance(prompt, str) or prompt:
        return None
    return "prompt cannot be empty"


def _video_id_required(request: Submission) -> str | None:
    value = request.body.get("video_id", "")
    return None if not isinstance(value, str) or value else "video_id cannot be empty"


_POINT: plain.Shape = {"x": plain.whole, "y": plain.whole}
_COMMON: Mapping[str, plain.Shape] = {
    **dict.fromkeys(("prompt", "negative_prompt", "callback_url", "external_task_id"), plain.text),
    "cfg_scale": plain.number,
    "watermark_info": {"enabled": plain.flag},
}
_GENERATED: Mapping[str, plain.Shape] = {
    **_COMMON,
    **dict.fromkeys(("model_name", "mode", "duration", "aspect_ratio", "sound", "shot_type"), plain.text),
    "camera_control": {"type": plain.text, "config": dict.fromkeys(CAMERA_AXES, plain.number)},
    "multi_shot": plain.flag,
    "multi_prompt": ({"index": plain.whole, "prompt": plain.text, "duration": plain.text},),
    "voice_list": ({"voice_id": plain.text},),
    "element_list": ({"element_id": plain.whole},),
}
_PROMPTS = (prompt_length("prompt"), prompt_length("negative_prompt"))

IMAGE2VIDEO = Book(
    rules=(
        *texts("model_name", "image", "image_tail", "prompt", "negative_prompt", "mode", "static_mask", "duration"),
        Rule("image or image_tail", _image_or_tail),
        Rule("one of three", _one_of_three),
        MODE,
        DURATION,
        *_PROMPTS,
        *CFG_SCALE,
        *ANY_ENDPOINT,
        *PICTURE_RULES,
        *BRUSH,
        *CAMERA,
        *SOUND,
        *ELEMENTS,
        *SHOTS,
    ),
    capabilities=capability_rules(IMAGE2VIDEO_ROWS, "image"),
    shape={
        **_GENERATED,
        **dict.fromkeys(("image", "image_tail", "static_mask"), plain.text),
        "dynamic_masks": ({"mask": plain.text, "trajectories": (_POINT,)},),
    },
    find_pictures=image2video_pictures,
)  # fmt: skip

TEXT2VIDEO = Book(
    rules=(
        *texts("model_name", "prompt", "negative_prompt", "mode", "duration", "aspect_ratio"),
        Rule("prompt required", _prompt_required),
        MODE,
        DURATION,
        one_of("aspect_ratio", "16:9", "9:16", "1:1"),
        *_PROMPTS,
        *CFG_SCALE,
        *ANY_ENDPOINT,
        *CAMERA,
        *SOUND,
        *SHOTS,
    ),
    capabilities=capability_rules(TEXT2VIDEO_ROWS, "text2video"),
    shape=_GENERATED,
)

VIDEO_EXTEND = Book(
    rules=(
        *texts("video_id", "prompt", "negative_prompt"),
        Rule("video_id required", _video_id_required),
        *_PROMPTS,
        *CFG_SCALE,
        *ANY_ENDPOINT,
    ),
    shape={**_COMMON, "video_id": plain.text},
)

UNCHECKED = Book(
    rules=ANY_ENDPOINT,
    shape={
        "callback_url": plain.text,
        "external_task_id": plain.text,
        "watermark_info": {"enabled": plain.flag},
    },
    find_pictures=any_pictures,
)
"""For the endpoints whose own fields are not checked: the rules that hold for the whole family."""


def broken(
    body: Mapping[str, Any] | Submission, book: Book = IMAGE2VIDEO, *, capabilities: bool = True
) -> list[Broken]:
    """Returns all rules that a request breaks, in the book's order.

    Args:
        body: The JSON object of a create, taken literally, or its inspected form.
        book: The endpoint's rules.
        capabilities: Whether the capability map counts.
    """
    request = body if isinstance(body, Submission) else submission(body, book.find_pictures)
    rules = (*book.rules, *book.capabilities) if capabilities else book.rules
    verdicts = ((rule, rule.test(request)) for rule in rules)
    return [Broken(rule, message) for rule, message in verdicts if message is not None]
