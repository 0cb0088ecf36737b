"""A local emulator of the Kling service: the API reference's rules, its answers, and its trouble.

An island: it imports nothing from the rest of the package and states every rule a second time. The
names load when they are first asked for, so that importing this costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kling_async.emulator.server import Emulator
    from kling_async.emulator.service.callbacks import CallbackHabits
    from kling_async.emulator.service.states import AtOnce, ByClock, ByPolls

__all__ = ["AtOnce", "ByClock", "ByPolls", "CallbackHabits", "Emulator"]

_HOMES = {
    "AtOnce": "service.states",
    "ByClock": "service.states",
    "ByPolls": "service.states",
    "CallbackHabits": "service.callbacks",
    "Emulator": "server",
}


def __getattr__(name: str) -> Any:
    """Loads a public name from its module, once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
