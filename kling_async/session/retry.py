"""Which error may be tried again, and after how long. Pure: an error and a count in, seconds out.

Promises: the service's code decides, never the HTTP status (a 429 can be permanent); waits use full jitter, grow
to a cap and honour `Retry-After`. This is the only retry rule; `calls.py` and `submit.py` are its only users for
requests, and a waiting task's next look is its retry.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from kling_async.errors import (
    APIError,
    ConcurrencyLimitError,
    ConnectionFailedError,
    KlingError,
    MalformedResponseError,
    RateLimitError,
    ServerError,
)

MAX_RETRY_AFTER: Final = 300.0
"""No server makes us wait longer than this many seconds."""

_WAITS: Final[tuple[tuple[type[KlingError], float, float], ...]] = (
    # error, first bound and cap of the wait in seconds
    (ConcurrencyLimitError, 15.0, 120.0),
    (RateLimitError, 2.0, 60.0),
    (ServerError, 1.0, 30.0),
    (ConnectionFailedError, 0.5, 20.0),
    (MalformedResponseError, 0.5, 20.0),
)


def is_transient(error: KlingError) -> bool:
    """Whether the same request can succeed later without anyone changing anything."""
    return isinstance(error, tuple(kind for kind, _, _ in _WAITS))


def wait_before(attempt: int, error: KlingError, random: Callable[[], float]) -> float | None:
    """Seconds to wait before the next attempt, or None where there must be none.

    Args:
        attempt: Number of the attempt that failed; the first is 1.
        error: What it failed with.
        random: Gives a number from 0 to 1 for the jitter.

    Returns:
        A random part of a bound that doubles with each attempt up to a cap; on top of what `Retry-After` asked.
    """
    for kind, first, cap in _WAITS:
        if isinstance(error, kind):
            bound = min(cap, first * 2.0 ** min(attempt - 1, 30))
            return asked_wait(error) + bound * random()
    return None


def asked_wait(error: KlingError) -> float:
    """Seconds that the answer's `Retry-After` asked for; 0 where it asked for nothing."""
    if isinstance(error, APIError | MalformedResponseError):
        return error.retry_after or 0.0
    return 0.0


def read_retry_after(value: str | None, now: float) -> float | None:
    """Reads a `Retry-After` header.

    Args:
        value: Seconds or an HTTP date; anything else counts as absent.
        now: Wall-clock time in unix seconds, for dates.

    Returns:
        Seconds, 0 to 300, or None.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text.lstrip("0")[:9] or 0), MAX_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text)
        seconds = when.replace(tzinfo=when.tzinfo or UTC).timestamp() - now
    except (ValueError, OverflowError, OSError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)
