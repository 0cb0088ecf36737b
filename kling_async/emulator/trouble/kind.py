"""What a kind of trouble is; each is declared once, at the function that carries it out."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from kling_async.emulator.trouble.incident import Handler

CALLS = ("create", "get", "list", "download")
SYNCHRONOUS = "call"
"""The synchronous calls of the family; no part of `CALLS`, since they have nothing to do with tasks."""

NOWHERE = "other"
"""Calls of what the service does not have."""

API = frozenset({"create", "get", "list", SYNCHRONOUS, NOWHERE})
"""The calls that are answered with an envelope."""

ALL = frozenset({*CALLS, SYNCHRONOUS, NOWHERE})
CREATE = frozenset({"create"})


@attrs.frozen
class Kind:
    """A kind of trouble."""

    name: str
    handler: Handler
    calls: frozenset[str] = ALL
    """The calls that it can strike."""

    details: Mapping[str, Any] = attrs.field(factory=dict)
    """Its parameters with their defaults."""

    @property
    def does(self) -> str:
        """What it does, in words."""
        return " ".join((self.handler.__doc__ or "").split())


class Kinds(dict[str, Kind]):
    """Kinds by their names, in the order in which they were declared."""

    def declare(self, name: str, calls: frozenset[str] = ALL, **details: Any) -> Callable[[Handler], Handler]:
        """Declares the function below as the handler of a kind.

        Args:
            name: The kind's name.
            calls: The calls that it can strike.
            details: Its parameters with their defaults.
        """

        def declared(handler: Handler) -> Handler:
            self[name] = Kind(name, handler, calls, details)
            return handler

        return declared
