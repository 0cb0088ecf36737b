"""The journal's thread: takes the work that waits, does it in one commit, and answers.

Promises: a write that was awaited is on the disk; work that waits at the same moment shares a commit, and a piece that
fails fails alone; nobody waits for a thread that has ended, or in a forked child for one that is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from kling_async.errors import JournalError
from kling_async.jobs.answers import Item, Work, answer
from kling_async.jobs.journal_file import Disk, JournalFile, trouble

GROUP: Final = 2000
"""At most so many pieces of work share a commit."""

T = TypeVar("T")


class Store:
    """One journal and the thread that has it.

    Args:
        path: The file; made if nothing is there.
        owner: Host and a digest of the account's key; None opens whoever's journal, and makes none.
        adopt: Whether a journal of another key at the same host becomes this key's.
        disk: Where the journal is kept instead of `path`; for a simulation.
        wake: Called when there is work, instead of a thread that does it; whoever is called calls `turn`.
    """

    def __init__(
        self,
        path: Path,
        owner: str | None,
        *,
        adopt: bool = False,
        disk: Disk | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self._path = path
        self._disk = disk or JournalFile(path, owner, adopt=adopt)
        self._wake = wake
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | JournalError | None = None
        self._thread: threading.Thread | None = None
        self._process: int | None = None
        self._over: str | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Does a piece of work on the journal; returns when what it wrote is on the disk.

        Raises:
            JournalError: The journal cannot be used, or the disk is full.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._put(Item(work, loop, done))
        return await done

    def post(self, work: Work, failed: Callable[[Exception], None]) -> None:
        """Has a piece of work done in its turn, without waiting for it.

        Args:
            work: What is done.
            failed: Called, in the journal's thread, with the error if it could not be done.

        Raises:
            JournalError: The journal is closed or cannot be used by this process.
        """
        self._put(Item(work, failed=failed))

    def turn(self) -> None:
        """Takes what waits now, does it in one commit, and answers; does nothing if nothing waits."""
        try:
            first = self._items.get_nowait()
        except queue.Empty:
            return
        self._turn(first)

    def close(self) -> None:
        """Does what waits and lets the journal go."""
        self._over = self._over or f"the journal {self._path} is closed"
        if self._process != os.getpid():
            return  # never used; or in a forked child, whose parent goes on with it
        self._process = None
        self._items.put(None)
        if self._thread is not None:
            self._thread.join()
        else:
            self._serve()

    def _put(self, item: Item) -> None:
        if self._over is not None:
            raise JournalError(self._over)
        if self._process is None:
            self._process = os.getpid()
            self._start()
        if self._process != os.getpid():
            raise JournalError(
                f"the journal {self._path} belongs to the process that opened it, and this one was forked from it:"
                " make a client with another journal in the child"
            )
        self._items.put(item)
        if self._over is not None:
            self._refuse_rest()  # the thread ended between the two, and answers no more
        elif self._wake is not None:
            self._wake()

    def _start(self) -> None:
        if self._wake is not None:
            return
        self._thread = threading.Thread(target=self._serve, name="kling-journal", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._thread = self._process = None
            raise JournalError(f"the journal {self._path} cannot be opened: {error}") from None

    def _serve(self) -> None:
        """Takes turns until the end; however it comes, everyone who waits is told."""
        why = f"the journal {self._path} is closed"
        try:
            while self._turn(self._items.get()):
                pass
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it
            why = f"the journal {self._path} cannot be used any more: its thread ended with {error!r}"
        finally:
            if self._connection is not None and not isinstance(self._connection, JournalError):
                self._disk.close(self._connection)
            self._over = self._over or why
            self._refuse_rest(why)

    def _turn(self, first: Item | None) -> bool:
        """Does what waits, this item first; returns whether more can come."""
        items: list[Item] = []
        item = first
        try:
            while item is not None and len(items) < GROUP - 1:
                items.append(item)
                item = self._items.get_nowait()
        except queue.Empty:
            self._do(items)
            return True
        ended = item is None
        if item is not None:
            items.append(item)
        self._do(items)
        return not ended

    def _do(self, items: list[Item]) -> None:
        if not items:
            return
        try:
            results = self._results([item.work for item in items])
        except BaseException as error:
            answer(items, [self._broken(error)] * len(items))
            raise
        answer(items, results)

    def _broken(self, error: BaseException) -> JournalError:
        return JournalError(
            f"the journal {self._path} cannot be used any more: its thread ended with {error!r}"
        )

    def _refuse_rest(self, why: str | None = None) -> None:
        items: list[Item] = []
        while True:
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                break
            if item is not None:
                items.append(item)
        answer(items, [JournalError(why or str(self._over)) for _ in items])

    def _results(self, works: Sequence[Work]) -> list[Any]:
        if self._connection is None:
            try:
                self._connection = self._disk.open()
            except JournalError as error:
                self._connection = error
        db = self._connection
        if isinstance(db, JournalError):
            return [JournalError(*db.args) for _ in works]
        results = self._together(db, works) if len(works) > 1 else None
        return results or [self._alone(db, work) for work in works]

    def _together(self, db: sqlite3.Connection, works: Sequence[Work]) -> list[Any] | None:
        """Does the work in one commit; None if none of it was kept."""
        results = []
        try:
            db.execute("BEGIN IMMEDIATE")
            for work in works:
                results.append(self._in_savepoint(db, work))
                if not db.in_transaction:
                    return None  # SQLite took all of it back
            db.execute("COMMIT")
        except sqlite3.Error:
            _take_back(db)
            return None
        return results

    def _in_savepoint(self, db: sqlite3.Connection, work: Work) -> Any:
        db.execute("SAVEPOINT piece")
        try:
            result = work(db)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is this caller's alone
            if db.in_transaction:
                db.execute("ROLLBACK TO piece")
                db.execute("RELEASE piece")
            return self._told(error)
        db.execute("RELEASE piece")
        return result

    def _alone(self, db: sqlite3.Connection, work: Work) -> Any:
        try:
            db.execute("BEGIN IMMEDIATE")
            result = work(db)
            db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it was, it is this caller's alone
            _take_back(db)
            return self._told(error)
        return result

    def _told(self, error: Exception) -> Exception:
        return trouble(self._path, error, "written") if isinstance(error, sqlite3.Error) else error


def _take_back(db: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):  # the next piece of work hears of it
        if db.in_transaction:
            db.execute("ROLLBACK")
