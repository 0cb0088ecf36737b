"""A manifest as CSV: a row of columns, and a row for each job.

Promises: columns are the API reference's fields, in any case of letters; an empty cell is a field that is left alone, and
a column without a name is one that is empty; what is not a number or not JSON stays text, so that the library's own rule
says what is wrong with it; rows that an open quote would swallow are an error. Pure.
"""

from __future__ import annotations

import csv
import io
import json
import re
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
_WHOLE: Final = re.compile(r"(\d+)\.0+")  # spreadsheets write 5 as 5.0 if other cells of the column are empty
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
    return bool(fields & set(_names(_cells(first, _separator(first)))))


def csv_rows(text: str, fields: frozenset[str]) -> Iterator[dict[str, Any] | ValidationError]:
    """Yields each row's fields, or what is wrong with the row.

    Args:
        text: The manifest.
        fields: Names of the fields that a row can have.

    Raises:
        ValidationError: A column has the name of no field or of another column, or quotes are wrong.
    """
    separator = _separator(text.lstrip("\r\n").splitlines()[0] if text.strip() else "")
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    columns: list[str] | None = None
    begun = 0
    try:
        for cells in reader:
            begun = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _names(cells)
                _check(columns, fields)
            else:
                yield _row(columns, cells)
    except csv.Error as error:
        reason = "a quote is never closed" if "end of data" in str(error) else str(error)
        message = f"is not CSV: in the row that begins in line {begun + 1}, {reason}"
        raise ValidationError([Problem("source", message)]) from None


def _row(columns: list[str], cells: list[str]) -> dict[str, Any] | ValidationError:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        message = (
            f"has {len(cells)} cells for {len(columns)} columns; a text with a separator in it needs quotes"
        )
        return ValidationError([Problem("row", message)])
    given = [(name, cell.strip()) for name, cell in zip(columns, cells, strict=False)]
    nameless = [number for number, (name, cell) in enumerate(given, start=1) if cell and not name]
    if nameless:
        return ValidationError([Problem("row", f"cell {nameless[0]} is in a column without a name")])
    return {name: _value(name, cell) for name, cell in given if cell}


def _value(name: str, cell: str) -> Any:
    if name == "duration" and (whole := _WHOLE.fullmatch(cell)):
        return whole[1]
    if name not in _NESTED | _NUMBERS:
        return cell
    try:
        return json.loads(cell.lower() if name == "multi_shot" else cell)
    except (ValueError, RecursionError):
        return cell


def _check(columns: list[str], fields: frozenset[str]) -> None:
    problems = [Problem(name, "is the name of no field") for name in columns if name and name not in fields]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    problems += [Problem(name, "is the name of more than one column") for name in twice if name]
    if problems:
        problems.append(Problem("columns", f"can be {', '.join(sorted(fields))}"))
        raise ValidationError(problems)


def _names(cells: list[str]) -> list[str]:
    """The columns' names; text for a column that has none is empty."""
    return [cell.strip().lower() for cell in cells]


def _separator(line: str) -> str:
    """The separator of most cells in the first line; a comma if there is none."""
    return max(_SEPARATORS, key=line.count)


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []
