"""Input pictures that lie outside the folder, copied into it, so that the folder can be shown and handed on as it is.

Promises: only files that begin as a JPEG or PNG and have at most 10 MB are shown or copied, and what is not such a picture is
left out; a copy appears whole or not at all, and is not made again while the picture has its size and time of change.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import frozen

from kling_async.errors import Problem
from kling_async.schema.picture_facts import PictureHeader, examine_bytes
from kling_async.schema.picture_rules import MAX_BYTES

COPIES: Final = "pictures"
"""The subfolder of the copies."""

_SUFFIXES: Final = {"PNG": ".png", "JPEG": ".jpg"}
_BEGINNING: Final = 64 * 1024  # bytes within which a picture says its size


@frozen
class Placed:
    """A picture as the page finds it."""

    path: str | None = None
    """Its path relative to the folder; None if there is no such picture."""

    header: PictureHeader | None = None
    """Its format and size in pixels."""

    problem: Problem | None = None
    """Why it could not be copied."""


def placed(folder: Path, named: str | None, copy_as: str) -> Placed:
    """Finds a sidecar's picture, and copies it into the folder if it lies outside.

    Args:
        folder: The folder of the page.
        named: The picture as the sidecar names it: a path relative to the folder, or a URL, which is not fetched.
        copy_as: Name of a copy, without a suffix.
    """
    if named is None or "://" in named or "\0" in named:
        return Placed()
    source = folder / named
    try:
        header = _header_of(source)
        if header is None:
            return Placed()
        inside = _inside(folder, source)
        if inside is None:
            inside = str(PurePosixPath(COPIES, copy_as + _SUFFIXES[header.format]))
            _copy(source, folder / inside)
    except OSError as error:
        return Placed(problem=Problem(named, f"cannot be shown: {error.strerror or error}"))
    except ValueError:  # a name that no file can have
        return Placed()
    return Placed(inside, header)


def _header_of(source: Path) -> PictureHeader | None:
    """What the picture's first bytes say; None if there is no such picture."""
    try:
        status = source.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
        return None
    with source.open("rb") as file:
        return examine_bytes(file.read(_BEGINNING)).header


def _inside(folder: Path, source: Path) -> str | None:
    """The picture's path below the folder; None if it lies elsewhere, also by a link of the file system."""
    where = Path(os.path.normpath(source))
    try:
        relative = where.relative_to(os.path.normpath(folder))
        source.resolve().relative_to(folder.resolve())
    except ValueError:
        return None
    return relative.as_posix()


def _copy(source: Path, target: Path) -> None:
    status = source.stat()
    try:
        there = target.stat()
        if (there.st_size, there.st_mtime_ns) == (status.st_size, status.st_mtime_ns):
            return
    except FileNotFoundError:
        target.parent.mkdir(exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, partial)
        os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
