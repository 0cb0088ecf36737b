"""Writes a folder's page.

Promises: the page appears whole or not at all; a file that is not a page of ours is never replaced without being told to.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import frozen

from kling_async.errors import ConfigurationError, Problem
from kling_async.gallery.folder import read_folder
from kling_async.gallery.page import MARK, page

INDEX: Final = "index.html"
"""The page's name."""

_BEGINNING: Final = 4096  # bytes of a page within which its mark stands


@frozen
class Written:
    """A page that was written."""

    path: Path
    """The page."""

    results: int
    """How many results it shows, at least 1."""

    videos: int
    """How many of them have a video."""

    failed: int
    """How many of them failed."""

    skipped: tuple[Problem, ...]
    """Files that could not be shown, by their names, and why."""


def write_gallery(
    folder: Path, *, name: str = INDEX, title: str | None = None, force: bool = False
) -> Written:
    """Writes a page of a folder's results into it; blocks, so call it in a thread.

    Args:
        folder: The folder of the videos and their sidecars.
        name: Name of the page's file in the folder.
        title: The heading; None: the folder's name.
        force: Replaces a file of that name even if it is not a gallery.

    Raises:
        ConfigurationError: A file of that name is there and is not a gallery, the folder has no results, or jinja2 is
            not installed.
        OSError: The folder cannot be read or written.
    """
    target = folder / name
    if not force and is_foreign(target):
        raise ConfigurationError(f"{target} is not a gallery and is not replaced unless forced")
    found = read_folder(folder)
    if not found.cards:
        others = len(found.skipped)
        skipped = f"; files that end in .json and are no sidecars: {others}" if others else ""
        raise ConfigurationError(f"{folder} has no videos and no sidecars of results{skipped}")
    heading = title or folder.resolve().name or "Results"
    text = page(heading, found.cards, datetime.now().astimezone())
    _write(target, text)
    return Written(
        path=target,
        results=len(found.cards),
        videos=sum(card.video is not None for card in found.cards),
        failed=sum(card.status == "failed" for card in found.cards),
        skipped=found.skipped,
    )


def is_foreign(target: Path) -> bool:
    """Returns whether something is at the target that is not a page of ours.

    Raises:
        OSError: It cannot be read.
    """
    if target.is_fifo():  # it would be waited for
        return True
    try:
        with target.open("rb") as file:
            return f'content="{MARK}"'.encode() not in file.read(_BEGINNING)
    except FileNotFoundError:
        return target.is_symlink()


def _write(target: Path, text: str) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
