"""Generic rules: a value goes in, the problems with it come out.

Promises: no I/O; no exception, whatever the value; a value of None breaks no rule except `required`. Nothing here knows
a request class or the fields of an endpoint. Rules on a picture's bytes are in `picture_rules.py`, rules that depend on
the model in `capabilities.py`.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from attrs import frozen

from kling_async.errors import Problem, ValidationError
from kling_async.schema.callback_token import without_token
from kling_async.schema.images import is_http_url

RequestT = TypeVar("RequestT")

_SECONDS: Final = re.compile(r"[1-9][0-9]{0,4}")


@frozen
class Broken:
    """Stands for a nested value that could not be built, until the request that holds it has reported every problem."""

    problems: tuple[Problem, ...]
    """What is wrong; paths are relative to the value."""


def attempt(build: Callable[..., Any], *values: Any) -> Any:
    """Builds a value; a `ValidationError` becomes `Broken`, so that one error can list every broken rule."""
    try:
        return build(*values)
    except ValidationError as error:
        return Broken(error.problems)


def built_from(
    build: Callable[..., RequestT],
    values: Mapping[str, Any],
    known: Sequence[str],
    elsewhere: Mapping[str, str],
) -> RequestT:
    """Builds a request from a mapping with the names of the API reference, such as a manifest's entry.

    The old field `model` is dropped, as the API reference says: it has no effect, and without a `model_name` the
    service's default applies.

    Args:
        build: The request's class.
        values: The fields, with nested values as mappings and lists.
        known: The names of the request's fields.
        elsewhere: What to use instead, for fields of other endpoints.

    Raises:
        ValidationError: Broken rules, and names that are not fields; all of them.
    """
    given = {name: value for name, value in values.items() if name != "model"}
    unknown = [_unknown_field(name, elsewhere) for name in given if name not in known]
    if not unknown:
        return build(**given)
    built = attempt(lambda: build(**{name: value for name, value in given.items() if name in known}))
    raise ValidationError([*(built.problems if isinstance(built, Broken) else ()), *unknown])


def raise_any(problems: Iterable[Problem]) -> None:
    """Raises one `ValidationError` with all problems, if there are any."""
    found = tuple(problems)
    if found:
        raise ValidationError(found)


def renamed(request: RequestT, external_id: str) -> RequestT:
    """Returns a copy of a checked request under another external id; no other field is converted or checked again.

    Args:
        request: A frozen attrs object with the field `external_task_id`.
        external_id: The id.
    """
    raise_any(task_id("external_task_id", external_id))
    found = copy.copy(request)
    object.__setattr__(found, "external_task_id", external_id)  # frozen for everyone who has seen it
    return found


def each(value: Any, convert: Callable[[Any], Any]) -> Any:
    """Converts every item of a list; a value that is not a list becomes `Broken`."""
    if value is None or isinstance(value, Broken):
        return value
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return Broken((Problem("", f"must be a list, not {shown(value)}"),))
    return tuple(convert(item) for item in value)


def mapped(value: Any, made: type, names: Sequence[str]) -> Any:
    """Passes an object of the class `made`, or builds one from a mapping with the given field names."""
    if value is None or isinstance(value, made | Broken):
        return value
    if not isinstance(value, Mapping):
        return Broken((Problem("", f"must be an object with {', '.join(names)}, not {shown(value)}"),))
    unknown = tuple(
        Problem(str(name), f"is unknown here; fields: {', '.join(names)}")
        for name in value
        if name not in names
    )
    built = attempt(lambda: made(**{name: value.get(name) for name in names}))
    if unknown:
        return Broken((*(built.problems if isinstance(built, Broken) else ()), *unknown))
    return built


def item_mapped(value: Any, made: type, names: Sequence[str]) -> Any:
    """Converts an item of a list as `mapped` does; an item of None becomes `Broken`."""
    if value is None:
        return Broken((Problem("", f"is None; it must be an object with {', '.join(names)}"),))
    return mapped(value, made, names)


def seconds_as_text(value: int | str | None) -> Any:
    """Converts whole seconds to text, because durations travel as text; every other value passes unchanged."""
    small = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 100_000
    return str(value) if small else value


def copied(value: Mapping[str, Any]) -> Any:
    """Copies a mapping, so that a request does not change with it; every other value passes unchanged."""
    return dict(value) if isinstance(value, Mapping) else value


def text_or_none(value: str | None) -> str | None:
    """Converts empty text to None, because the service counts empty text as absent."""
    return None if value == "" else value


def nested(path: str, value: Any) -> Iterator[Problem]:
    """Yields the problems of a value, or of a list's items, that could not be built."""
    if isinstance(value, Broken):
        yield from (problem.below(path) for problem in value.problems)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from nested(f"{path}[{index}]", item)


def required(path: str, value: Any) -> Iterator[Problem]:
    """Checks that the value is not None."""
    if value is None:
        yield Problem(path, "is missing")


def count(path: str, value: Any, low: int, high: int, unit: str) -> Iterator[Problem]:
    """Checks that a list has `low` to `high` items and that each of them could be built."""
    yield from nested(path, value)
    if isinstance(value, tuple) and not low <= len(value) <= high:
        yield Problem(path, f"has {len(value)} {unit}; {low} to {high} are allowed")


