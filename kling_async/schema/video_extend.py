"""The request to make a video longer: its fields, and the rules on them.

Promises: no I/O; a request object that exists breaks no rule; building one that would raises a single `ValidationError`
that lists every broken rule with its path and bound. Fields that are left alone do not travel, all others travel under
the names of the API reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Self, TypedDict

from attrs import evolve, field, fields, frozen

from kling_async.errors import Problem
from kling_async.schema import callback_token, rules, wire
from kling_async.schema.family import FIELDS_ELSEWHERE
from kling_async.schema.images import Picture
from kling_async.schema.picture_facts import PictureFacts
from kling_async.schema.shots import WatermarkInfo, WatermarkInput, to_watermark

MAX_PROMPT: Final = 2500
"""Longest prompt, in characters (code points)."""

_OF_THE_SOURCE: Final = "model, mode and length are those of the source video"
_ELSEWHERE: Final = {
    **FIELDS_ELSEWHERE,
    **dict.fromkeys(("model_name", "mode", "duration", "aspect_ratio"), _OF_THE_SOURCE),
    **dict.fromkeys(
        ("image", "image_tail", "static_mask", "dynamic_masks", "element_list"),
        "a video from a picture is made by image2video",
    ),
    **dict.fromkeys(
        ("sound", "voice_list", "camera_control", "multi_shot", "shot_type", "multi_prompt"),
        "it belongs to image2video and text2video",
    ),
    "video_url": "a video is made longer by its id, which is Video.id of the task that made it",
}


@frozen(kw_only=True)
class VideoExtendRequest:
    """A video to be made 4 to 5 seconds longer. Fields that are left alone (or None) do not travel.

    Raises:
        ValidationError: Every rule that the values break.
    """

    video_id: str
    """Id of the source (`Video.id`): a result of text2video, image2video or video_extend, at most 30 days old, of a
    model up to kling-v1-6. The whole video may last 3 minutes at most."""

    prompt: str | None = field(default=None, converter=rules.text_or_none)
    """What should happen next; at most 2500 characters."""

    negative_prompt: str | None = field(default=None, converter=rules.text_or_none)
    """What should not be seen; at most 2500 characters. Sources of kling-v1 do not take it."""

    cfg_scale: float | None = None
    """How closely the prompt is followed, 0 to 1; the default is 0.5. Sources of kling-v1 do not take it."""

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
    def model(self) -> None:
        """None: the model is that of the source video."""
        return

    @property
    def kind(self) -> str:
        """What decides how long a job takes: nothing that the request knows, so all are of one kind."""
        return "video_extend"

    @property
    def slots(self) -> int:
        """Slots that the task takes: 1, as for every video."""
        return 1

    def wanted(self) -> None:
        """Returns None: the capability map is about a model, which the request does not name."""

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
        return rules.built_from(cls, {"video_id": None, **values}, (*_FIELDS, "extra"), _ELSEWHERE)


class VideoExtendFields(TypedDict, total=False):
    """The keyword arguments of `VideoExtendRequest`, for signatures that take them instead of a request."""

    video_id: str
    prompt: str | None
    negative_prompt: str | None
    cfg_scale: float | None
    watermark_info: WatermarkInput | None
    callback_url: str | None
    external_task_id: str | None
    extra: Mapping[str, Any]


_FIELDS: Final = tuple(each.name for each in fields(VideoExtendRequest) if each.name != "extra")


def _problems(request: VideoExtendRequest) -> Iterator[Problem]:
    """Every rule, in the order of the fields."""
    yield from rules.required("video_id", request.video_id)
    yield from rules.word("video_id", request.video_id)
    yield from rules.text("prompt", request.prompt, MAX_PROMPT)
    yield from rules.text("negative_prompt", request.negative_prompt, MAX_PROMPT)
    yield from rules.number("cfg_scale", request.cfg_scale, 0, 1)
    yield from rules.nested("watermark_info", request.watermark_info)
    yield from rules.url("callback_url", request.callback_url)
    yield from rules.task_id("external_task_id", request.external_task_id)
    yield from rules.json_fields("extra", request.extra, _FIELDS)
