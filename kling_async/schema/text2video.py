"""The request to create a video from text: its fields, and the rules on them.

Promises: no I/O; a request object that exists breaks no rule that can be judged without knowing the model; building one
that would raises a single `ValidationError` that lists every broken rule with its path and bound. Fields that are left
alone do not travel, all others travel under the names of the API reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Self, TypedDict

from attrs import evolve, field, fields, frozen

from kling_async.errors import Problem
from kling_async.schema import callback_token, rules, wire
from kling_async.schema.camera import CameraControl, CameraInput, camera_features, to_camera
from kling_async.schema.capabilities import Wanted
from kling_async.schema.family import FIELDS_ELSEWHERE
from kling_async.schema.images import Picture
from kling_async.schema.models import DEFAULT_MODEL
from kling_async.schema.picture_facts import PictureFacts
from kling_async.schema.shots import (
    Shot,
    ShotInput,
    Voice,
    VoiceInput,
    WatermarkInfo,
    WatermarkInput,
    shot_features,
    shot_problems,
    sound_problems,
    to_shots,
    to_voices,
    to_watermark,
)

MAX_PROMPT: Final = 2500
"""Longest prompt, in characters (code points)."""

ASPECT_RATIOS: Final = ("16:9", "9:16", "1:1")
"""Shapes of a video that is made from text alone."""

_PICTURE: Final = "a video from a picture is made by image2video"
_ELSEWHERE: Final = {
    **FIELDS_ELSEWHERE,
    **dict.fromkeys(("image", "image_tail", "static_mask", "dynamic_masks", "element_list"), _PICTURE),
    "video_id": "a video is made longer by video_extend",
}


@frozen(kw_only=True)
class Text2VideoRequest:
    """A video to be made from text. Fields that are left alone (or None) do not travel.

    Raises:
        ValidationError: Every rule that the values break.
    """

    model_name: str | None = field(default=None, converter=rules.text_or_none)
    """The model, such as kling-v3; the service's default is kling-v1. Which model takes what is in the capability map
    (`kling_async.schema.models`); a model that the map does not know passes."""

    prompt: str | None = field(default=None, converter=rules.text_or_none)
    """What should happen; at most 2500 characters. Needed, unless `multi_prompt` is given."""

    negative_prompt: str | None = field(default=None, converter=rules.text_or_none)
    """What should not be seen; at most 2500 characters."""

    cfg_scale: float | None = None
    """How closely the prompt is followed, 0 to 1; the service's default is 0.5."""

    mode: str | None = None
    """`std` (default) or `pro`; `4k` for kling-v3."""

    camera_control: CameraControl | None = field(default=None, converter=to_camera)
    """A camera movement; kling-v1 in mode std with 5 seconds."""

    aspect_ratio: str | None = None
    """`16:9` (default), `9:16` or `1:1`."""

    duration: str | None = field(default=None, converter=rules.seconds_as_text)
    """Length of the video in whole seconds, as number or text; travels as text. 5 (default) or 10, and 3 to 15 for
    kling-v3."""

    sound: str | None = None
    """`on` or `off` (default): sound is made with the video. kling-v2-6 in mode pro, and kling-v3."""

    voice_list: tuple[Voice, ...] | None = field(default=None, converter=to_voices)
    """1 or 2 voices; needs `sound` on. kling-v2-6 in mode pro."""

    multi_shot: bool | None = None
    """True makes a video of several shots; then `shot_type` is needed. kling-v3."""

    shot_type: str | None = None
    """`customize` with `multi_prompt`, or `intelligence`: the model cuts by itself."""

    multi_prompt: tuple[Shot, ...] | None = field(default=None, converter=to_shots)
    """1 to 6 shots whose durations add up to `duration`."""

    watermark_info: WatermarkInfo | None = field(default=None, converter=to_watermark)
    """Asks for a marked copy beside the result."""

    callback_url: str | None = field(default=None, repr=callback_token.shown)
    """http(s) URL to which the service posts each change of status."""

    external_task_id: str | None = None
    """The caller's own id, unique in the account; the task can be queried by it, and it keeps a create from being paid
    twice. If it is None, one is generated."""

    extra: Mapping[str, Any] = field(factory=dict, converter=rules.copied, hash=False)
    """Fields that this library does not know yet, sent unchanged."""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(_problems(self))

    @property
    def model(self) -> str | None:
        """The model's name; None if the request leaves it to the service."""
        return self.model_name

    @property
    def kind(self) -> tuple[str, str, str]:
        """What decides how long a job takes: model, mode and duration, with the service's defaults."""
        return (self.model_name or DEFAULT_MODEL, self.mode or "std", self.duration or "5")

    @property
    def slots(self) -> int:
        """Slots that the task takes: 1, as for every video."""
        return 1

    def wanted(self) -> Wanted:
        """Returns what the request wants of its model, for the capability map."""
        used = (
            *camera_features(self.camera_control),
            *shot_features(self.sound, self.voice_list, self.multi_shot),
        )
        return Wanted("text2video", *self.kind, used)

    def pictures(self) -> Iterator[tuple[str, Picture]]:
        """Yields nothing: the request has no pictures."""
        yield from ()

    def picture_problems(self, facts: Mapping[str, PictureFacts]) -> Iterator[Problem]:  # noqa: ARG002 - every request has it
        """Yields nothing: the request has no pictures."""
        yield from ()

    def picture_warnings(self, facts: Mapping[str, PictureFacts]) -> Iterator[Problem]:  # noqa: ARG002 - every request has it
        """Yields nothing: the request has no pictures."""
        yield from ()

    def with_external_task_id(self, external_id: str) -> Self:
        """Returns the same request under another external id."""
        return rules.renamed(self, external_id)

    def with_callback_url(self, url: str) -> Self:
        """Returns the same request with another URL to which the service posts."""
        return evolve(self, callback_url=url)

    def document(self) -> dict[str, Any]:
        """Returns the wire form as a mapping."""
        return wire.document(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Builds a request from names and nested values as the API reference has them, such as a manifest's entry.

        Raises:
            ValidationError: Broken rules, or a name that is not a field.
        """
        return rules.built_from(cls, values, (*_FIELDS, "extra"), _ELSEWHERE)


class Text2VideoFields(TypedDict, total=False):
    """The keyword arguments of `Text2VideoRequest`, for signatures that take them instead of a request."""

    model_name: str | None
    prompt: str | None
    negative_prompt: str | None
    cfg_scale: float | None
    mode: str | None
    camera_control: CameraInput | None
    aspect_ratio: str | None
    duration: int | str | None
    sound: str | None
    voice_list: Iterable[VoiceInput] | None
    multi_shot: bool | None
    shot_type: str | None
    multi_prompt: Iterable[ShotInput] | None
    watermark_info: WatermarkInput | None
    callback_url: str | None
    external_task_id: str | None
    extra: Mapping[str, Any]


_FIELDS: Final = tuple(each.name for each in fields(Text2VideoRequest) if each.name != "extra")


def _problems(request: Text2VideoRequest) -> Iterator[Problem]:
    """Every rule, in the order of the fields."""
    yield from rules.text("model_name", request.model_name)
    if request.prompt is None and not (request.multi_shot is True and request.shot_type == "customize"):
        yield Problem("prompt", "is missing; only a video of customized shots does without it")
    yield from rules.text("prompt", request.prompt, MAX_PROMPT)
    yield from rules.text("negative_prompt", request.negative_prompt, MAX_PROMPT)
    yield from rules.number("cfg_scale", request.cfg_scale, 0, 1)
    yield from rules.word("mode", request.mode)
    yield from rules.nested("camera_control", request.camera_control)
    yield from rules.choice("aspect_ratio", request.aspect_ratio, ASPECT_RATIOS)
    yield from rules.seconds("duration", request.duration)
    yield from sound_problems(request.sound, request.voice_list)
    yield from shot_problems(request.multi_shot, request.shot_type, request.multi_prompt, request.duration)
    yield from rules.nested("watermark_info", request.watermark_info)
    yield from rules.url("callback_url", request.callback_url)
    yield from rules.task_id("external_task_id", request.external_task_id)
    yield from rules.json_fields("extra", request.extra, _FIELDS)
