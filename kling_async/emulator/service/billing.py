"""What a task costs, and the account's resource pack. The prices are made up; the arithmetic is not. Pure."""

from collections.abc import Iterable
from typing import Any

from kling_async.emulator.service.states import Status, Task

PACK_UNITS = 10_000.0
"""Units of the account's one resource pack when it was bought."""

PACK_DAYS = 90
_DAY_MS = 24 * 60 * 60 * 1000
_PER_FIVE_SECONDS = {"std": 2.0, "pro": 3.5, "4k": 7.0}


def units(task: Task) -> float:
    """What a task costs if it succeeds: failures are not billed."""
    if task.product.kind == "video":
        price = _PER_FIVE_SECONDS.get(str(task.body.get("mode", "std")), 2.0)
        return round(price * task.seconds / 5, 2)
    return float(task.slots)


def deduction(task: Task) -> str:
    """The units as the service writes them, as text."""
    return f"{units(task):g}"


def costs(tasks: Iterable[Task], now_ms: int) -> dict[str, Any]:
    """Returns the `data` of the account's costs: wrapped a second time, as the service has it."""
    spent = sum(units(task) for task in tasks if task.status is Status.SUCCEED)
    pack = {
        "resource_pack_name": "Emulator pack",
        "resource_pack_id": "emulator-pack-1",
        "resource_pack_type": "decreasing_total",
        "total_quantity": PACK_UNITS,
        "remaining_quantity": max(0.0, PACK_UNITS - spent),
        "purchase_time": now_ms - _DAY_MS,
        "effective_time": now_ms - _DAY_MS,
        "invalid_time": now_ms + PACK_DAYS * _DAY_MS,
        "status": "online",
    }
    return {"code": 0, "msg": "SUCC", "resource_pack_subscribe_infos": [pack]}
