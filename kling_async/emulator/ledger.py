"""What the emulator saw: the judge of tests. It keeps no secret and no picture, and is bounded."""

from collections import Counter, deque
from collections.abc import Mapping

import attrs

REQUESTS_KEPT = 10_000


@attrs.define
class RequestRecord:
    """One request and how it was answered."""

    call: str
    """create, get, list, download, call (synchronous), costs, or other for what the service does not have."""

    method: str
    path: str
    """As it came, still percent-encoded."""

    query: str
    time: float
    """The event loop's time at arrival, seconds."""

    headers: Mapping[str, str]
    """Without `Authorization`."""

    status: int | None = None
    """The HTTP status sent; None until there is one, and if the connection was ended instead."""

    fault: str | None = None
    """The kind of fault that struck it."""


@attrs.define(kw_only=True, eq=False, slots=False)
class Ledger:
    """Requests in order of arrival, the last 10,000 of them, and counts of all."""

    requests: deque[RequestRecord] = attrs.field(factory=lambda: deque(maxlen=REQUESTS_KEPT), init=False)
    """The last 10,000 requests, in order of arrival."""

    counts: Counter[str] = attrs.field(factory=Counter, init=False)
    """All requests seen, by call: create, get, list, download, call, costs, other."""

    def add(self, record: RequestRecord) -> None:
        """Counts and keeps a request."""
        self.requests.append(record)
        self.counts[record.call] += 1
