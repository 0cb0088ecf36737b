"""`kling-async account`: the account's resource packs, and what is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.output import put, put_json, shown
from kling_async.cli.running import run
from kling_async.cli.tables import aligned

if TYPE_CHECKING:
    from datetime import datetime

    from kling_async.schema.account import Account, ResourcePack


@click.command(short_help="Shows the account's packs and what is left of them.")
@options.base_url_option
@options.json_option
def account(base_url: str | None, *, as_json: bool) -> None:
    """Shows the packs that the account bought in the last year, and the units that are left. Costs nothing.

    The service counts with a delay, and answers about once a second.

    \b
    kling-async account
    kling-async account --json
    """  # noqa: D301 - click's mark for lines that shall not be joined

    async def work() -> Account:
        async with options.opened("asking for the account's packs", base_url) as (kling, _):
            return await kling.account()

    with reporting(as_json=as_json):
        found = run(work())
        if as_json:
            put_json({"remaining": found.remaining, "packs": [_document(pack) for pack in found.packs]})
            return
        if not found.packs:
            put("the account has no resource packs")
            return
        for line in aligned([("PACK", "STATUS", "LEFT", "OF", "UNTIL"), *map(_cells, found.packs)]):
            put(line)
        put(f"left in packs that can be used: {found.remaining:g} units")


def _cells(pack: ResourcePack) -> tuple[str, ...]:
    until = "-" if pack.expires_at is None else f"{pack.expires_at:%Y-%m-%d}"
    name, status = shown(pack.name or pack.pack_id or "-"), shown(pack.status or "-")
    return name, status, _units(pack.remaining), _units(pack.total), until


def _units(number: float | None) -> str:
    return "-" if number is None else f"{number:g}"


def _document(pack: ResourcePack) -> dict[str, Any]:
    return {
        "name": pack.name,
        "id": pack.pack_id,
        "kind": pack.kind,
        "status": pack.status,
        "total": pack.total,
        "remaining": pack.remaining,
        "purchased_at": _iso(pack.purchased_at),
        "effective_at": _iso(pack.effective_at),
        "expires_at": _iso(pack.expires_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
