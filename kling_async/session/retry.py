"""Which error may be tried again, and after how long. Pure: an error and a count in, seconds out.

Promises: the service's code decides, not the HTTP status alone (a 429 can be permanent, a 5xx never is); waits use full
jitter, grow to a cap and honour `Retry-After`. This is the only retry rule: `wait_before` is for requests that are
repeated a few times, `verdict_on_poll` for polls, which go on until their wait's deadline.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
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
"""The longest wait that a `Retry-After` header can ask for, in seconds."""

PERMANENT_CODES: Final = frozenset({*range(1000, 1005), *range(1100, 1104), 1200, 1202, 1300, 1301, 1304})
"""Codes (facts §2) that say that the same request cannot succeed until somebody changes something."""

NOT_FOUND_CODES: Final = frozenset({1201, 1203})
"""Codes of which one meaning is that a task does not exist."""

_WAITS: Final[tuple[tuple[type[KlingError], float, float], ...]] = (
    # error, first bound and cap of the wait in seconds
    (ConcurrencyLimitError, 15.0, 120.0),
    (RateLimitError, 2.0, 60.0),
    (ServerError, 1.0, 30.0),
    (ConnectionFailedError, 0.5, 20.0),
    (MalformedResponseError, 0.5, 20.0),
)
_OF_SERVER_ERRORS: Final = (1.0, 30.0)


class PollVerdict(Enum):
    """What a failed poll says about the polls that follow it."""

    TRANSIENT = "transient"
    """A later one can succeed: the wait goes on until its deadline."""

    NOT_FOUND = "not found"
    """The service did not find the task, or said something about the id that is not understood."""

    PERMANENT = "permanent"
    """No later one can succeed: the wait ends."""


def is_transient(error: KlingError) -> bool:
    """Whether the same request can succeed later without anyone changing anything."""
    return _bounds(error) is not None


def wait_before(attempt: int, error: KlingError, random: Callable[[], float]) -> float | None:
    """Seconds to wait before the next attempt, or None if there must be none.

    Args:
        attempt: Number of the attempt that failed; the first is 1.
        error: What it failed with.
        random: Gives a number from 0 to 1 for the jitter.

    Returns:
        A random part of a bound that doubles with each attempt up to a cap, added to what `Retry-After` asked for.
    """
    bounds = _bounds(error)
    return None if bounds is None else _wait(attempt, error, bounds, random)


def wait_before_poll(attempt: int, error: KlingError, random: Callable[[], float]) -> float:
    """Seconds to wait after a poll that failed with a transient error; arguments as `wait_before`.

    Errors that `wait_before` does not repeat, such as a code outside the table, wait as long as server errors.
    """
    return _wait(attempt, error, _bounds(error) or _OF_SERVER_ERRORS, random)


def verdict_on_poll(error: KlingError) -> PollVerdict:
    """What a poll that failed with this error says about later ones.

    A paid task is waited for, so only a code that is known to be permanent ends the wait; a code outside the table,
    any code with HTTP 5xx, an answer that is not an envelope and no answer at all are transient. Errors that no
    answer caused (the client's transport is closed, say) are permanent.
    """
    if isinstance(error, ConnectionFailedError | MalformedResponseError):
        return PollVerdict.TRANSIENT
    if not isinstance(error, APIError):
        return PollVerdict.PERMANENT
    if error.http_status >= 500:
        return PollVerdict.TRANSIENT
    if error.code in NOT_FOUND_CODES:
        return PollVerdict.NOT_FOUND
    return PollVerdict.PERMANENT if error.code in PERMANENT_CODES else PollVerdict.TRANSIENT


def _bounds(error: KlingError) -> tuple[float, float] | None:
    if isinstance(error, APIError) and error.http_status >= 500:
        return _OF_SERVER_ERRORS
    for kind, first, cap in _WAITS:
        if isinstance(error, kind):
            return first, cap
    return None


def _wait(attempt: int, error: KlingError, bounds: tuple[float, float], random: Callable[[], float]) -> float:
    first, cap = bounds
    bound: float = min(cap, first * 2.0 ** min(attempt - 1, 30))
    return asked_wait(error) + bound * random()


def asked_wait(error: KlingError) -> float:
    """Seconds that the answer's `Retry-After` asked for; 0 if it asked for nothing."""
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
