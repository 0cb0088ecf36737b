"""The service calls back: whether a callback is genuine, what it tells, and a receiver that has the task polled.

The receiver loads when it is asked for: whoever only verifies does not pay for aiohttp.
"""

from typing import TYPE_CHECKING, Any

from kling_async.callbacks.payload import read_callback
from kling_async.callbacks.signature import verify_signature

if TYPE_CHECKING:
    from kling_async.callbacks.receiver import CallbackReceiver

__all__ = ["CallbackReceiver", "read_callback", "verify_signature"]


def __getattr__(name: str) -> Any:
    if name != "CallbackReceiver":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kling_async.callbacks.receiver import CallbackReceiver  # noqa: PLC0415 - see above

    return CallbackReceiver
