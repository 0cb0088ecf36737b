"""The account's resource packs and what is left of them, as `GET /account/costs` tells it.

Promises: no I/O; the answer is read tolerantly, as a task is: what is missing or of another type is None, and each mapping
as received is kept in `raw`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import field, frozen

from kling_async.errors import MalformedResponseError, error_class
from kling_async.schema import rules
from kling_async.schema.wire import Envelope

COSTS_PATH: Final = "/account/costs"
"""The one path of the service that has no version in front."""


@frozen
class ResourcePack:
    """One pack that the account bought."""

    name: str
    """Its name; "" if the answer has none."""

    pack_id: str
    """Its id; "" if the answer has none."""

    kind: str
    """How it is used up, such as `decreasing_total`; "" if the answer does not tell."""

    status: str
    """Whether it can be used, in the service's words: `online`, `expired`, `runOut`, `toBeOnline`, …"""

    total: float | None
    """Units when it was bought."""

    remaining: float | None
    """Units that are left; the service counts with a delay."""

    purchased_at: datetime | None
    """When it was bought (UTC)."""

    effective_at: datetime | None
    """From when on it can be used (UTC)."""

    expires_at: datetime | None
    """Until when it can be used (UTC)."""

    raw: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)
    """The mapping as received."""

    @property
    def is_usable(self) -> bool:
        """Whether the service says that the pack can be used now."""
        return self.status.lower() == "online"


@frozen
class Account:
    """What an account has bought, and what is left."""

    packs: tuple[ResourcePack, ...] = ()
    """Its packs, in the service's order; empty if there are none, as for an account that pays by other means."""

    @property
    def remaining(self) -> float:
        """Units that are left in all packs that can be used now; 0 if there are none."""
        return sum(pack.remaining or 0.0 for pack in self.packs if pack.is_usable)


def costs_query(days: float, now: float) -> dict[str, str]:
    """The parameters of the query.

    Args:
        days: How far back to ask, 1 to 3650.
        now: Wall-clock time in unix seconds.

    Raises:
        ValidationError: `days` is not such a number.
    """
    rules.raise_any([*rules.required("days", days), *rules.number("days", days, 1, 3650)])
    return {"start_time": str(int(1000 * (now - days * 86_400))), "end_time": str(int(1000 * now))}


def read_account(envelope: Envelope) -> Account:
    """Reads the answer, which is wrapped a second time.

    Raises:
        APIError: The inner code is not 0.
        MalformedResponseError: It is not an object, or its packs are no list of objects.
    """
    data = envelope.data
    if not isinstance(data, Mapping):
        raise MalformedResponseError("the account is not an object", http_status=envelope.http_status)
    code, message = data.get("code"), data.get("msg")
    if isinstance(code, int) and not isinstance(code, bool) and code != 0:
        text = message if isinstance(message, str) else ""
        kind = error_class(code, envelope.http_status, text, creating=False)
        raise kind(code, text, http_status=envelope.http_status, request_id=envelope.request_id)
    rows = data.get("resource_pack_subscribe_infos")
    if rows is None:
        return Account()
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise MalformedResponseError("the account's packs are no list", http_status=envelope.http_status)
    return Account(tuple(map(_pack, rows)))


def _pack(row: Mapping[str, Any]) -> ResourcePack:
    def text(name: str) -> str:
        value = row.get(name)
        return "" if value is None or isinstance(value, list | dict) else str(value)

    return ResourcePack(
        name=text("resource_pack_name"),
        pack_id=text("resource_pack_id"),
        kind=text("resource_pack_type"),
        status=text("status"),
        total=_number(row.get("total_quantity")),
        remaining=_number(row.get("remaining_quantity")),
        purchased_at=_moment(row.get("purchase_time")),
        effective_at=_moment(row.get("effective_time")),
        expires_at=_moment(row.get("invalid_time")),
        raw=row,
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _moment(value: object) -> datetime | None:
    """Reads unix milliseconds, given as number or text."""
    milliseconds = _number(value)
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
