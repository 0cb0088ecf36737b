"""Trouble, planned: which fault strikes which call, how often and from when on.

Pure: decides. Chance is seeded, so that a run can be repeated.
"""

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs
from typing_extensions import override

from kling_async.emulator.trouble.kind import Kind
from kling_async.emulator.trouble.kinds import KINDS

NUMBERS = frozenset({"at", "by", "code", "http", "megabytes", "seconds"})
"""Parameters that are numbers from 0 on."""


class Fault:
    """One planned fault; see `FaultPlan.fault`."""

    def __init__(
        self,
        call: str,
        kind: Kind,
        details: Mapping[str, Any],
        *,
        times: int | None,
        after: int,
        probability: float,
        seed: int,
    ) -> None:
        self.call = call
        self.kind = kind
        self.details: dict[str, Any] = {**kind.details, **details}
        self.random: random.Random = random.Random(seed)
        self._left = times
        self._after = after
        self._probability = probability

    @override
    def __repr__(self) -> str:
        left = "without limit" if self._left is None else f"{self._left} more"
        return f"<Fault {self.kind.name} on {self.call}, {left}>"

    def fits(self, call: str) -> bool:
        """Whether the fault is meant for such a call."""
        return self.call in {call, "any"} and call in self.kind.calls

    def strikes(self) -> bool:
        """Whether it strikes now; each question is one call that it saw."""
        if self._after > 0:
            self._after -= 1
            return False
        return self._left != 0 and self.random.random() < self._probability

    def spend(self) -> None:
        """Counts one strike."""
        if self._left is not None:
            self._left -= 1


@attrs.define(kw_only=True, eq=False, slots=False)
class FaultPlan:
    """The faults that are planned, in order; at most one strikes a call, the earliest planned."""

    injected: Counter[tuple[str, str]] = attrs.field(factory=Counter, init=False)
    """How often each kind really struck each call, as (call, kind)."""

    _faults: list[Fault] = attrs.field(factory=list, init=False)

    def fault(
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
        """Plans one fault.

        Args:
            call: create, get, list, download, call (synchronous), other (what the service does not have) or any.
            kind: A name in `kling_async.emulator.trouble.kinds.KINDS`.
            times: How often it strikes at most; None: without limit.
            after: How many calls pass untouched first.
            probability: Of each call after those to be struck, 0–1.
            seed: Seed of the chance.
            details: The kind's own parameters; `KINDS` lists them.

        Raises:
            ValueError: An unknown call, kind or parameter, or one out of its bounds.
        """
        _check(call, kind, details)
        if (times is not None and times < 0) or after < 0 or not 0 <= probability <= 1:
            raise ValueError("times and after are not negative, probability is within 0 and 1")
        fault = Fault(
            call, KINDS[kind], details, times=times, after=after, probability=probability, seed=seed
        )
        self._faults.append(fault)
        return fault

    def draw(self, call: str) -> Fault | None:
        """Returns the fault that strikes this call, if any; every fitting fault sees the call."""
        striking = [fault for fault in self._faults if fault.fits(call) and fault.strikes()]
        if not striking:
            return None
        striking[0].spend()
        return striking[0]

    def clear_faults(self) -> None:
        """Removes every planned fault; what was injected stays counted."""
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
