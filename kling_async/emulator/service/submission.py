"""From a create's raw bytes to what the rules judge.

Pure. A null counts as an absent field at every depth; what is not a JSON object is refused here.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from kling_async.emulator.service.answers import RefusedError
from kling_async.emulator.videos.pictures import Picture, inspect

PICTURE_FIELDS = ("image", "image_tail", "static_mask")
"""The image fields at the top of the body; each dynamic mask has one more."""

LONGEST_TEXT = 4096
"""Characters of a text that the ledger keeps; the API reference's longest field has 2500."""


@attrs.frozen
class Submission:
    """A create's body with its pictures inspected."""

    body: Mapping[str, Any]
    pictures: tuple[Picture, ...]

    def summary(self) -> dict[str, Any]:
        """The body for the ledger: each picture as its kind and size."""
        kept = {key: _shortened(value) for key, value in self.body.items()}
        found = {picture.path: picture.summary() for picture in self.pictures}
        kept.update({field: found[field] for field in PICTURE_FIELDS if field in found})
        masks = self.body.get("dynamic_masks")
        if isinstance(masks, list):
            kept["dynamic_masks"] = [
                {**mask, "mask": found.get(f"dynamic_masks[{index}].mask")}
                for index, mask in enumerate(masks)
                if isinstance(mask, dict)
            ]
        return kept


def parse(raw: bytes) -> Submission:
    """Reads the bytes of a create's body.

    Raises:
        RefusedError: 1200 if the bytes are not a JSON object.
    """
    try:
        body = without_nulls(json.loads(raw, parse_constant=_no_such_number))
    except (ValueError, RecursionError) as error:
        raise RefusedError(1200, "The request body is not valid JSON") from error
    if not isinstance(body, dict):
        raise RefusedError(1200, "The request body is not a JSON object")
    return submission(body)


def submission(body: Mapping[str, Any]) -> Submission:
    """Inspects the pictures of a body that is a JSON object already."""
    cleaned = without_nulls(body)
    return Submission(cleaned, tuple(inspect(path, text) for path, text in _picture_texts(cleaned)))


def without_nulls(value: Any) -> Any:
    """Returns the value without the null members of its objects."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def _picture_texts(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The image fields that hold text; any other type is left to a rule."""
    for field in PICTURE_FIELDS:
        if isinstance(text := body.get(field), str):
            yield field, text
    masks = body.get("dynamic_masks")
    for index, mask in enumerate(masks if isinstance(masks, list) else ()):
        if isinstance(mask, dict) and isinstance(text := mask.get("mask"), str):
            yield f"dynamic_masks[{index}].mask", text


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return {"kind": "text", "characters": len(value)}
    return value


def _no_such_number(text: str) -> Any:
    raise ValueError(f"JSON has no number {text}")
