"""What can be set on an emulator: its keys and how its service behaves.

Every setting is checked when it is given and when it is changed. All but the keys' lengths and `clock` may be changed
while the emulator runs; what depends on them reads them anew each time.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from kling_async.emulator.service.states import Advance, ByPolls

ListOrder = Literal["newest", "oldest", "random"]
LIST_ORDERS: tuple[ListOrder, ...] = ("newest", "oldest", "random")
FailWhen = Callable[[Mapping[str, Any]], str | None]
"""Given a create's body, says why its task is to fail, or None."""

SHORTEST_SECRET = 32
"""Bytes that HS256 needs."""


def _long_enough(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if len(value.encode()) < SHORTEST_SECRET:
        raise ValueError(f"{attribute.name} must have at least {SHORTEST_SECRET} bytes")


def _count(_: object, attribute: "attrs.Attribute[int]", value: object) -> None:
    if type(value) is not int or value < 0:
        raise ValueError(f"{attribute.name} must be a whole number from 0 on, not {value!r}")


def _list_order(_: object, attribute: "attrs.Attribute[ListOrder]", value: object) -> None:
    if value not in LIST_ORDERS:
        raise ValueError(f"{attribute.name} must be one of {', '.join(LIST_ORDERS)}, not {value!r}")


@attrs.define(kw_only=True, eq=False, slots=False)
class Keys:
    """An account's credentials; by default they are invented."""

    access_key: str = attrs.field(factory=lambda: secrets.token_hex(16))
    """The issuer of the tokens."""

    secret_key: str = attrs.field(factory=lambda: secrets.token_hex(32), repr=False, validator=_long_enough)
    """Signs the tokens; at least 32 bytes."""

    api_key: str = attrs.field(factory=lambda: f"api-key-kling-{secrets.token_hex(16)}", repr=False)
    """The static bearer, which is accepted as well."""


@attrs.define(kw_only=True, eq=False, slots=False)
class Settings(Keys):
    """How the service behaves."""

    advance: Advance = attrs.field(factory=ByPolls)
    """How tasks created from now on move: `AtOnce()`, `ByPolls(processing, ended)` or `ByClock(seconds)`."""

    capacity: int | None = attrs.field(default=None, validator=attrs.validators.optional(_count))
    """Tasks in flight, strangers' included, above which a create is refused with 1303; None: no limit."""

    strangers: int = attrs.field(default=0, validator=_count, init=False)
    """Slots that somebody else's tasks hold."""

    list_order: ListOrder = attrs.field(default="newest", validator=_list_order)
    """The list's order, which the service documents nowhere: newest, oldest or random (anew for each page)."""

    capabilities: bool = True
    """Whether the capability map is enforced."""

    render: bool = True
    """Whether results are rendered; otherwise all are one small fixed file."""

    fail_when: FailWhen | None = None
    """Given a create's body, says why its task is to fail, or None."""

    clock: Callable[[], float] = time.time
    """Seconds since the epoch: what tokens, timestamps and the `Date` header go by."""

    date_header: str | None = attrs.field(default="clock", init=False)
    """The `Date` of every answer: "clock" for `clock`'s time, other text as it is, None for no header."""

    url: str = attrs.field(default="", init=False)
    """Address on which the emulator listens, without a slash at the end; empty until it does."""

    failures: deque[str] = attrs.field(factory=deque, init=False)
    """Why the next created tasks will fail, one for each."""

    def fail_next(self, message: str, *, times: int = 1) -> None:
        """Makes the next created tasks end as failed.

        Args:
            message: Their `task_status_msg`.
            times: How many tasks, from 0 on.
        """
        self.failures.extend([message] * times)
