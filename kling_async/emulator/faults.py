"""Trouble, planned: which fault strikes which call, how often and from when on.

Pure: decides, and spoils plain values. `trouble` carries a fault out on the wire. Chance is seeded, so
that a run can be had again.
"""

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs
from typing_extensions import override

CALLS = ("create", "get", "list", "download")
API = frozenset({"create", "get", "list"})
ALL = frozenset(CALLS)
NUMBERS = frozenset({"at", "by", "code", "http", "megabytes", "seconds"})


@attrs.frozen
class Kind:
    """A kind of trouble."""

    does: str
    calls: frozenset[str] = ALL
    """The calls that it can strike."""

    details: Mapping[str, Any] = attrs.field(factory=dict)
    """Its parameters with their defaults."""


_ERROR: Mapping[str, Any] = {"http": None, "code": 5001, "message": None}

KINDS: Mapping[str, Kind] = {
    "reset-before": Kind("resets the connection before the work; the body is not even read"),
    "reset-after": Kind("does the work and resets the connection instead of answering"),
    "reset-during": Kind("resets the connection after `at` bytes of the answer's body", details={"at": 0}),
    "error-before": Kind("answers an error instead of the work", details=_ERROR),
    "error-after": Kind("does the work and answers an error", details=_ERROR),
    "html-before": Kind("answers a proxy's HTML page instead of the work", details={"http": 502}),
    "html-after": Kind("does the work and answers a proxy's HTML page", details={"http": 502}),
    "truncate": Kind(
        "cuts the answer after `at` bytes, by default in its middle; the connection ends early, or with"
        " `clean` the answer claims to be whole",
        details={"at": None, "clean": False},
    ),
    "wrong-length": Kind("announces `by` more bytes than it sends", details={"by": 1}),
    "empty": Kind("answers with no body at all"),
    "not-json": Kind("answers text that is no JSON", API),
    "wrong-types": Kind(
        "answers JSON with one value deleted or of a wrong type; `field` and `value` say which, dotted",
        API,
        {"field": None, "value": None},
    ),
    "gzip-bomb": Kind("answers so many MiB of blanks, compressed", details={"megabytes": 64}),
    "drip": Kind("sends the body byte by byte, so many seconds apart", details={"seconds": 0.001}),
    "delay": Kind("answers so many seconds later; with `before` works later too", details={"seconds": 1.0, "before": False}),
    "hang": Kind("never answers; with `before` never works either", details={"before": False}),
    "redirect": Kind(
        "sends the caller elsewhere instead of working",
        details={"location": "http://127.0.0.1:9/", "http": 307},
    ),
    "rate-limit": Kind("refuses as too frequent (1302)", API, {"retry_after": None}),
    "concurrency": Kind("refuses as over the resource pack's limit (1303)", API, {"retry_after": None}),
    "account": Kind("refuses with an account's code", API, {"code": 1102, "message": None}),
    "moderation": Kind("refuses as unsafe (1301)", frozenset({"create"})),
    "late-creation": Kind(
        "answers 504/5002 and creates the task so many seconds later", frozenset({"create"}), {"seconds": 1.0}
    ),
    "lagging": Kind(
        "creates, and no query finds the task for so many seconds", frozenset({"create"}), {"seconds": 1.0}
    ),
    "amnesia": Kind(
        "forgets the task after answering, for so many seconds or for ever",
        frozenset({"create", "get"}),
        {"seconds": None},
    ),
    "duplicate": Kind("creates, and says that the id already exists", frozenset({"create"})),
    "forbidden": Kind("refuses the file (403)", frozenset({"download"})),
}  # fmt: skip
"""Every kind of trouble, by its name."""


