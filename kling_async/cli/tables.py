"""What is wrong with a batch, as one table for people and as documents for machines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from attrs import frozen

from kling_async.cli.ongoing import ranges
from kling_async.cli.wording import plain

MOST: Final = 100
"""Lines of a table that are shown."""


@frozen
class RowProblem:
    """What is wrong with one field of one row."""

    row: int
    """The row; the first is 1."""

    field: str
    """The field's path, or the option's name if the value comes from there."""

    message: str
    """What is wrong and what the bound is."""

    def document(self) -> dict[str, Any]:
        """The problem for machines."""
        return {"row": self.row, "field": self.field, "message": plain(self.message)}


def problem_lines(problems: Iterable[RowProblem]) -> Iterator[str]:
    """Lines of a table with row, field and problem; rows with the same problem share a line."""
    rows: dict[tuple[str, str], list[int]] = {}
    for each in problems:
        rows.setdefault((each.field, plain(each.message)), []).append(each.row)
    lines = [(_short(ranges(numbers)), field, message) for (field, message), numbers in rows.items()]
    yield from aligned([("ROW", "FIELD", "PROBLEM"), *lines[:MOST]])
    if len(lines) > MOST:
        yield f"… and {len(lines) - MOST} more problems"


def aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Lines whose cells stand below each other; the last column is as long as it is."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:36].rpartition(',')[0]}, …"
