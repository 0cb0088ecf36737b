"""A manifest as CSV: a row of columns, and a row for each job.

Promises: columns are the API reference's fields; an empty cell is a field that is left alone; what is not a number or not
JSON stays text, so that the library's own rule says what is wrong with it. Pure.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, Final

from kling_async.errors import Problem, ValidationError

_SEPARATORS: Final = ",;\t"
_NESTED: Final = frozenset(
    {
        "dynamic_masks", "camera_control", "voice_list", "multi_prompt", "element_list", "watermark_info", "extra",
        "multi_shot",
    }
)  # fmt: skip
_NUMBERS: Final = frozenset({"cfg_scale"})
_LONGEST_CELL: Final = 20_000_000  # characters: a picture of 10 MB in base64


def is_csv(text: str, fields: frozenset[str]) -> bool:
    """Whether a text is CSV: its first line names fields, and is not JSON.

    Args:
        text: The manifest.
        fields: Names of the fields that a row can have.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first.lstrip()[:1] in {"{", "["}:
        return False
    return bool(fields & {cell.strip() for cell in _cells(first, _separator(first))})


def csv_rows(text: str, fields: frozenset[str]) -> Iterator[dict[str, Any] | ValidationError]:
    """Yields each row's fields, or what is wrong with the row.

    Args:
        text: The manifest.
        fields: Names of the fields that a row can have.

    Raises:
        ValidationError: A column has no name, the name of no field, or that of another column.
    """
    separator = _separator(text.lstrip("\r\n").splitlines()[0] if text.strip() else "")
    csv.field_size_limit(_LONGEST_CELL)
    lines = (
        cells
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        if any(cell.strip() for cell in cells)
    )
    try:
        columns = [cell.strip() for cell in next(lines, [])]
        _check(columns, fields)
        for cells in lines:
            yield _row(columns, cells)
    except csv.Error as error:
        raise ValidationError([Problem("source", f"is not CSV: {error}")]) from None


def _row(columns: list[str], cells: list[str]) -> dict[str, Any] | ValidationError:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        message = (
            f"has {len(cells)} cells for {len(columns)} columns; a text with a separator in it needs quotes"
        )
        return ValidationError([Problem("row", message)])
    given = zip(columns, cells, strict=False)
    return {name: _value(name, cell) for name, cell in given if cell.strip()}


def _value(name: str, cell: str) -> Any:
    if name not in _NESTED | _NUMBERS:
        return cell
    try:
        return json.loads(cell.lower() if name == "multi_shot" else cell)
    except (ValueError, RecursionError):
        return cell


def _check(columns: list[str], fields: frozenset[str]) -> None:
    problems = [
        Problem(name or f"column {number}", "is the name of no field" if name else "has no name")
        for number, name in enumerate(columns, start=1)
        if name not in fields
    ]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    problems += [Problem(name, "is the name of more than one column") for name in twice if name]
    if problems:
        problems.append(Problem("columns", f"can be {', '.join(sorted(fields))}"))
        raise ValidationError(problems)


def _separator(line: str) -> str:
    """The separator of most cells in the first line; a comma if there is none."""
    return max(_SEPARATORS, key=line.count)


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []
