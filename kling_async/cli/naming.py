"""The names of a batch's results, kept beside its journal: which row a job belongs to, and what its files are called.

Promises: a job keeps its name whatever becomes of the manifest; no two jobs share a name. Names are for people: a file of
names that is lost or damaged costs nothing but them, since what was paid for is in the journal.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from kling_async.cli.names import stem_of
from kling_async.schema.sidecar import is_plain_name

SUFFIX: Final = ".names"
"""What a journal's name has more in the name of this file."""


@frozen
class Name:
    """What a job's files are called."""

    number: int
    """Its row; the first is 1."""

    name: str
    """The files' name without a suffix, such as `007-cat`."""


def read_names(journal: Path) -> dict[str, Name]:
    """The names of a journal's jobs, by the jobs' own ids; none if there are none that can be read."""
    try:
        document = json.loads(_beside(journal).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    found = document.items() if isinstance(document, dict) else ()
    return {key: Name(*value) for key, value in found if _is_name(value)}


def write_names(journal: Path, names: Mapping[str, Name]) -> None:
    """Writes the names, all or none.

    Raises:
        OSError: The disk refused.
    """
    document = {key: [each.number, each.name] for key, each in names.items()}
    write_whole(_beside(journal), json.dumps(document).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that it is there whole or as it was.

    Raises:
        OSError: The disk refused.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def named(number: int, of: int, stem: str, taken: Collection[str] = ()) -> Name:
    """The name of a row's files: number and picture.

    Args:
        number: The row; the first is 1.
        of: How many rows there are, which decides on the zeros in front.
        stem: The picture's name.
        taken: Names of other jobs, casefolded.
    """
    name = plain = f"{number:0{max(3, len(str(of)))}}-{stem}"
    more = 1
    while name.casefold() in taken:
        more += 1
        name = f"{plain}-{more}"
    return Name(number, name)


def picture_of(request: Mapping[str, Any]) -> str | None:
    """The picture of a job, by the record of its request: a path or URL; None if it was given as bytes."""
    for field in ("image", "image_tail"):
        value = request.get(field)
        if isinstance(value, dict) and isinstance(value.get("path"), str):
            return str(value["path"])
        if isinstance(value, str):
            return value
    return None


def stem_of_record(request: Mapping[str, Any]) -> str:
    """The picture's name, for the names of the job's files."""
    return stem_of(picture_of(request))[:100]


def _beside(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}{SUFFIX}")


def _is_name(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], int)
        and not isinstance(value[0], bool)
        and is_plain_name(value[1])
    )
