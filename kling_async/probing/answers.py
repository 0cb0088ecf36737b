"""One answer of the service, as much of it as a comparison may see. Pure.

Promises: whatever came becomes a `Seen`; `shown` holds no key, no id that was asked for, no host and no URL, so that
nothing that is made of it can tell a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from attrs import field, frozen

from kling_async.errors import KlingError, MalformedResponseError, harmless
from kling_async.schema.wire import read_envelope
from kling_async.session.http import Answer

LONGEST: Final = 160
"""Characters of a stranger's text that are kept."""

_URL: Final = re.compile(r"\S*://\S*")
_BESIDE: Final = frozenset({1100, 1101, 1102, 1103, 1302, 1303, 1304, 5000, 5001, 5002})


@frozen
class Seen:
    """What came back for one call."""

    http_status: int | None = None
    """The HTTP status; None if there was no answer."""

    code: int | None = None
    """The service's code; None if the answer is not an envelope."""

    message: str = field(default="", repr=False)
    """The service's text, for comparisons alone; `shown` is for people."""

    data: Any = None
    """The envelope's `data`."""

    complete: bool = False
    """Whether the envelope has a message and a request id."""

    date: str | None = None
    """The `Date` header."""

    at: float = 0.0
    """When it came by our clock, in unix seconds."""

    hidden: frozenset[str] = field(default=frozenset(), repr=False)
    """Words that `shown` shall not tell."""

    trouble: str | None = None
    """Why there is no answer, or why it is not an envelope."""

    @property
    def beside_the_point(self) -> bool:
        """Whether the answer says nothing about the question: no answer, an empty account, a service in trouble."""
        return self.http_status is None or self.code in _BESIDE

    @property
    def refused(self) -> bool:
        """Whether the service said no with a code that is decided before anything is done."""
        return (
            self.code is not None
            and 1000 <= self.code < 2000
            and not (self.http_status is None or self.http_status >= 500)
        )

    @property
    def skew(self) -> float | None:
        """Seconds by which the service's clock is ahead of ours; None without a `Date` that can be read."""
        try:
            moment = parsedate_to_datetime(self.date or "")
            return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - self.at
        except (ValueError, OverflowError, OSError):
            return None

    @property
    def shown(self) -> str:
        """The answer in a few words."""
        if self.http_status is None:
            return f"no answer ({self.trouble})"
        if self.code is None:
            return f"HTTP {self.http_status}, {self.trouble or 'not an envelope'}"
        said = public(self.message, self.hidden)
        return f"HTTP {self.http_status}, code {self.code}" + (f": {said}" if said else "")


def public(text: str, hidden: Iterable[str] = ()) -> str:
    """A text without URLs and without the words that shall not be told, short and harmless."""
    for word in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(word, "…")
    return harmless(_URL.sub("(URL)", text), LONGEST)


def seen(answer: Answer, hidden: Iterable[str], at: float) -> Seen:
    """Reads an answer.

    Args:
        answer: What came back.
        hidden: Words that no text may tell.
        at: When it came, in unix seconds.
    """
    date = answer.headers.get("Date")
    try:
        envelope = read_envelope(answer.body, http_status=answer.http_status)
    except MalformedResponseError:
        return Seen(answer.http_status, date=date, at=at, trouble="not an envelope")
    return Seen(
        answer.http_status,
        envelope.code,
        harmless(envelope.message, 4 * LONGEST),
        envelope.data,
        bool(envelope.message) and envelope.request_id is not None,
        date,
        at,
        frozenset(hidden),
    )


def unanswered(error: KlingError) -> Seen:
    """Reads what happened instead of an answer; its text may name a host, so it is not kept."""
    return Seen(trouble=type(error).__name__)


def members(row: Any) -> Mapping[str, Any]:
    """A task object's members; none if it is not an object."""
    return row if isinstance(row, Mapping) else {}


def rows_of(page: Seen | None) -> list[Mapping[str, Any]]:
    """The rows of a list's answer that are objects with an id."""
    data = [] if page is None else page.data
    return (
        [row for row in data if isinstance(row, Mapping) and row.get("task_id")]
        if isinstance(data, list)
        else []
    )


def external_id(row: Mapping[str, Any]) -> str | None:
    """A task object's external id."""
    name = members(row.get("task_info")).get("external_task_id")
    return name if isinstance(name, str) and name else None
