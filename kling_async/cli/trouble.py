"""What the library logs while a command runs, as lines on stderr: warnings, and attempts that failed and are repeated.

Promises: each text is shown once, however often it happens; the first failed attempt is shown when it fails, and not when
all have; nothing is logged beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from typing_extensions import override

from kling_async import errors
from kling_async.cli.wording import line_of, plain

MOST: Final = 1000
"""How many texts are remembered, so that each is shown once."""

_TOLD_OTHERWISE: Final = "kling_async.jobs.observed"
"""Logs callers who went away, which an interrupted command tells in its own words."""


class _Lines(logging.Handler):
    """Shows records as lines.

    Args:
        put: Shows a line.
    """

    def __init__(self, put: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._put = put
        self._said: set[str] = set()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        text = _text(record)
        if text is None or text in self._said or len(self._said) > MOST:
            return
        self._said.add(text)
        self._put(text)


def _text(record: logging.LogRecord) -> str | None:
    if record.name == _TOLD_OTHERWISE:
        return None
    if record.levelno >= logging.WARNING:
        return f"warning: {plain(record.getMessage())}"
    arguments = record.args if isinstance(record.args, tuple) else ()
    error = next((each for each in arguments if isinstance(each, errors.KlingError)), None)
    if error is None:
        return None
    if isinstance(error, errors.ConnectionFailedError):
        return f"cannot reach the service, still trying: {line_of(error)}"
    return f"still trying: {line_of(error)}"


@contextmanager
def trouble_shown(put: Callable[[str], None]) -> Iterator[None]:
    """A block in which the library's records are shown as lines.

    Args:
        put: Shows a line on stderr.
    """
    logger, handler = logging.getLogger("kling_async"), _Lines(put)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
