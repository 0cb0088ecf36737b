"""Reads a folder of results: videos, and the sidecars beside them.

Promises: whatever a file holds, it is a card or one line that says why not, never an exception; subfolders and hidden files
are not read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from kling_async.errors import Problem, ValidationError
from kling_async.gallery.cards import Card, card_of, order, plain_card
from kling_async.gallery.pictures import placed
from kling_async.schema.sidecar import LONGEST, Sidecar

VIDEOS: Final = frozenset({".mp4", ".m4v", ".mov", ".webm"})
"""Suffixes of videos that browsers play."""


@frozen
class Found:
    """What a folder holds."""

    cards: tuple[Card, ...] = ()
    """One for each result, in the order of their names."""

    skipped: tuple[Problem, ...] = field(default=(), repr=False)
    """Files that could not be shown, by their names, and why."""


def read_folder(folder: Path) -> Found:
    """Reads a folder's results; input pictures outside it are copied into its subfolder `pictures`.

    Args:
        folder: The folder.

    Raises:
        OSError: The folder cannot be read.
    """
    names = [each.name for each in folder.iterdir() if not each.name.startswith(".")]
    videos = [name for name in names if Path(name).suffix.lower() in VIDEOS and (folder / name).is_file()]
    skipped: list[Problem] = []
    cards: list[Card] = []
    shown: set[str] = set()
    for name in sorted((name for name in names if name.lower().endswith(".json")), key=order):
        try:
            card, video, problems = _read(folder, name, set(videos))
        except ValidationError as error:
            skipped.append(Problem(name, error.problems[0].message))
            continue
        cards.append(card)
        skipped += problems
        if video is not None:
            shown.add(video)
    cards += [plain_card(Path(name).stem, name) for name in videos if name not in shown]
    return Found(tuple(sorted(cards, key=lambda card: order(card.name))), tuple(skipped))


def _read(folder: Path, name: str, videos: set[str]) -> tuple[Card, str | None, list[Problem]]:
    """The card of one sidecar, its video, and what is wrong with its pictures."""
    sidecar = Sidecar.read(_document(folder / name))
    video = sidecar.video if sidecar.video in videos else None
    stem = Path(name).stem
    picture, tail = placed(folder, sidecar.image, stem), placed(folder, sidecar.image_tail, f"{stem}-tail")
    card = card_of(sidecar, video=video, picture=picture, tail=tail)
    return card, video, [each.problem for each in (picture, tail) if each.problem is not None]


def _document(path: Path) -> Any:
    """A file's JSON.

    Raises:
        ValidationError: It cannot be read, is not JSON, or is another program's.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValidationError([Problem("", "is not a file")])
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        raise ValidationError([Problem("", f"cannot be read: {error.strerror or error}")]) from None
    if len(data) > LONGEST:
        raise ValidationError([Problem("", f"has more than {LONGEST} bytes and is not a result's sidecar")])
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise ValidationError([Problem("", "is not JSON")]) from None
    if not isinstance(document, dict) or "sidecar" not in document:
        raise ValidationError([Problem("", "is not a result's sidecar")])
    return document
