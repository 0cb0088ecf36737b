"""What a body plainly means: empty values are absent, numbers and flags may come as text and the reverse.

Pure. The vendor's own samples send `"callback_url": ""`, `"image_list": []`, `"multi_shot": "true"` and `"n": "9"`, and
public clients send `"duration": 5` (facts.md, section 7). What is not plain is left as it is, for a rule to refuse.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Scalar = Callable[[Any], Any]
Shape = Scalar | tuple["Shape", ...] | Mapping[str, "Shape"] | None
"""The type of a field: a scalar, a one-tuple for an array of such, a mapping for an object; None for anything."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}\.[0-9]{1,18}")
_FLAGS = {"true": True, "false": False}


def text(value: Any) -> Any:
    """A number as text: 5 and 5.0 as "5"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def number(value: Any) -> Any:
    """Text as a number: "0.5" as 0.5."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    return whole(value) if isinstance(value, str) else value


def whole(value: Any) -> Any:
    """Text as a whole number, and 5.0 as 5."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def flag(value: Any) -> Any:
    """Text as a flag: "true" as true, whatever the case."""
    return _FLAGS.get(value.lower(), value) if isinstance(value, str) else value


def plain(value: Any, shape: Shape = None, *, keep_empty: bool = False) -> Any:
    """Returns a JSON value with its plain meaning.

    Args:
        value: A JSON value.
        shape: What it is to be; members and items that it does not know only lose their empty values.
        keep_empty: Whether empty texts and lists stay.
    """
    if isinstance(value, Mapping):
        known = shape if isinstance(shape, Mapping) else {}
        return {
            key: plain(item, known.get(key), keep_empty=keep_empty)
            for key, item in value.items()
            if item is not None and (keep_empty or not _empty(item))
        }
    if isinstance(value, list):
        inner = shape[0] if isinstance(shape, tuple) else None
        return [plain(item, inner, keep_empty=keep_empty) for item in value]
    return shape(value) if callable(shape) else value


def _empty(value: Any) -> bool:
    return value is None or value in ("", [])
