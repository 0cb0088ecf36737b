"""What the first signal does to many jobs: nothing new is sent, and what runs is waited for.

Promises: what was never sent, what may have been created and what goes on is told soon after the signal, so that it is
told even if the process is killed before the second one.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click
from attrs import define

from kling_async.cli.following import Following
from kling_async.errors import KlingError

if TYPE_CHECKING:
    from kling_async.client import KlingClient

TELL_AFTER: Final = 0.2
"""Seconds after which the jobs are told of: by then those that waited for a slot have ended."""


@define(eq=False)
class Draining:
    """The first signal of one command; give it to `running.run` as `drain`."""

    following: Following
    """The command's jobs."""

    kling: KlingClient | None = None
    """The client, once it is open; until then a signal ends the command."""

    put: Callable[[str], None] = lambda line: click.echo(line, err=True)
    """Shows a line on stderr."""

    by: signal.Signals | None = None
    """The signal; None if there was none."""

    def __call__(self, number: signal.Signals) -> bool:
        """Sends nothing new from now on; returns False if there is nothing to wait for yet."""
        if self.kling is None:
            return False
        self.by = number
        self.kling.slots.stop(KlingError("interrupted"))
        asyncio.get_running_loop().call_later(TELL_AFTER, self._tell)
        return True

    @property
    def left_by(self) -> signal.Signals | None:
        """The signal after which jobs were left unsent or unfinished; None if none was."""
        return None if self.following.is_whole else self.by

    def _tell(self) -> None:
        if self.by is not None and self.following.is_anything_left:
            self.following.tell_draining(self.by.name, self.put)
