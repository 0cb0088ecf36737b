"""JSON values with one place spoiled. Pure; chance is handed in."""

import random
from typing import Any

_WRONG: tuple[Any, ...] = (None, True, -1, 0.5, 10**30, "", "text", [], [1], {}, {"a": 1})
_DELETED = object()


def mutate(payload: Any, chance: random.Random) -> Any:
    """Copies a JSON value with one place deleted or of another type."""
    path = chance.choice(_paths(payload))
    wrong = chance.choice((_DELETED, *_WRONG))
    return _replaced(payload, path, wrong)


def replace(payload: Any, field: str, value: Any) -> Any:
    """Copies a JSON value with the value at a dotted path exchanged, such as `data.task_result.videos.0.url`.

    Raises:
        LookupError: The payload has no such place.
    """
    path = tuple(int(part) if part.isdecimal() else part for part in field.split("."))
    if path not in _paths(payload):
        raise LookupError(f"the answer has no {field}")
    return _replaced(payload, path, value)


def _paths(value: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place inside a value, its own first."""
    members: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    return [here, *(path for key, item in members for path in _paths(item, (*here, key)))]


def _replaced(value: Any, path: tuple[str | int, ...], wrong: Any) -> Any:
    if not path:
        return None if wrong is _DELETED else wrong
    key, rest = path[0], path[1:]
    copy = value.copy()
    if not rest and wrong is _DELETED:
        del copy[key]
    else:
        copy[key] = _replaced(copy[key], rest, wrong)
    return copy