def whole_number(path: str, value: Any, unit: str = "") -> Iterator[Problem]:
    """Checks that the value is an int that fits into 64 bits, and not a bool."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        yield Problem(path, f"is {shown(value)}; it must be a whole number{f' of {unit}' if unit else ''}")


def number(path: str, value: Any, low: float, high: float) -> Iterator[Problem]:
    """Checks that the value is a finite number from `low` to `high`, both included."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield Problem(path, f"is {shown(value)}; it must be a number from {low} to {high}")
    elif not low <= value <= high:  # written this way round so that NaN is refused too
        yield Problem(path, f"is {shown(value)}; it must be from {low} to {high}")


def boolean(path: str, value: Any) -> Iterator[Problem]:
    """Checks that the value is true or false."""
    if value is not None and not isinstance(value, bool):
        yield Problem(path, f"is {shown(value)}; it must be true or false")


def choice(path: str, value: Any, allowed: Sequence[str]) -> Iterator[Problem]:
    """Checks that the value is one of the allowed words."""
    if value is not None and not (isinstance(value, str) and value in allowed):
        yield Problem(path, f"is {shown(value)}; it must be one of {', '.join(allowed)}")


def text(path: str, value: Any, longest: int | None = None) -> Iterator[Problem]:
    """Checks that the value is text that UTF-8 can carry, of at most `longest` characters (code points)."""
    if value is None:
        return
    if not isinstance(value, str):
        file = isinstance(value, bytes | bytearray | os.PathLike) or hasattr(value, "read")
        yield Problem(
            path, f"is {shown(value)}; it must be text{', not a picture or a file' if file else ''}"
        )
        return
    if longest is not None and len(value) > longest:
        yield Problem(path, f"has {len(value)} characters; at most {longest} are allowed")
    if not _is_unicode(value):
        yield Problem(path, "has a lone surrogate, which UTF-8 cannot carry")


def word(path: str, value: Any, longest: int | None = None) -> Iterator[Problem]:
    """Checks that the value is text as `text` does, and not empty."""
    yield from text(path, value, longest)
    if value == "":
        yield Problem(path, "is empty")


def seconds(path: str, value: Any) -> Iterator[Problem]:
    """Checks that the value is a whole number of seconds as text, from 1 to 99999, without leading zeros."""
    if value is not None and not (isinstance(value, str) and _SECONDS.fullmatch(value)):
        yield Problem(path, f"is {shown(value)}; it must be a whole number of seconds, 1 or more")


def task_id(path: str, value: Any) -> Iterator[Problem]:
    """Checks that the value is an id that a URL path can carry: text, not empty, and neither `.` nor `..`."""
    yield from text(path, value)
    if isinstance(value, str) and value in {"", ".", ".."}:
        yield Problem(path, f"is {value!r}; a task cannot be queried by that id")


def url(path: str, value: Any) -> Iterator[Problem]:
    """Checks that the value is an absolute http(s) URL with a host."""
    yield from text(path, value)
    if isinstance(value, str) and _is_unicode(value) and not is_http_url(value):
        yield Problem(path, f"is {shown(value)}; it must be an http(s) URL with a host")


def exclusive(used: Sequence[str], groups: Sequence[Sequence[str]]) -> Iterator[Problem]:
    """Checks that all used fields belong to one group.

    Args:
        used: Paths of the fields that have a value, in the order of the API reference.
        groups: Groups of fields; fields of two groups exclude one another.
    """
    if len(used) < 2:
        return
    group_of = {name: index for index, names in enumerate(groups) for name in names}
    clash = next((name for name in used[1:] if group_of[name] != group_of[used[0]]), None)
    if clash is not None:
        shown_groups = ["/".join(names) for names in groups]
        yield Problem(
            clash,
            f"cannot be used together with {used[0]}; "
            f"{', '.join(shown_groups[:-1])} and {shown_groups[-1]} exclude one another",
        )


def json_fields(path: str, value: Any, known: Sequence[str]) -> Iterator[Problem]:
    """Checks that the value is a mapping that JSON can carry, without names that are fields of their own.

    Args:
        path: The field that holds the mapping.
        value: The mapping.
        known: Names of the request's own fields.
    """
    if not isinstance(value, Mapping):
        yield Problem(path, f"is {shown(value)}; it must be a mapping of fields")
        return
    if not value:
        return
    for name in value:
        if not isinstance(name, str):
            yield Problem(path, f"has the name {shown(name)}; names must be text")
        elif name in known or name == "model":
            right = "model_name" if name == "model" else name
            yield Problem(f"{path}.{name}", f"is a field of its own; give it as {right}")
    yield from json_able(path, value)


def json_able(path: str, value: Any) -> Iterator[Problem]:
    """Checks that JSON can carry the value."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        yield Problem(path, f"cannot be written as JSON: {error}")


def _unknown_field(name: object, elsewhere: Mapping[str, str]) -> Problem:
    hint = elsewhere.get(str(name), "fields that this library does not know go into extra")
    return Problem(str(name), f"is not a field of this request; {hint}")


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: Any) -> str:
    """Formats a value for an error's text: short, and never a picture's bytes."""
    if value is None or isinstance(value, bool | int | float):
        return repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a huge number"
    if isinstance(value, str):
        value = without_token(value)
        return repr(value if len(value) <= 60 else value[:60] + "…")
    return f"of type {type(value).__name__}"
