"""A manifest's entries: each a request, or the reason why it is not one.

Promises: a bad entry is an entry with an error and never the end of the others; pictures are files beside the manifest
unless they are URLs; no two entries have the same output or the same external id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from kling_async.cli.names import is_url, stem_of
from kling_async.errors import Problem, ValidationError

if TYPE_CHECKING:
    from kling_async.schema.image2video import Image2VideoRequest

LONGEST_PATH: Final = 4096
"""Characters; a longer text is a picture in base64 and not a file's name."""


@frozen
class Entry:
    """One entry of a manifest."""

    number: int
    """Its place in the manifest; the first is 1. Blank lines do not count."""

    output: Path
    """Where its video is to be written: the number and the picture's name."""

    request: Image2VideoRequest | None = None
    """What it asks for; None if it is bad."""

    error: ValidationError | None = None
    """What is wrong with it."""


def read_manifest(content: bytes, folder: Path, outputs: Path) -> list[Entry]:
    """Reads a manifest.

    Args:
        content: JSON lines, one JSON array or one JSON object, in UTF-8.
        folder: Where the manifest's pictures are.
        outputs: Where the videos shall be.

    Returns:
        The entries in their order.

    Raises:
        ValidationError: It is empty, not UTF-8, an array that is not JSON as a whole, or has no JSON at all, as CSV.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValidationError([Problem("manifest", f"is not UTF-8: {error}")]) from None
    values = list(_values(text.strip()))
    if not values:
        raise ValidationError([Problem("manifest", "has no entries")])
    if all(isinstance(value, ValidationError) for value in values):
        message = f"has no JSON, neither as lines nor as an array; its first line: {text.strip().splitlines()[0][:80]!r}"
        raise ValidationError([Problem("manifest", message)])
    width = max(3, len(str(len(values))))
    numbered = enumerate(values, start=1)
    return _without_repeated_ids(
        [_entry(number, value, folder, outputs, f"{number:0{width}}") for number, value in numbered]
    )


def _without_repeated_ids(entries: list[Entry]) -> list[Entry]:
    """The entries, of which each that has an earlier one's external id is bad."""
    first: dict[str, int] = {}
    checked: list[Entry] = []
    for entry in entries:
        name = None if entry.request is None else entry.request.external_task_id
        before = entry.number if name is None else first.setdefault(name, entry.number)
        if before != entry.number:
            problem = Problem("external_task_id", f"is that of entry {before} as well")
            checked.append(evolve(entry, request=None, error=ValidationError([problem])))
        else:
            checked.append(entry)
    return checked


def _values(text: str) -> Iterator[Any]:
    """Each entry as parsed, or the error of its line."""
    if text.startswith("["):
        try:
            yield from json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValidationError([Problem("manifest", f"is not a JSON array: {error}")]) from None
        return
    whole = _parsed(text)
    if isinstance(whole, dict):  # one entry over many lines
        yield whole
    else:
        yield from (_parsed(line) for line in text.splitlines() if line.strip())


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        return ValidationError([Problem("entry", f"is not JSON: {error}")])


def _entry(number: int, value: Any, folder: Path, outputs: Path, prefix: str) -> Entry:
    output = outputs / f"{prefix}-{_stem(value)}.mp4"
    if isinstance(value, ValidationError):
        return Entry(number, output, error=value)
    try:
        return Entry(number, output, _request(value, folder))
    except ValidationError as error:
        return Entry(number, output, error=error)


def _stem(value: Any) -> str:
    first = (value.get("image") or value.get("image_tail")) if isinstance(value, dict) else None
    return stem_of(first if isinstance(first, str) and len(first) <= LONGEST_PATH else None)


def _request(value: Any, folder: Path) -> Image2VideoRequest:
    from kling_async.schema.image2video import Image2VideoRequest  # noqa: PLC0415 - the help shall not wait for it

    if not isinstance(value, dict):
        raise ValidationError([Problem("entry", "is not an object with the API reference's fields")])
    return Image2VideoRequest.from_mapping(located(value, folder))


def located(fields: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """An entry whose pictures are files of `folder`, unless they are URLs."""
    found = dict(fields)
    for name in ("image", "image_tail", "static_mask"):
        if name in found:
            found[name] = _picture(found[name], folder)
    masks = found.get("dynamic_masks")
    if isinstance(masks, list):
        found["dynamic_masks"] = [
            {**mask, "mask": _picture(mask["mask"], folder)}
            if isinstance(mask, dict) and "mask" in mask
            else mask
            for mask in masks
        ]
    return found


def _picture(value: Any, folder: Path) -> Any:
    if not isinstance(value, str) or is_url(value) or len(value) > LONGEST_PATH:
        return value
    return folder / value
