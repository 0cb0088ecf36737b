"""What can be set on an emulator: its keys and how its service behaves.

Every setting is checked when it is given and when it is changed. All but `clock` may be changed while the emulator
runs; what depends on them reads them anew each time.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from kling_async.emulator.service.habits import Habits
from kling_async.emulator.service.states import Advance, ByPolls
from kling_async.emulator.videos.pictures import is_web_url

ListOrder = Literal["newest", "oldest", "random"]
LIST_ORDERS: tuple[ListOrder, ...] = ("newest", "oldest", "random")
RepeatedIds = Literal["refuse", "accept"]
REPEATED_IDS: tuple[RepeatedIds, ...] = ("refuse", "accept")
Capacity = int | Mapping[str, int] | None
FailWhen = Callable[[Mapping[str, Any]], str | None]
"""Given a create's body, says why its task is to fail, or None."""

LIMITED_KINDS = ("video", "image", "audio")
DUPLICATE = "External_task_id {external_id} already exists"

SHORTEST_SECRET = 32
"""Bytes that HS256 needs."""


def _long_enough(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if len(value.encode()) < SHORTEST_SECRET:
        raise ValueError(f"{attribute.name} must have at least {SHORTEST_SECRET} bytes")


def _count(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if type(value) is not int or value < 0:
        raise ValueError(f"{attribute.name} must be a whole number from 0 on, not {value!r}")


def _capacity(_: object, attribute: "attrs.Attribute[Capacity]", value: object) -> None:
    if isinstance(value, Mapping):
        if unknown := sorted(set(value) - set(LIMITED_KINDS)):
            raise ValueError(f"{attribute.name} knows no {unknown[0]!r}, only {', '.join(LIMITED_KINDS)}")
        for one in value.values():
            _count(None, attribute, one)
    elif value is not None:
        _count(None, attribute, value)


def _one_of(*allowed: str) -> Callable[[object, "attrs.Attribute[Any]", object], None]:
    def check(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value not in allowed:
            raise ValueError(f"{attribute.name} must be one of {', '.join(allowed)}, not {value!r}")

    return check


def _web_address(_: object, attribute: "attrs.Attribute[str | None]", value: str | None) -> None:
    if value is not None and not is_web_url(value):
        raise ValueError(f"{attribute.name} must be an http(s) URL, not {value!r}")


def _without_slash(value: str | None) -> str | None:
    return None if value is None else value.rstrip("/")


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
class Settings(Keys, Habits):
    """How the service behaves."""

    advance: Advance = attrs.field(factory=ByPolls)
    """How tasks created from now on move: `AtOnce()`, `ByPolls(processing, ended)` or `ByClock(seconds)`."""

    capacity: Capacity = attrs.field(default=None, validator=_capacity)
    """Slots above which a create is refused with 1303, strangers' included; a number is for videos, a mapping has limits
    for "video", "image" and "audio"; None: no limit."""

    strangers: int = attrs.field(default=0, validator=_count, init=False)
    """Slots for videos that somebody else's tasks hold."""

    list_order: ListOrder = attrs.field(default="newest", validator=_one_of(*LIST_ORDERS))
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

    public_url: str | None = attrs.field(default=None, validator=_web_address, converter=_without_slash)
    """Address by which others reach the emulator, if it is not `url`: results point there."""

    files_url: str | None = attrs.field(default=None, validator=_web_address, converter=_without_slash)
    """Address at which results point, if it is neither of the two."""

    repeated_ids: RepeatedIds = attrs.field(default="refuse", validator=_one_of(*REPEATED_IDS))
    """What happens to a second create under one external id; "accept" makes a second task, and queries find the newer."""

    duplicate_message: str | None = DUPLICATE
    """The wording of the refusal of a repeated id, `{external_id}` in it; None: the answer has no message."""

    duplicate_code: int = 1201
    duplicate_http: int | None = None
    """HTTP status of that refusal; None: the code's own."""

    url: str = attrs.field(default="", init=False)
    """Address on which the emulator listens, without a slash at the end; empty until it does."""

    failures: deque[str] = attrs.field(factory=deque, init=False)
    """Why the next created tasks will fail, one for each."""

    @property
    def files_address(self) -> str:
        """Where results point, without a slash at the end."""
        return self.files_url or self.public_url or self.url

    def fail_next(self, message: str, *, times: int = 1) -> None:
        """Makes the next created tasks end as failed.

        Args:
            message: Their `task_status_msg`.
            times: How many tasks, from 0 on.
        """
        self.failures.extend([message] * times)
