"""Fields as they are written in a shell: `NAME=VALUE`, one for each `--field`, and the mapping that they make.

Promises: a field that cannot be read is refused with its own words and what to write instead; no file is opened here but
stdin. What a name means is not known here: any endpoint's fields pass.

    prompt=a boat at dusk               text, as it is
    n:=4                                JSON: a number, true, false, a list, an object
    image=@cat.jpg                      a file, sent as base64; @- is stdin, @@ a text that begins with @
    image_list.0.image=@cat.jpg         the first item of a list, and a member of it; image_list[0].image too
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import frozen

from kling_async.cli.names import is_url

Place: TypeAlias = tuple[str | int, ...]
"""Where a value stands: names of members, and numbers of items from 0."""

_NAME: Final = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\.[0-9]{1,3}|\[[0-9]{1,3}\])*")
_PARTS: Final = re.compile(r"[0-9]+(?=\]|\.|$)|[A-Za-z_][\w-]*")


@frozen
class Assignment:
    """One field."""

    name: str
    """As it was written."""

    place: Place
    """What the name means."""

    value: Any
    """Text, a JSON value, a `Path`, or the bytes of stdin."""


def read_assignment(text: str) -> Assignment:
    """Reads one field.

    Raises:
        ValueError: It is not `NAME=VALUE`, or its JSON or file cannot be read.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not NAME=VALUE, NAME:=JSON or NAME=@FILE")
    as_json = name.endswith(":")
    name = name.removesuffix(":")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a field's name, such as prompt or image_list.0.image")
    place: Place = tuple(int(part) if part.isdecimal() else part for part in _PARTS.findall(name))
    return Assignment(name, place, _json(name, value) if as_json else _value(name, value))


def _json(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(f"the value of {name} is not JSON; text is given as {name}={value}") from None


def _value(name: str, value: str) -> Any:
    if value.startswith("@@"):
        return value[1:]
    if not value.startswith("@"):
        return value
    file = value[1:]
    if is_url(file):
        raise ValueError(f"a URL needs no @: {name}={file}")
    if not file:
        raise ValueError(f"{name}=@ names no file; a text that begins with @ is given as {name}=@@…")
    return sys.stdin.buffer.read() if file == "-" else Path(file)


def mapping_of(assignments: Iterable[Assignment]) -> dict[str, Any]:
    """Puts fields together.

    Raises:
        ValueError: One is given twice, or inside of another one's value, or a list lacks an item.
    """
    root: dict[str | int, Any] = {}
    for each in assignments:
        _put(root, each)
    return {str(name): _finished(value, str(name)) for name, value in root.items()}


class _Node(dict[str | int, Any]):
    """A list or an object that assignments make."""


def _put(root: dict[str | int, Any], given: Assignment) -> None:
    here: dict[str | int, Any] = root
    for part in given.place[:-1]:
        inner = here.setdefault(part, _Node())
        leads_on = isinstance(inner, _Node)
        if not leads_on:
            raise ValueError(f"{given.name} is inside of a value that another --field gives as a whole")
        here = inner
    last = given.place[-1]
    if last in here:
        raise ValueError(f"{given.name} is given twice")
    here[last] = given.value


def _finished(value: Any, name: str) -> Any:
    if not isinstance(value, _Node):
        return value
    numbers = sorted(key for key in value if isinstance(key, int))
    if not numbers:
        return {key: _finished(item, f"{name}.{key}") for key, item in value.items()}
    if len(numbers) < len(value):
        raise ValueError(f"{name} has items with numbers and members with names; it can be one of the two")
    if numbers != list(range(len(numbers))):
        lacking = next(number for number, found in enumerate(numbers) if number != found)
        raise ValueError(f"{name} has no item {lacking}; items are numbered from 0 without gaps")
    return [_finished(value[number], f"{name}.{number}") for number in numbers]
