"""Parts of a request that came after mid-2025: sound, voices, elements, several shots, the watermark.

Promises: no I/O; an object that exists keeps the rules on its own values, `problems` judges how they go together. All of
image2video and text2video; which model takes what is a matter of the capability map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from kling_async.errors import Problem
from kling_async.schema import rules

MAX_SHOT_PROMPT: Final = 512
"""Longest prompt of one shot, in characters (code points)."""

MAX_SHOTS: Final = 6
MAX_VOICES: Final = 2
MAX_ELEMENTS: Final = 3
SHOT_TYPES: Final = ("customize", "intelligence")
SOUNDS: Final = ("on", "off")


def _seconds(value: int | str) -> Any:
    return rules.seconds_as_text(value)


@frozen
class Shot:
    """One shot of a video with several.

    Raises:
        ValidationError: A value is missing or out of bounds.
    """

    index: int
    """Number of the shot, as the service counts them: the first is 1."""

    prompt: str
    """What should happen in it; at most 512 characters."""

    duration: str = field(converter=_seconds)
    """Its length in whole seconds, 1 or more, as number or text; travels as text."""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(
            [
                *rules.whole_number("index", self.index),
                *rules.required("prompt", self.prompt),
                *rules.word("prompt", self.prompt, MAX_SHOT_PROMPT),
                *rules.required("duration", self.duration),
                *rules.seconds("duration", self.duration),
            ]
        )


@frozen
class Voice:
    """A voice that speaks in the video; the prompt refers to it as `<<<voice_1>>>`, by its place in the list.

    Raises:
        ValidationError: The id is missing or not text.
    """

    voice_id: str
    """Id of a preset voice or one of the account's own."""

    def __attrs_post_init__(self) -> None:
        rules.raise_any([*rules.required("voice_id", self.voice_id), *rules.word("voice_id", self.voice_id)])


@frozen
class Element:
    """A person or thing from the account's library of elements.

    Raises:
        ValidationError: The id is not a whole number.
    """

    element_id: int
    """Id of the element."""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(rules.whole_number("element_id", self.element_id))


@frozen
class WatermarkInfo:
    """Whether a second, marked copy of the result is made.

    Raises:
        ValidationError: `enabled` is not true or false.
    """

    enabled: bool
    """True asks for a marked copy; its URL is in `Video.watermark_url`."""

    def __attrs_post_init__(self) -> None:
        rules.raise_any([*rules.required("enabled", self.enabled), *rules.boolean("enabled", self.enabled)])


ShotInput: TypeAlias = Shot | Mapping[str, Any]
"""A shot in any of the forms that a request takes."""

VoiceInput: TypeAlias = Voice | Mapping[str, str]
"""A voice in any of the forms that a request takes."""

ElementInput: TypeAlias = Element | Mapping[str, int]
"""An element in any of the forms that a request takes."""

WatermarkInput: TypeAlias = WatermarkInfo | Mapping[str, bool]
"""The watermark in any of the forms that a request takes."""


def to_shots(value: Iterable[ShotInput] | None) -> Any:
    """Converts a request's `multi_prompt`; items that cannot be built become `Broken`."""
    return rules.each(value, lambda item: rules.item_mapped(item, Shot, ("index", "prompt", "duration")))


def to_voices(value: Iterable[VoiceInput] | None) -> Any:
    """Converts a request's `voice_list`; items that cannot be built become `Broken`."""
    return rules.each(value, lambda item: rules.item_mapped(item, Voice, ("voice_id",)))


def to_elements(value: Iterable[ElementInput] | None) -> Any:
    """Converts a request's `element_list`; items that cannot be built become `Broken`."""
    return rules.each(value, lambda item: rules.item_mapped(item, Element, ("element_id",)))


def to_watermark(value: WatermarkInput | None) -> Any:
    """Converts a request's `watermark_info`; a value that cannot be built becomes `Broken`."""
    return rules.mapped(value, WatermarkInfo, ("enabled",))


def shot_features(sound: Any, voice_list: Any, multi_shot: Any) -> Iterator[tuple[str, str]]:
    """Yields the features of the capability map that sound, voices and shots use, with the fields' paths."""
    if sound == "on":
        yield "sound", "sound"
    if voice_list is not None:
        yield "voice_list", "voice_list"
    if multi_shot:
        yield "multi_shot", "multi_shot"


def sound_problems(sound: Any, voice_list: Any) -> Iterator[Problem]:
    """Yields the broken rules on sound and voices."""
    yield from rules.choice("sound", sound, SOUNDS)
    yield from rules.count("voice_list", voice_list, 1, MAX_VOICES, "voices")
    if voice_list is not None and sound != "on":
        yield Problem("voice_list", "needs sound, which must be on")


def element_problems(element_list: Any, voice_list: Any) -> Iterator[Problem]:
    """Yields the broken rules on elements, which exclude voices."""
    yield from rules.count("element_list", element_list, 1, MAX_ELEMENTS, "elements")
    if element_list is not None and voice_list is not None:
        yield Problem("element_list", "cannot be used together with voice_list")


def shot_problems(multi_shot: Any, shot_type: Any, multi_prompt: Any, duration: Any) -> Iterator[Problem]:
    """Yields the broken rules on several shots.

    Args:
        multi_shot: The field of that name; only True asks for several shots.
        shot_type: The field of that name.
        multi_prompt: The field of that name, as `to_shots` converted it.
        duration: Length of the whole video in seconds, as text; None means the service's default of 5.
    """
    yield from rules.boolean("multi_shot", multi_shot)
    yield from rules.choice("shot_type", shot_type, SHOT_TYPES)
    yield from rules.count("multi_prompt", multi_prompt, 1, MAX_SHOTS, "shots")
    if multi_shot is True and shot_type is None:
        yield Problem("shot_type", f"is missing; multi_shot needs one of {', '.join(SHOT_TYPES)}")
    if shot_type is not None and multi_shot is not True:
        yield Problem("shot_type", "needs multi_shot, which must be true")
    if shot_type == "customize" and multi_prompt is None:
        yield Problem("multi_prompt", "is missing; the shot_type customize needs it")
    if multi_prompt is not None and shot_type != "customize":
        yield Problem("multi_prompt", "needs the shot_type customize")
    yield from _sum_problems(multi_prompt, "5" if duration is None else duration)


def _sum_problems(multi_prompt: Any, duration: Any) -> Iterator[Problem]:
    """The shots' durations add up to that of the video."""
    shots = multi_prompt if isinstance(multi_prompt, tuple) else ()
    if not shots or not all(isinstance(shot, Shot) for shot in shots) or any(rules.seconds("", duration)):
        return
    total = sum(int(shot.duration) for shot in shots)
    if total != int(duration):
        yield Problem(
            "multi_prompt", f"has shots of {total} s in all; they must add up to the duration, {duration} s"
        )
