"""The journal's file: SQLite in WAL mode with full sync, one thread that writes, commits in groups.

Promises: a write that was awaited is on the disk; writes that wait at the same moment share one commit; the file is its
owner's alone (mode 0600); one process at a time has it. A file that is locked, damaged, of a newer version or of another
account is a `JournalError`, never a fresh start.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from kling_async.errors import JournalError

VERSION: Final = 1
"""The file's format; a newer one is refused."""

_HEADER: Final = 100
"""Bytes of a database's header; a file that is shorter, and not empty, is none."""

GROUP: Final = 2000
"""At most so many writes share a commit."""

_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE jobs (
    key TEXT PRIMARY KEY,
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    sent_at REAL,
    task_id TEXT,
    task TEXT,
    error TEXT,
    file TEXT,
    digest TEXT
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_task ON jobs (task_id);
"""

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
_Item = tuple[Work, asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Store:
    """One journal file and the thread that has it.

    Args:
        path: The file; made where there is none.
        owner: Whose jobs these are: host and a digest of the key.
    """

    def __init__(self, path: Path, owner: str) -> None:
        self._path = path
        self._owner = owner
        self._items: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Does a piece of work in the file's thread; returns when what it wrote is on the disk.

        Raises:
            JournalError: The file cannot be used, or the disk is full.
        """
        if self._closed:
            raise JournalError(f"the journal {self._path} is closed")
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="kling-journal", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._items.put((work, loop, done))
        return await done

    def close(self) -> None:
        """Writes what waits and lets the file go."""
        self._closed = True
        if self._thread is not None:
            self._items.put(None)
            self._thread.join()
            self._thread = None

    def _serve(self) -> None:
        connection: sqlite3.Connection | JournalError
        try:
            connection = _opened(self._path, self._owner)
        except JournalError as error:
            connection = error
        ending = False
        while not ending:
            items, ending = self._waiting()
            _answer(items, connection, self._path)
        if isinstance(connection, sqlite3.Connection):
            connection.close()

    def _waiting(self) -> tuple[list[_Item], bool]:
        """Everything that waits now, at least one item; and whether the end was among it."""
        items: list[_Item] = []
        item = self._items.get()
        while item is not None:
            items.append(item)
            if len(items) == GROUP:
                return items, False
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                return items, False
        return items, True


def _answer(items: list[_Item], connection: sqlite3.Connection | JournalError, path: Path) -> None:
    """Does the work in one transaction, and tells everyone when it is on the disk."""
    results: list[Any] = []
    try:
        if isinstance(connection, JournalError):
            results = [connection] * len(items)
        else:
            with connection:  # commits, or rolls all of it back
                connection.execute("BEGIN IMMEDIATE")
                results = [work(connection) for work, _, _ in items]
    except sqlite3.Error as error:
        failure = JournalError(f"the journal {path} cannot be written: {error}")
        results = [failure] * len(items)
    except Exception as error:  # noqa: BLE001 - whatever it was, everyone who waits must hear of it
        results = [error] * len(items)
    for (_, loop, done), result in zip(items, results, strict=True):
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, done, result)


def _settle(done: asyncio.Future[Any], result: Any) -> None:
    if done.done():
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)


def _opened(path: Path, owner: str) -> sqlite3.Connection:
    try:
        _make(path)
        connection = sqlite3.connect(path, isolation_level=None, timeout=0.2, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"the journal {path} cannot be opened: {error}") from None
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _version(connection, path)  # before the journal mode, which is written into the file
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _check(connection, path, owner)
    except sqlite3.Error as error:
        connection.close()
        locked = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
        reason = "is in use by another process" if locked else f"is damaged or no journal: {error}"
        raise JournalError(f"the journal {path} {reason}") from None
    except JournalError:
        connection.close()
        raise
    return connection


def _make(path: Path) -> None:
    """Makes the file, its owner's alone, where there is none; SQLite itself would ask the umask.

    An existing file is not opened here: closing any descriptor of it would drop all POSIX locks that this process
    has on it, those of another client's journal included.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if 0 < path.stat().st_size < _HEADER:  # SQLite would begin a new database over a few bytes
            raise JournalError(f"the journal {path} is damaged or no journal: it is cut short") from None


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The format's version, 0 for an empty file; refuses strangers' databases and newer versions."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if tables and (version == 0 or not {"meta", "jobs"} <= tables):
        raise JournalError(f"{path} is another program's database, not a journal")
    if version > VERSION:
        raise JournalError(f"the journal {path} is of version {version}; this library knows {VERSION}")
    return version


def _check(connection: sqlite3.Connection, path: Path, owner: str) -> None:
    """Makes the tables of a new file, and looks whether an old one is ours."""
    connection.execute("BEGIN EXCLUSIVE")
    if _version(connection, path) == 0:
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        meta = [("owner", owner), ("salt", os.urandom(16).hex())]
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    found = connection.execute("SELECT value FROM meta WHERE name = 'owner'").fetchone()
    if found is None or found[0] != owner:
        raise JournalError(f"the journal {path} belongs to another account or host; nothing was sent")
