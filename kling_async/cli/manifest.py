"""A manifest's rows: each a mapping of the API reference's fields, or the reason why it is not one.

Promises: a bad row is a row with an error and never the end of the others; what cannot be read as a whole is one error.
Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from kling_async.cli.csv_manifest import csv_rows, is_csv
from kling_async.errors import Problem, ValidationError

ManifestRow = dict[str, Any] | ValidationError
"""A row's fields, or what is wrong with it."""

_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


def manifest_rows(content: bytes, fields: frozenset[str]) -> list[ManifestRow]:
    """Reads a manifest.

    Args:
        content: JSON lines, one JSON array or one JSON object, or CSV with a row of columns; in UTF-8, with or without
            a byte order mark.
        fields: Names of the fields that a row can have, by which CSV is known.

    Returns:
        The rows in their order; blank lines are none.

    Raises:
        ValidationError: It is empty, not UTF-8, an array that is not JSON as a whole, or neither JSON nor CSV.
    """
    text = _decoded(content).strip("\r\n ")
    as_csv = is_csv(text, fields)
    rows = list(csv_rows(text, fields) if as_csv else _json_rows(text))
    if not rows:
        raise _unusable("has no rows")
    if not as_csv and all(isinstance(row, ValidationError) and row.problems[0].path == "row" for row in rows):
        first = next(iter(text.splitlines()), "")[:80]
        raise _unusable(
            f"is neither JSON (lines or an array) nor CSV with a row of columns; its first line: {first!r}"
        )
    return rows


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        kind = "; it looks like UTF-16" if content.startswith(_UTF16) else ""
        line = content.count(b"\n", 0, error.start) + 1
        raise _unusable(
            f"is not UTF-8: byte 0x{content[error.start]:02x} in line {line}{kind}; save it as UTF-8"
        ) from None


def _json_rows(text: str) -> Iterator[ManifestRow]:
    if text.startswith("["):
        try:
            values = json.loads(text, object_pairs_hook=_once)
        except _RepeatedNameError as error:
            raise _unusable(f"has an object in which {error.name} is given twice") from None
        except (ValueError, RecursionError) as error:
            raise _unusable(f"is not a JSON array: {_reason(error)}") from None
        yield from map(_object, values)
        return
    whole = _parsed(text)
    if isinstance(whole, dict):  # one row over many lines
        yield whole
    else:
        yield from (_object(_parsed(line)) for line in text.splitlines() if line.strip())


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except _RepeatedNameError as error:
        return ValidationError([Problem(error.name, "is given twice")])
    except (ValueError, RecursionError) as error:
        return ValidationError([Problem("row", f"is not JSON: {_reason(error)}")])


class _RepeatedNameError(ValueError):
    """An object names a member twice, so that one of the values would be lost."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's members, each named once."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _RepeatedNameError(name)
        found[name] = value
    return found


def _reason(error: Exception) -> str:
    """Why a text is not JSON, without the parser's advice to programmers."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error) if isinstance(error, json.JSONDecodeError) else "a number has too many digits"


def _object(value: Any) -> ManifestRow:
    if isinstance(value, dict | ValidationError):
        return value
    return ValidationError([Problem("entry", "is not an object with the API reference's fields")])


def _unusable(message: str) -> ValidationError:
    return ValidationError([Problem("source", message)])
