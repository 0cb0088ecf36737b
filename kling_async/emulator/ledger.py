"""What the emulator saw: the judge of tests. It keeps no secret and is bounded."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import attrs

from kling_async.emulator.sent import sent_body

REQUESTS_KEPT = 10_000

BODIES_KEPT = 64 * 1024 * 1024
"""Bytes of bodies that are kept in all; the oldest go first."""


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

    raw_body: bytes | None = attrs.field(default=None, repr=False, eq=False)
    """The body's bytes; None if there was none, or no longer is: 64 MiB of bodies are kept."""

    @property
    def body(self) -> Any:
        """The body as the service reads it: parsed JSON, in which each PNG or JPEG stands as a `SentPicture`.

        None without a body, text for what is not JSON. Read anew each time: changing it changes nothing.
        """
        return None if self.raw_body is None else sent_body(self.raw_body)


@attrs.define(kw_only=True, eq=False, slots=False)
class Ledger:
    """Requests in order of arrival, the last 10,000 of them, and counts of all."""

    requests: deque[RequestRecord] = attrs.field(factory=lambda: deque(maxlen=REQUESTS_KEPT), init=False)
    """The last 10,000 requests, in order of arrival."""

    counts: Counter[str] = attrs.field(factory=Counter, init=False)
    """All requests seen, by call: create, get, list, download, call, costs, other."""

    _with_bodies: deque[RequestRecord] = attrs.field(factory=deque, init=False)
    _bytes: int = attrs.field(default=0, init=False)

    def add(self, record: RequestRecord) -> None:
        """Counts and keeps a request."""
        self.requests.append(record)
        self.counts[record.call] += 1

    def keep_body(self, record: RequestRecord, raw: bytes) -> None:
        """Keeps the body of a request, and drops the oldest bodies above the bound."""
        if not raw:
            return
        record.raw_body = raw
        self._with_bodies.append(record)
        self._bytes += len(raw)
        while self._with_bodies and (self._bytes > BODIES_KEPT or len(self._with_bodies) > REQUESTS_KEPT):
            oldest = self._with_bodies.popleft()
            self._bytes -= len(oldest.raw_body or b"")
            oldest.raw_body = None
