"""A request of any endpoint of the family, in the API's own names.

Promises: no I/O, except for the `read()` of an object that the caller hands over; pictures anywhere in the mapping may be
files, bytes, URLs or base64, and are found; everything else can be written as JSON. Fields are not checked beyond that:
their rules are the service's. Empty texts and lists at the top count as absent, as the service counts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Self

from attrs import evolve, field, frozen

from kling_async.errors import Problem
from kling_async.schema import callback_token, rules, wire
from kling_async.schema.family import takes_external_id
from kling_async.schema.images import (
    BASE64_STARTS,
    ImageBase64,
    ImageURL,
    LocalImage,
    Picture,
    to_image,
    without_prefix,
)
from kling_async.schema.picture_facts import PictureFacts
from kling_async.schema.picture_rules import picture_problems

MAX_SOUND: Final = 5 * 1024 * 1024
"""Largest sound file that travels inside a request, in bytes."""

SOUND_FIELDS: Final = frozenset({"audio_file", "sound_file"})
"""Fields whose files are sounds: no rule on pictures applies to them."""

TEXT_FIELDS: Final = frozenset(
    {
        "aspect_ratio", "audio_id", "audio_type", "audio_url", "bgm_prompt", "callback_url", "duration", "edit_mode",
        "effect_scene", "external_task_id", "image_reference", "mode", "model_name", "negative_prompt", "prompt",
        "refer_type", "resolution", "session_id", "shot_type", "sound", "sound_effect_prompt", "text", "video_id",
        "video_url", "voice_id", "voice_language", "voice_url",
    }
)  # fmt: skip
"""Fields that are never a picture or another file."""

_DEEPEST: Final = 50  # levels of nesting; the family's own requests have four
_COUNTS: Final = tuple("123456789")  # values of `n`, which the API's own samples send as text


def _fields(value: Mapping[str, Any]) -> Any:
    """A copy with every picture as an object and without absent fields; what cannot travel becomes `Broken`."""
    if not isinstance(value, Mapping):
        return rules.Broken((Problem("", f"is {rules.shown(value)}; it must be a mapping of fields"),))
    taken = {name: _converted(item, str(name), 1) for name, item in value.items()}
    return {name: item for name, item in taken.items() if item is not None and item not in ("", [])}


def _converted(value: Any, name: str, depth: int) -> Any:
    if depth > _DEEPEST:
        return rules.Broken((Problem("", f"is nested deeper than {_DEEPEST} levels"),))
    if value is None or isinstance(value, str | bool | int | float):
        return _text(value, name) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        items = {key: _converted(item, str(key), depth + 1) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_converted(item, name, depth + 1) for item in value]
    if name in TEXT_FIELDS:
        return rules.Broken(
            (Problem("", f"is {rules.shown(value)}; it must be text, not a picture or a file"),)
        )
    return rules.attempt(to_image, value)


def _text(value: str, name: str) -> Any:
    """Text as it is, or the picture that it encodes."""
    if name in TEXT_FIELDS:
        return value
    if name in SOUND_FIELDS:
        return value if "://" in value[:16] else rules.attempt(_sound, value)
    if value[:5].lower() == "data:" or value.startswith(BASE64_STARTS):
        return rules.attempt(to_image, value)
    return value


def _sound(value: str) -> ImageBase64:
    return ImageBase64(without_prefix(value))


@frozen
class MappingRequest:
    """A request of an endpoint that has no request class of its own.

    Raises:
        ValidationError: A value that cannot be written as JSON and is no picture either, or an id that cannot be one.
    """

    path: str
    """Path of the endpoint, such as `/v1/videos/omni-video`."""

    fields: Mapping[str, Any] = field(converter=_fields, hash=False, repr=callback_token.shown)
    """The fields in the API's own names; a picture may be a `pathlib.Path`, bytes, a URL or base64."""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(_problems(self.fields))

    @property
    def external_task_id(self) -> str | None:
        """The caller's own id; None if there is none yet."""
        found: str | None = self.fields.get("external_task_id")
        return found

    @property
    def callback_url(self) -> str | None:
        """URL to which the service posts each change of status; None if there is none."""
        found: str | None = self.fields.get("callback_url")
        return found

    @property
    def model(self) -> str | None:
        """The model's name; None if the request leaves it to the service or has no such field."""
        found = self.fields.get("model_name")
        return found if isinstance(found, str) else None

    @property
    def kind(self) -> tuple[str, ...]:
        """What decides how long a job takes: path, model, mode and duration, as far as the request has them."""
        return (self.path, *(str(self.fields.get(name, "")) for name in ("model_name", "mode", "duration")))

    @property
    def slots(self) -> int:
        """Slots that the task takes: `n` for a request of several images, 1 for all others."""
        count = str(self.fields.get("n"))
        return int(count) if count in _COUNTS else 1

    def wanted(self) -> None:
        """Returns None: the capability map has no rows for it."""

    def pictures(self) -> Iterator[tuple[str, Picture]]:
        """Yields every picture at hand with its path, such as `image_list[0].image`."""
        return _pictures("", self.fields)

    def picture_problems(self, facts: Mapping[str, PictureFacts]) -> Iterator[Problem]:
        """Yields every broken rule that holds for the whole family: format, size of the file, shortest side.

        Args:
            facts: What is known of each file whose bytes are at hand, by its field's path.
        """
        for path, each in facts.items():
            if _name(path) in SOUND_FIELDS:
                if each.size > MAX_SOUND:
                    yield Problem(path, f"has {each.size} bytes; at most {MAX_SOUND} (5 MB) are allowed")
            else:
                yield from picture_problems(path, each, ratio=False)

    def picture_warnings(self, facts: Mapping[str, PictureFacts]) -> Iterator[Problem]:  # noqa: ARG002 - every request has it
        """Yields nothing: nothing is known of paths' own fields."""
        yield from ()

    def with_external_task_id(self, external_id: str) -> Self:
        """Returns the same request under another external id."""
        return evolve(self, fields={**self.fields, "external_task_id": external_id})

    def with_callback_url(self, url: str) -> Self:
        """Returns the same request with another URL to which the service posts."""
        return evolve(self, fields={**self.fields, "callback_url": url})

    def document(self) -> dict[str, Any]:
        """Returns the wire form as a mapping, with the pictures left as they are; no id if the path takes none."""
        copy: dict[str, Any] = _copied(self.fields)
        if not takes_external_id(self.path):
            copy.pop("external_task_id", None)
        return copy


