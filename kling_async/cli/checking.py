"""Checks every row of a batch before anything is paid for: its pictures, its model, and where its video is to go.

Promises: nothing is sent and nothing is written; each picture's file is read once, however many rows name it; a file is
never held in memory beyond one read of it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from kling_async.cli.rows import Row
from kling_async.cli.tables import RowProblem
from kling_async.errors import Problem

if TYPE_CHECKING:
    from kling_async.schema.image2video import Image2VideoRequest
    from kling_async.schema.images import LocalImage
    from kling_async.schema.picture_facts import PictureFacts

AT_A_TIME: Final = 256
"""Pictures that one hop to a thread examines."""

LEAST: Final = 250_000
"""Bytes of a second of video below which no result was seen; with less free disk a batch is refused."""

USUAL: Final[Mapping[str, int]] = {"std": 1_500_000, "pro": 3_000_000, "4k": 10_000_000}
"""Bytes of a second of video as results have them, by mode; with less free disk a batch is warned of."""


@frozen
class Demand:
    """What a number of requests comes to."""

    jobs: int
    """Jobs."""

    seconds: int
    """Seconds of video in all."""

    least_bytes: int
    """Bytes that the results have at least."""

    usual_bytes: int
    """Bytes that such results usually have."""


def demand_of(requests: Sequence[Image2VideoRequest]) -> Demand:
    """What requests come to, with the service's defaults for what they leave alone."""
    lengths = [(_whole(duration), mode) for _, mode, duration in (request.kind for request in requests)]
    seconds = sum(length for length, _ in lengths)
    usual = sum(length * USUAL.get(mode, USUAL["pro"]) for length, mode in lengths)
    return Demand(len(requests), seconds, seconds * LEAST, usual)


def model_problems(rows: Sequence[Row]) -> Iterator[RowProblem]:
    """What the capability map says that a row's model does not take."""
    from kling_async.schema.capabilities import capability_problems  # noqa: PLC0415 - the help shall not wait for it

    for row in rows:
        if row.request is not None:
            for problem in capability_problems(row.request):
                yield RowProblem(row.number, row.field(problem.path), problem.message)


@frozen
class Pictures:
    """What the rows' pictures show, by their bytes."""

    problems: list[RowProblem] = field(factory=list)
    """Broken rules."""

    warnings: list[RowProblem] = field(factory=list)
    """What is unlikely to be meant, though no rule forbids it."""


async def checked_pictures(rows: Sequence[Row]) -> Pictures:
    """Examines the rows' pictures."""
    found = Pictures()
    known: dict[object, PictureFacts | Problem] = {}
    for start in range(0, len(rows), AT_A_TIME):
        part = rows[start : start + AT_A_TIME]
        await _examine(part, known)
        for row in part:
            _judge(row, known, found)
    return found


async def _examine(rows: Sequence[Row], known: dict[object, PictureFacts | Problem]) -> None:
    from kling_async.session.picture_bytes import examined  # noqa: PLC0415 - the help shall not wait for it

    new: dict[object, LocalImage] = {}
    for row in rows:
        for _, picture in _at_hand(row):
            if _same(picture) not in known:
                new[_same(picture)] = picture
    names = {str(number): key for number, key in enumerate(new)}
    facts = await examined((name, new[key]) for name, key in names.items())
    known.update({names[name]: each for name, each in facts.items()})


def _judge(row: Row, known: Mapping[object, PictureFacts | Problem], found: Pictures) -> None:
    if row.request is None:
        return
    facts: dict[str, PictureFacts] = {}
    for path, picture in _at_hand(row):
        what = known[_same(picture)]
        if isinstance(what, Problem):
            found.problems.append(RowProblem(row.number, row.field(path), what.message))
        else:
            facts[path] = what
    for problems, judged in (
        (found.problems, row.request.picture_problems(facts)),
        (found.warnings, row.request.picture_warnings(facts)),
    ):
        problems += [RowProblem(row.number, row.field(each.path), each.message) for each in judged]


def _at_hand(row: Row) -> Iterator[tuple[str, LocalImage]]:
    from kling_async.schema.images import ImageURL  # noqa: PLC0415 - the help shall not wait for it

    for path, picture in row.request.pictures() if row.request is not None else ():
        if not isinstance(picture, ImageURL):
            yield path, picture


def _same(picture: LocalImage) -> object:
    """What two pictures share if one examination is enough for both: the file's path, or the object."""
    return str(path) if (path := getattr(picture, "path", None)) is not None else id(picture)


def folder_problem(folder: Path) -> str | None:
    """What is wrong with a folder that videos are to be written to; None if nothing is. It need not exist."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        return f"{place} is not a folder"
    if not os.access(place, os.W_OK | os.X_OK):
        return f"{place} cannot be written to"
    return None


def disk_problem(folder: Path, demand: Demand) -> tuple[str, bool] | None:
    """What is wrong with the free disk, and whether the results cannot fit; None if nothing is."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free >= demand.usual_bytes:
        return None
    needed, fits = (demand.usual_bytes, True) if free >= demand.least_bytes else (demand.least_bytes, False)
    least = "usually need" if fits else "need at least"
    return f"{shown_size(free)} are free, and {demand.jobs} videos {least} {shown_size(needed)}", not fits


def shown_size(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit in {"bytes", "kB"} else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _whole(text: str) -> int:
    return int(text) if text.isdigit() else 0
