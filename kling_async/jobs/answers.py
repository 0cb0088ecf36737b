"""Pieces of work for the journal's thread, and how whoever asked for one hears of its end.

Promises: nobody is told twice, a loop that is gone is not an error, and the waiters of one loop are woken together.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from attrs import frozen

Work: TypeAlias = Callable[[sqlite3.Connection], Any]
"""A piece of work in the journal's thread; done once more, in a commit of its own, if its group's commit failed."""


@frozen(eq=False)
class Item:
    """A piece of work and whoever asked for it."""

    work: Work
    """What is done."""

    loop: asyncio.AbstractEventLoop | None = None
    """The loop of whoever waits for it; None if nobody does."""

    done: asyncio.Future[Any] | None = None
    """What they wait for."""

    failed: Callable[[Exception], None] | None = None
    """Called with the error if nobody waits."""


def answer(items: Sequence[Item], results: Sequence[Any]) -> None:
    """Tells everyone; the waiters of one loop are woken together."""
    waiters: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for item, result in zip(items, results, strict=True):
        if item.loop is not None and item.done is not None:
            waiters.setdefault(item.loop, []).append((item.done, result))
        elif item.failed is not None and isinstance(result, Exception):
            item.failed(result)
    for loop, settled in waiters.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed, and nobody waits any more
            loop.call_soon_threadsafe(_settle, settled)


def _settle(settled: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for done, result in settled:
        if done.done():
            continue
        if isinstance(result, Exception):
            done.set_exception(result)
        else:
            done.set_result(result)