def _problems(value: Any) -> Iterator[Problem]:
    if isinstance(value, rules.Broken):
        yield from (problem.below("fields") for problem in value.problems)
        return
    found = list(_nested("", value))
    yield from found
    if not found:
        yield from rules.json_able("fields", _copied(value, pictures=False))
    if not any(problem.path == "external_task_id" for problem in found):
        yield from rules.task_id("external_task_id", value.get("external_task_id"))


def _nested(path: str, value: Any) -> Iterator[Problem]:
    """The problems of everything in a value that could not be converted, and names that are not text."""
    if isinstance(value, rules.Broken):
        yield from (problem.below(path) for problem in value.problems)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                yield Problem(path or "fields", f"has the name {rules.shown(name)}; names must be text")
            yield from _nested(_below(path, name), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nested(f"{path}[{index}]", item)


def _pictures(path: str, value: Any) -> Iterator[tuple[str, Picture]]:
    if isinstance(value, Picture):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _pictures(_below(path, name), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _pictures(f"{path}[{index}]", item)


def _copied(value: Any, *, pictures: bool = True) -> Any:
    """The same values in new containers; a URL's object becomes its text, other pictures stay or become None."""
    if isinstance(value, ImageURL):
        return value.url
    if isinstance(value, LocalImage):
        return value if pictures else None
    if isinstance(value, Mapping):
        return {name: _copied(item, pictures=pictures) for name, item in value.items()}
    if isinstance(value, list):
        return [_copied(item, pictures=pictures) for item in value]
    return value


def _below(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _name(path: str) -> str:
    """The last name of a path, without a list's index."""
    return path.rpartition(".")[2].partition("[")[0]


# A journal records the fields alone; the path is the job's.
wire.converter.register_unstructure_hook(MappingRequest, lambda request: _copied(request.fields))
