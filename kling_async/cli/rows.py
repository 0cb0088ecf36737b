"""A batch's rows: each a request, or what is wrong with it.

Promises: a row's own fields win over the command's options; every problem has its field, and the option's name if the
value comes from an option; numbers begin at 1. Nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from kling_async.cli.fields import with_camera
from kling_async.cli.manifest import ManifestRow
from kling_async.cli.names import picture, stem_of
from kling_async.cli.sources import LONGEST_PATH
from kling_async.errors import Problem, ValidationError

if TYPE_CHECKING:
    from kling_async.schema.image2video import Image2VideoRequest

LONGEST_STEM: Final = 100
"""Characters of a picture's name that a video's name keeps."""

_OPTIONS: Final = {"camera_control": "--camera", "dynamic_masks": "--dynamic-mask"}


@frozen
class Row:
    """One row of a batch."""

    number: int
    """Its place; the first is 1. Blank lines do not count."""

    stem: str
    """The picture's name, for the video's."""

    request: Image2VideoRequest | None = None
    """What it asks for; None if it is bad."""

    problems: tuple[Problem, ...] = ()
    """What is wrong with it, by field."""

    from_options: frozenset[str] = frozenset()
    """Fields whose value is an option's."""

    @property
    def key(self) -> str | None:
        """The row's own `external_task_id`; None if it has none."""
        return None if self.request is None else self.request.external_task_id

    def field(self, path: str) -> str:
        """A field's path as people know it: the option's name if the value comes from there."""
        root = path.partition(".")[0].partition("[")[0]
        if root not in self.from_options:
            return path
        return _OPTIONS.get(root) or f"--{root.replace('_', '-')}"


def defaults_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the command's options give to every row that has none of its own.

    Args:
        given: The values of the request's options, by the options' names.
    """
    fields = with_camera({name: value for name, value in given.items() if value not in (None, ())})
    for name in ("image_tail", "static_mask"):
        if name in fields:
            fields[name] = picture(fields[name])
    if "dynamic_mask" in fields:
        fields["dynamic_masks"] = list(fields.pop("dynamic_mask"))
    return fields


def rows_of(given: Sequence[ManifestRow], defaults: Mapping[str, Any]) -> list[Row]:
    """The rows, each with the defaults below it.

    Args:
        given: Each row's fields, or what is wrong with it.
        defaults: Fields for rows that have none of their own.
    """
    rows = [_row(number, each, defaults) for number, each in enumerate(given, start=1)]
    first: dict[str, int] = {}
    return [_without_repetition(row, first) for row in rows]


def _row(number: int, given: ManifestRow, defaults: Mapping[str, Any]) -> Row:
    from kling_async.schema.image2video import Image2VideoRequest  # noqa: PLC0415 - the help shall not wait for it

    if isinstance(given, ValidationError):
        return Row(number, "video", problems=given.problems)
    stem, from_options = _stem(given), frozenset(defaults.keys() - given.keys())
    try:
        request = Image2VideoRequest.from_mapping({**defaults, **given})
    except ValidationError as error:
        return Row(number, stem, None, error.problems, from_options)
    return Row(number, stem, request, (), from_options)


def _without_repetition(row: Row, first: dict[str, int]) -> Row:
    before = row.number if row.key is None else first.setdefault(row.key, row.number)
    if before == row.number:
        return row
    return Row(row.number, row.stem, None, (Problem("external_task_id", f"is that of row {before} as well"),))


def _stem(given: Mapping[str, Any]) -> str:
    first = given.get("image") or given.get("image_tail")
    known = isinstance(first, Path) or (isinstance(first, str) and len(first) <= LONGEST_PATH)
    return stem_of(first if known else None)[:LONGEST_STEM]
