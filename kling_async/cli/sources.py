"""What a batch is made of: folders of pictures, manifests, or both.

Promises: a manifest's rows come first, in their order; then each picture of a folder that no manifest's row names, in the
order in which people count (`img2` before `img10`). Pictures are files beside the manifest, else of a folder that was
named, unless they are URLs.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from kling_async.cli.manifest import ManifestRow, manifest_rows
from kling_async.cli.names import is_url
from kling_async.errors import Problem, ValidationError

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png"})
"""Pictures that the service takes."""

_OTHER_PICTURES: Final = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".tif", ".tiff", ".webp"}
)
LONGEST_PATH: Final = 4096
"""Characters; a longer text is a picture in base64 and not a file's name."""


@frozen
class Sources:
    """The rows of a batch, as they were given."""

    rows: list[ManifestRow]
    """Each row's fields, its pictures found; or what is wrong with it."""

    notes: list[str]
    """What was left out, for people."""


def read_sources(sources: Sequence[str], fields: frozenset[str]) -> Sources:
    """Reads folders and manifests.

    Args:
        sources: Folders, manifests, or `-` for a manifest on stdin.
        fields: Names of the fields that a row can have.

    Raises:
        ValidationError: A manifest cannot be used as a whole, or a folder has no pictures.
        OSError: A file or folder cannot be read.
    """
    folders = [Path(each) for each in sources if each != "-" and Path(each).is_dir()]
    manifests = [each for each in sources if each == "-" or not Path(each).is_dir()]
    rows: list[ManifestRow] = []
    for name in manifests:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        beside = Path() if name == "-" else Path(name).parent
        try:
            found = manifest_rows(content, fields)
        except ValidationError as error:
            shown = "stdin" if name == "-" else name
            raise ValidationError(
                Problem(shown if each.path == "source" else f"{shown}, {each.path}", each.message)
                for each in error.problems
            ) from None
        rows += [
            row if isinstance(row, ValidationError) else located(row, [beside, *folders]) for row in found
        ]
    named = {
        _spelt(row["image"]) for row in rows if isinstance(row, dict) and isinstance(row.get("image"), Path)
    }
    notes: list[str] = []
    for folder in folders:
        pictures, others = _pictures(folder)
        if others:
            kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(others.items()))
            notes.append(f"{folder}: pictures that the service does not take are left out: {kinds}")
        if not pictures:
            raise ValidationError([Problem(str(folder), f"has no pictures ({', '.join(sorted(SUFFIXES))})")])
        rows += [{"image": picture} for picture in pictures if _spelt(picture) not in named]
    return Sources(rows, notes)


def located(fields: Mapping[str, Any], folders: Sequence[Path]) -> dict[str, Any]:
    """A row whose pictures are files, unless they are URLs.

    Args:
        fields: The row.
        folders: Where pictures are looked for; one that is nowhere counts as one of the first folder.
    """
    found = dict(fields)
    for name in ("image", "image_tail", "static_mask"):
        if name in found:
            found[name] = _picture(found[name], folders)
    masks = found.get("dynamic_masks")
    if isinstance(masks, list):
        found["dynamic_masks"] = [
            {**mask, "mask": _picture(mask["mask"], folders)}
            if isinstance(mask, dict) and "mask" in mask
            else mask
            for mask in masks
        ]
    return found


def _picture(value: Any, folders: Sequence[Path]) -> Any:
    if not isinstance(value, str) or not value or is_url(value) or len(value) > LONGEST_PATH:
        return value
    places = [folder / value for folder in folders]
    if len(places) == 1:
        return places[0]
    return next((place for place in places if place.exists()), places[0])


def _pictures(folder: Path) -> tuple[list[Path], Counter[str]]:
    """A folder's pictures, and how many files of each other kind of picture it has; hidden files are none."""
    files = [each for each in folder.iterdir() if not each.name.startswith(".") and each.is_file()]
    pictures = sorted((each for each in files if each.suffix.lower() in SUFFIXES), key=_counted)
    others = Counter(each.suffix.lower() for each in files if each.suffix.lower() in _OTHER_PICTURES)
    return pictures, others


def _counted(path: Path) -> list[tuple[int, int, str]]:
    """A key by which `img2` comes before `img10`."""
    parts: Iterable[str] = re.split(r"([0-9]+)", path.name.casefold())
    return [(0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in parts]


def _spelt(path: Path) -> str:
    return os.path.normpath(path.absolute())
