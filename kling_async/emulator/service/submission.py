"""From a create's raw bytes to what the rules judge.

Pure. A null counts as an absent field at every depth; what is not a JSON object is refused here.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from kling_async.emulator.service.answers import RefusedError
from kling_async.emulator.videos.pictures import Picture, inspect

PICTURE_FIELDS = ("image", "image_tail", "static_mask")
"""The image fields at the top of an image2video body; each dynamic mask has one more."""

LONGEST_TEXT = 4096
"""Characters of a text that the ledger keeps; the API reference's longest field has 2500."""


@attrs.frozen
class Submission:
    """A create's body with its pictures inspected."""

    body: Mapping[str, Any]
    pictures: tuple[Picture, ...]

    def summary(self) -> dict[str, Any]:
        """The body for the ledger: each picture as its kind and size."""
        found = {picture.path: picture.summary() for picture in self.pictures}
        summary: dict[str, Any] = _summary(self.body, "", found)
        return summary


FindPictures = Callable[[Mapping[str, Any]], Iterator[Picture]]
"""Inspects the pictures of a body."""


def parse(raw: bytes) -> Submission:
    """Reads the bytes of an image2video create, taken literally.

    Raises:
        RefusedError: 1200 if the bytes are not a JSON object.
    """
    return submission(read(raw))


def read(raw: bytes) -> dict[str, Any]:
    """Reads the bytes of a body.

    Raises:
        RefusedError: 1200 if they are not a JSON object.
    """
    try:
        body = without_nulls(json.loads(raw, parse_constant=_no_such_number))
    except (ValueError, RecursionError) as error:
        raise RefusedError(1200, "The request body is not valid JSON") from error
    if not isinstance(body, dict):
        raise RefusedError(1200, "The request body is not a JSON object")
    return body


def image2video_pictures(body: Mapping[str, Any]) -> Iterator[Picture]:
    """The image fields that hold text; any other type is left to a rule."""
    for field in PICTURE_FIELDS:
        if isinstance(text := body.get(field), str):
            yield inspect(field, text)
    masks = body.get("dynamic_masks")
    for index, mask in enumerate(masks if isinstance(masks, list) else ()):
        if isinstance(mask, dict) and isinstance(text := mask.get("mask"), str):
            yield inspect(f"dynamic_masks[{index}].mask", text)


def no_pictures(body: Mapping[str, Any]) -> Iterator[Picture]:
    """The endpoint takes none."""
    del body
    yield from ()


def any_pictures(body: Mapping[str, Any]) -> Iterator[Picture]:
    """Texts at any depth that are PNG or JPEG in base64, and URLs in members whose names speak of an image."""
    for path, text in _texts(body, ""):
        picture = inspect(path, text)
        if picture.header is not None or (picture.url is not None and "image" in path):
            yield picture


def submission(body: Mapping[str, Any], find_pictures: FindPictures = image2video_pictures) -> Submission:
    """Inspects the pictures of a body that is a JSON object already."""
    cleaned = without_nulls(body)
    return Submission(cleaned, tuple(find_pictures(cleaned)))


def without_nulls(value: Any) -> Any:
    """Returns the value without the null members of its objects."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def _members(value: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The path, key and value of each member or item."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{path}.{key}" if path else key, key, item
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield f"{path}[{index}]", index, item


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    for inner, _, item in _members(value, path):
        if isinstance(item, str):
            yield inner, item
        else:
            yield from _texts(item, inner)


def _summary(value: Any, path: str, pictures: Mapping[str, Any]) -> Any:
    """The value with pictures and long texts exchanged for what they are."""
    if path in pictures:
        return pictures[path]
    if isinstance(value, Mapping):
        return {key: _summary(item, inner, pictures) for inner, key, item in _members(value, path)}
    if isinstance(value, list):
        return [_summary(item, inner, pictures) for inner, _, item in _members(value, path)]
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return {"kind": "text", "characters": len(value)}
    return value


def _no_such_number(text: str) -> Any:
    raise ValueError(f"JSON has no number {text}")