class Fault:
    """One planned fault; see `FaultPlan.plan`."""

    def __init__(
        self,
        call: str,
        kind: str,
        details: Mapping[str, Any],
        *,
        times: int | None,
        after: int,
        probability: float,
        seed: int,
    ) -> None:
        self.call = call
        self.kind = kind
        self.details = {**KINDS[kind].details, **details}
        self.random = random.Random(seed)
        self._left = times
        self._after = after
        self._probability = probability

    @override
    def __repr__(self) -> str:
        left = "for ever" if self._left is None else f"{self._left} more"
        return f"<Fault {self.kind} on {self.call}, {left}>"

    def fits(self, call: str) -> bool:
        """Whether the fault is meant for such a call."""
        return self.call in {call, "any"} and call in KINDS[self.kind].calls

    def strikes(self) -> bool:
        """Whether it strikes now; each question is one call that it saw."""
        if self._after > 0:
            self._after -= 1
            return False
        return self._left != 0 and self.random.random() < self._probability

    def spend(self) -> None:
        """Count one strike."""
        if self._left is not None:
            self._left -= 1


class FaultPlan:
    """The faults that are planned, in order; at most one strikes a call, the earliest planned."""

    def __init__(self) -> None:
        self.injected: Counter[tuple[str, str]] = Counter()
        """How often each kind really struck each call, as (call, kind)."""

        self._faults: list[Fault] = []

    def plan(
        self,
        call: str,
        kind: str,
        *,
        times: int | None = 1,
        after: int = 0,
        probability: float = 1.0,
        seed: int = 0,
        **details: Any,
    ) -> Fault:
        """Plan one fault.

        Args:
            call: create, get, list, download or any.
            kind: a name out of `KINDS`.
            times: how often it strikes at most; None: for ever.
            after: how many calls pass untouched first.
            probability: of each call after those to be struck, 0–1.
            seed: of the chance.
            details: the kind's own parameters.

        Raises:
            ValueError: an unknown call, kind or parameter, or one out of its bounds.
        """
        _check(call, kind, details)
        if (times is not None and times < 0) or after < 0 or not 0 <= probability <= 1:
            raise ValueError("times and after are not negative, probability is within 0 and 1")
        fault = Fault(call, kind, details, times=times, after=after, probability=probability, seed=seed)
        self._faults.append(fault)
        return fault

    def draw(self, call: str) -> Fault | None:
        """The fault that strikes this call, if any; every fitting fault sees the call."""
        striking = [fault for fault in self._faults if fault.fits(call) and fault.strikes()]
        if not striking:
            return None
        striking[0].spend()
        return striking[0]

    def clear(self) -> None:
        """Forget every plan; what was injected stays counted."""
        self._faults.clear()


def _check(call: str, kind: str, details: Mapping[str, Any]) -> None:
    if kind not in KINDS:
        raise ValueError(f"no fault is called {kind!r}; there are {', '.join(KINDS)}")
    known = KINDS[kind]
    if call != "any" and call not in known.calls:
        raise ValueError(f"{kind} cannot strike {call!r}, only {', '.join(sorted(known.calls))}")
    if unknown := sorted(set(details) - set(known.details)):
        raise ValueError(f"{kind} has no {unknown[0]!r}; it takes {', '.join(known.details) or 'nothing'}")
    for name, value in details.items():
        if name in NUMBERS and value is not None and not (_is_number(value) and value >= 0):
            raise ValueError(f"{kind}'s {name} must be a number from 0 on, not {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_WRONG: tuple[Any, ...] = (None, True, -1, 0.5, 10**30, "", "text", [], [1], {}, {"a": 1})
_DELETED = object()


def mutate(payload: Any, chance: random.Random) -> Any:
    """A copy of a JSON value with one place deleted or of another type."""
    path = chance.choice(_paths(payload))
    wrong = chance.choice((_DELETED, *_WRONG))
    return _replaced(payload, path, wrong)


def replace(payload: Any, field: str, value: Any) -> Any:
    """A copy with the value at a dotted path exchanged, `data.task_result.videos.0.url` for one.

    Raises:
        LookupError: the payload has no such place.
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
