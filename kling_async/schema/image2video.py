"""The request to create a video from a picture: its fields, and the rules of the API reference on them.

Promises: no I/O; a request object that exists breaks no rule that can be judged without a picture's bytes and without
knowing the model; building one that would raises a single `ValidationError` that lists every broken rule with its path
and bound. Fields that are left alone do not travel, all others travel under the names of the API reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Self, TypedDict

from attrs import evolve, field, fields, frozen

from kling_async.errors import Problem
from kling_async.schema import callback_token, rules, wire
from kling_async.schema.brush import DynamicMask, MaskInput, to_masks
from kling_async.schema.camera import CameraControl, CameraInput, camera_features, to_camera
from kling_async.schema.capabilities import Wanted
from kling_async.schema.family import FIELDS_ELSEWHERE
from kling_async.schema.images import ImageInput, Picture, to_image
from kling_async.schema.models import DEFAULT_MODEL
from kling_async.schema.picture_facts import PictureFacts
from kling_async.schema.picture_rules import (
    one_encoding,
    outside_points,
    picture_problems,
    same_ratio,
    same_size,
)
from kling_async.schema.shots import (
    Element,
    ElementInput,
    Shot,
    ShotInput,
    Voice,
    VoiceInput,
    WatermarkInfo,
    WatermarkInput,
    element_problems,
    shot_features,
    shot_problems,
    sound_problems,
    to_elements,
    to_shots,
    to_voices,
    to_watermark,
)

MAX_PROMPT: Final = 2500
"""不能超过2500个字符: the longest prompt, in characters (code points)."""

_ELSEWHERE: Final = {
    **FIELDS_ELSEWHERE,
    "aspect_ratio": "a video's shape follows its first frame; text2video takes it",
    "video_id": "a video is made longer by video_extend",
}
_LATER: Final = frozenset(
    {"sound", "voice_list", "multi_shot", "shot_type", "multi_prompt", "element_list", "watermark_info"}
)
_WAYS: Final = (("image_tail",), ("static_mask", "dynamic_masks"), ("camera_control",))


def _image(value: ImageInput | None) -> Any:
    return None if value is None else rules.attempt(to_image, value)


@frozen(kw_only=True)
class Image2VideoRequest:
    """A video to be made from a still image. Fields that are left alone (or None) do not travel.

    Raises:
        ValidationError: Every rule of the API reference that the values break.
    """

    model_name: str | None = field(default=None, converter=rules.text_or_none)
    """The model, such as kling-v3; the service's default is kling-v1. Which model takes what is in the capability map
    (`kling_async.schema.models`); a model that the map does not know passes. (API reference: model_name)"""

    image: Picture | None = field(default=None, converter=_image)
    """First frame: JPEG or PNG, at most 10 MB, sides of 300 px and more, ratio within 1:2.5 and 2.5:1.
    At least one of `image` and `image_tail` is needed. (API reference: image)"""

    image_tail: Picture | None = field(default=None, converter=_image)
    """Last frame: as `image`, but of any ratio; never with masks or a camera. (API reference: image_tail)"""

    prompt: str | None = field(default=None, converter=rules.text_or_none)
    """What should happen; at most 2500 characters. Ignored by the service if `multi_prompt` is given.
    (API reference: prompt)"""

    negative_prompt: str | None = field(default=None, converter=rules.text_or_none)
    """What should not be seen; at most 2500 characters. (API reference: negative_prompt)"""

    cfg_scale: float | None = None
    """How closely the prompt is followed, 0 to 1; the service's default is 0.5. (API reference: cfg_scale)"""

    mode: str | None = None
    """`std` (default) or `pro`; `4k` for kling-v3. (API reference: mode)"""

    static_mask: Picture | None = field(default=None, converter=_image)
    """Region that keeps still: a picture with the image's ratio. (API reference: static_mask)"""

    dynamic_masks: tuple[DynamicMask, ...] | None = field(default=None, converter=to_masks)
    """1 to 6 regions that move; their masks share one resolution with `static_mask`. (API reference: dynamic_masks)"""

    camera_control: CameraControl | None = field(default=None, converter=to_camera)
    """A camera movement; never with masks or `image_tail`. (API reference: camera_control)"""

    duration: str | None = field(default=None, converter=rules.seconds_as_text)
    """Length of the video in whole seconds, as number or text; travels as text. 5 (default) or 10, and 3 to 15 for
    kling-v3. (API reference: duration)"""

    sound: str | None = None
    """`on` or `off` (default): sound is made with the video. kling-v2-6 in mode pro, and kling-v3. (Since 2025-12)"""

    voice_list: tuple[Voice, ...] | None = field(default=None, converter=to_voices)
    """1 or 2 voices; needs `sound` on and excludes `element_list`. kling-v2-6 in mode pro. (Since 2025-12)"""

    multi_shot: bool | None = None
    """True makes a video of several shots; then `shot_type` is needed. kling-v3. (Since 2026-02)"""

    shot_type: str | None = None
    """`customize` with `multi_prompt`, or `intelligence`: the model cuts by itself. (Since 2026-02)"""

    multi_prompt: tuple[Shot, ...] | None = field(default=None, converter=to_shots)
    """1 to 6 shots whose durations add up to `duration`. (Since 2026-02)"""

    element_list: tuple[Element, ...] | None = field(default=None, converter=to_elements)
    """1 to 3 elements of the account's library. (Since 2026-02)"""

    watermark_info: WatermarkInfo | None = field(default=None, converter=to_watermark)
    """Asks for a marked copy beside the result. (Since 2026-01)"""

    callback_url: str | None = field(default=None, repr=callback_token.shown)
    """http(s) URL to which the service posts each change of status. (API reference: callback_url)"""

    external_task_id: str | None = None
    """The caller's own id, unique in the account; the task can be queried by it, and it keeps a create from being paid
    twice. If it is None, one is generated. (API reference: external_task_id)"""

    extra: Mapping[str, Any] = field(factory=dict, converter=rules.copied, hash=False)
    """Fields that this library does not know yet, sent unchanged. A field that it learned after mid-2025 may stand here
    instead of under its own name; then no rule is applied to it."""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(_problems(self))

    @property
    def model(self) -> str | None:
        """The model's name; None if the request leaves it to the service."""
        return self.model_name

    @property
    def kind(self) -> tuple[str, str, str]:
        """What decides how long a job takes: model, mode and duration, with the defaults of the API reference."""
        return (self.model_name or DEFAULT_MODEL, self.mode or "std", self.duration or "5")

    @property
    def slots(self) -> int:
        """Slots that the task takes: 1, as for every video."""
        return 1

    def wanted(self) -> Wanted:
        """Returns what the request wants of its model, for the capability map."""
        return Wanted("image2video", *self.kind, tuple(_features(self)))

    def pictures(self) -> Iterator[tuple[str, Picture]]:
        """Yields every picture with its field's path, in the order of the API reference."""
        for name in ("image", "image_tail", "static_mask"):
            picture = getattr(self, name)
            if picture is not None:
                yield name, picture
        for path, mask in _masks(self):
            yield f"{path}.mask", mask.mask

    def picture_problems(self, facts: Mapping[str, PictureFacts]) -> Iterator[Problem]:
        """Yields every broken rule on the pictures' bytes.

        Args:
            facts: What is known of each picture whose bytes are at hand, by its field's path.
        """
        for path, each in facts.items():
            yield from picture_problems(path, each, ratio=path == "image")
        masks = {path: each for path, each in facts.items() if path not in {"image", "image_tail"}}
        yield from same_ratio(masks, "image", facts.get("image"))
        yield from same_size(masks)

    def picture_warnings(self, facts: Mapping[str, PictureFacts]) -> Iterator[Problem]:
        """Yields what the pictures' bytes show to be unlikely to be meant, though no rule forbids it.

        Args:
            facts: What is known of each picture whose bytes are at hand, by its field's path.
        """
        for path, mask in _masks(self):
            points = ((point.x, point.y) for point in mask.trajectories)
            yield from outside_points(f"{path}.trajectories", points, "image", facts.get("image"))

    def with_external_task_id(self, external_id: str) -> Self:
        """Returns the same request under another external id."""
        return rules.renamed(self, external_id)

    def with_callback_url(self, url: str) -> Self:
        """Returns the same request with another URL to which the service posts."""
        return evolve(self, callback_url=url)

    def document(self) -> dict[str, Any]:
        """Returns the wire form as a mapping, with the pictures left as they are."""
        return wire.document(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Builds a request from names and nested values as the API reference has them, such as a manifest's entry.

        Raises:
            ValidationError: Broken rules, or a name that is not a field.
        """
        return rules.built_from(cls, values, (*_FIELDS, "extra"), _ELSEWHERE)


class Image2VideoFields(TypedDict, total=False):
    """The keyword arguments of `Image2VideoRequest`, for signatures that take them instead of a request."""

    model_name: str | None
    image: ImageInput | None
    image_tail: ImageInput | None
    prompt: str | None
    negative_prompt: str | None
    cfg_scale: float | None
    mode: str | None
    static_mask: ImageInput | None
    dynamic_masks: Iterable[MaskInput] | None
    camera_control: CameraInput | None
    duration: int | str | None
    sound: str | None
    voice_list: Iterable[VoiceInput] | None
    multi_shot: bool | None
    shot_type: str | None
    multi_prompt: Iterable[ShotInput] | None
    element_list: Iterable[ElementInput] | None
    watermark_info: WatermarkInput | None
    callback_url: str | None
    external_task_id: str | None
    extra: Mapping[str, Any]


_FIELDS: Final = tuple(each.name for each in fields(Image2VideoRequest) if each.name != "extra")


def _problems(request: Image2VideoRequest) -> Iterator[Problem]:
    """Every rule that can be judged without a picture's bytes, in the order of the API reference."""
    yield from rules.text("model_name", request.model_name)
    yield from rules.nested("image", request.image)
    yield from rules.nested("image_tail", request.image_tail)
    if request.image is None and request.image_tail is None:
        yield Problem("image", "is missing; at least one of image and image_tail is needed")
    used = [name for names in _WAYS for name in names if getattr(request, name) is not None]
    yield from rules.exclusive(used, _WAYS)
    yield from rules.text("prompt", request.prompt, MAX_PROMPT)
    yield from rules.text("negative_prompt", request.negative_prompt, MAX_PROMPT)
    yield from rules.number("cfg_scale", request.cfg_scale, 0, 1)
    yield from rules.word("mode", request.mode)
    yield from rules.nested("static_mask", request.static_mask)
    yield from rules.count("dynamic_masks", request.dynamic_masks, 1, 6, "masks")
    yield from one_encoding(request.pictures())
    yield from rules.nested("camera_control", request.camera_control)
    yield from rules.seconds("duration", request.duration)
    yield from sound_problems(request.sound, request.voice_list)
    yield from element_problems(request.element_list, request.voice_list)
    yield from shot_problems(request.multi_shot, request.shot_type, request.multi_prompt, request.duration)
    yield from rules.nested("watermark_info", request.watermark_info)
    yield from rules.url("callback_url", request.callback_url)
    yield from rules.task_id("external_task_id", request.external_task_id)
    taken = [name for name in _FIELDS if name not in _LATER or getattr(request, name) is not None]
    yield from rules.json_fields("extra", request.extra, taken)


def _features(request: Image2VideoRequest) -> Iterator[tuple[str, str]]:
    """The features of the capability map that a request uses, with the fields' paths."""
    if request.image_tail is not None:
        yield "image_tail", "image_tail" if request.image is not None else "image_tail alone"
    for name in ("static_mask", "dynamic_masks"):
        if getattr(request, name) is not None:
            yield name, "motion brush"
    yield from camera_features(request.camera_control)
    yield from shot_features(request.sound, request.voice_list, request.multi_shot)
    if request.sound == "on" and request.image_tail is not None:
        yield "sound", "sound with image_tail"


def _masks(request: Image2VideoRequest) -> Iterator[tuple[str, DynamicMask]]:
    """The masks that could be built, with their paths."""
    masks = request.dynamic_masks
    for index, mask in enumerate(masks if isinstance(masks, tuple) else ()):
        if isinstance(mask, DynamicMask):
            yield f"dynamic_masks[{index}]", mask
