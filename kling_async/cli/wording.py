"""Errors in the words of the command line.

Promises: an error's text holds no number of an operating system, no detail of a library below and no Python argument; a
broken rule is named by its option if there is one; every line is harmless to a terminal.
"""

from __future__ import annotations

import re
from typing import Any, Final

import click

from kling_async import errors

LONGEST_LINE: Final = 2000
"""Characters of an error that are shown."""

REGIONS: Final = (
    "keys belong to one region; if these are of another, name its host with --base-url or KLING_BASE_URL: "
    "https://api.klingai.com, https://api-singapore.klingai.com (outside China), "
    "https://api-beijing.klingai.com (China)"
)
"""What may help if the service refuses the keys."""

_TECHNICAL: Final = (
    (re.compile(r"\[errno -?\d+\] ?", re.IGNORECASE), ""),
    (re.compile(r"Cannot connect to host \S+ ssl:\w+ "), "cannot connect "),
    (re.compile(r" ?ssl:(default|True|False|None)\b"), ""),
    (re.compile(r"adopt the journal: adopt_journal=True, or --adopt-journal on the command line"), "--adopt-journal adopts it"),
    (re.compile(r"; private_downloads=True allows it"), ""),
    (re.compile(r"; the option capabilities switches this rule\)"), "; --capabilities warn or off lets it through)"),
    (re.compile(r", or give access_key and secret_key, or api_key"), ""),
    (re.compile(r"(?<!-)\bbase_url\b"), "--base-url"),
    (re.compile(r"\b(?:access_key|secret_key|api_key) \((KLING_\w+)\)"), r"\1"),
    (re.compile(r"; use attrs\.evolve for a copy of it"), ""),
)  # fmt: skip
"""What the library says to programmers, and what stands for it here."""

_OPTIONS: Final = {
    "image": "PHOTO",
    "dynamic_masks": "--dynamic-mask",
    "camera_control.type": "--camera-type",
    "camera_control": "--camera",
    "task": "ID",
}
"""Fields whose option has another name."""


def plain(text: str) -> str:
    """A text of the library as the command line shows it."""
    for pattern, replacement in _TECHNICAL:
        text = pattern.sub(replacement, text)
    return errors.harmless(text, LONGEST_LINE)


def lines_of(error: BaseException) -> list[str]:
    """An error's text, each broken rule on a line of its own."""
    if isinstance(error, errors.ValidationError) and error.problems:
        return [plain(f"{_named(problem.path)}: {problem.message}") for problem in error.problems]
    if isinstance(error, OSError) and error.strerror and not isinstance(error, errors.KlingError):
        where = "" if error.filename is None else f"{error.filename}: "
        return [plain(f"{where}{error.strerror}")]
    return [plain(str(error)) or type(error).__name__]


def line_of(error: BaseException) -> str:
    """An error's text on one line."""
    return "; ".join(lines_of(error))


def hint_of(error: BaseException) -> str | None:
    """What may help beyond the error's text; None if there is nothing."""
    return REGIONS if isinstance(error, errors.AuthenticationError) else None


def _named(path: str) -> str:
    """A field's path with the option of the running command that sets it, if there is one."""
    context = click.get_current_context(silent=True)
    field = re.split(r"[.\[]", path, maxsplit=1)[0]
    names = _names(context.command) if context is not None else {}
    option = next((names.get(_OPTIONS[each], "") for each in (path, field) if each in _OPTIONS), None)
    option = option or names.get(field)
    if not option:
        return f"--field {path}" if "fields" in names and path else path
    return option if path == field else f"{option} ({path})"


def _names(command: click.Command) -> dict[str, str]:
    """Names of a command's parameters as a user writes them: by the field, and by themselves."""
    found: dict[str, str] = {}
    for parameter in command.params:
        shown = _shown(parameter)
        found[shown] = shown
        found.setdefault(parameter.name or "", shown)
    return found


def _shown(parameter: Any) -> str:
    if isinstance(parameter, click.Argument):
        return str(parameter.metavar or (parameter.name or "").upper())
    return str(next((each for each in parameter.opts if each.startswith("--")), parameter.opts[0]))
