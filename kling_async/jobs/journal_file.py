"""The journal's file on the disk: locked, made whole, and checked before it is used.

Promises: a journal begins only at a path at which nothing is: no file, no side file of SQLite, no lock that remembers one.
It is written under another name, synced, and renamed, so that it is whole from its first moment. What a commit has
acknowledged is in the main file: SQLite keeps a rollback journal (`-journal`) and no write-ahead log, so that a lost or
emptied side file loses nothing, and a copy of the main file alone, taken between commits, is a whole journal. A side file
that is lost in the middle of a commit is found by the check of the structure.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from kling_async.errors import JournalError
from kling_async.jobs import journal_schema
from kling_async.jobs.journal_lock import JournalLock

_HEADER: Final = 100
_MAGIC: Final = b"SQLite format 3\0"
_ROLLBACK: Final = b"\x01\x01"
_SIDE_FILES: Final = ("-journal", "-wal", "-shm")

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_READ_ONLY: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})


class Disk(Protocol):
    """Where a store keeps its journal; a simulation brings its own."""

    def open(self) -> sqlite3.Connection:
        """Locks, makes or checks the journal, and connects to it.

        Raises:
            JournalError: It cannot be used.
        """
        ...

    def close(self, connection: sqlite3.Connection) -> None:
        """Closes the connection and unlocks."""
        ...


class JournalFile:
    """A journal in a file.

    Args:
        path: The file; made if nothing is there.
        owner: Host and a digest of the account's key; None opens whoever's journal, and makes none.
        adopt: Whether a journal of another key at the same host becomes this key's.
        clock: Wall-clock time in unix seconds, recorded with an adoption; called in the journal's thread.
        connect: Connects to a database by its path; for tests.
    """

    def __init__(
        self,
        path: Path,
        owner: str | None,
        *,
        adopt: bool,
        clock: Callable[[], float] = time.time,
        connect: Callable[[Path], sqlite3.Connection] | None = None,
    ) -> None:
        self._path = Path(os.path.realpath(path))  # two spellings of one path share a lock
        self._owner = owner
        self._adopt = adopt
        self._clock = clock
        self._connect = connect or connect_exclusively
        self._lock = JournalLock(self._path)

    def open(self) -> sqlite3.Connection:
        """Locks, makes or checks the journal, and connects to it.

        Raises:
            JournalError: It cannot be used.
        """
        try:
            self._check_place()
            self._lock.acquire()
            if not self._exists():
                self._make()
            self._check_header()
            self._lock.remember()
            connection = self._connected()
        except BaseException as error:
            self._lock.release()
            if isinstance(error, Exception):  # whatever a damaged file provokes
                raise trouble(self._path, error, "opened") from None
            raise
        return connection

    def close(self, connection: sqlite3.Connection) -> None:
        """Closes the connection and unlocks."""
        try:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        finally:
            self._lock.release()

    def _check_place(self) -> None:
        if self._path.is_dir():
            raise JournalError(f"the journal {self._path} cannot be opened: it is a folder")
        if not self._path.parent.is_dir():
            raise JournalError(
                f"the journal {self._path} cannot be opened: the folder {self._path.parent} does not exist"
            )
        for path in (self._path, self._path.parent):
            if (
                path.exists() and not path.stat().st_mode & 0o222
            ):  # root could write it, against its owner's wish
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    def _exists(self) -> bool:
        """Whether there is a journal; False only if there never was one."""
        if os.path.lexists(self._path):
            return True
        left = [side for side in map(self._side, _SIDE_FILES) if side.exists()]
        if self._lock.remembers():
            left.append(self._lock.path)
        if left:
            raise JournalError(
                f"the journal {self._path} is gone, but {left[0]} shows that there was one; put it back, or delete"
                " that file too if its jobs are to be forgotten and paid for again"
            )
        return False

    def _make(self) -> None:
        if self._owner is None:
            raise JournalError(f"there is no journal {self._path}")
        new = self._side(".new")  # what a killed process left of a journal that was never used is made anew
        for left in (new, *(new.with_name(f"{new.name}{side}") for side in _SIDE_FILES)):
            left.unlink(missing_ok=True)
        os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))  # SQLite would ask the umask
        connection = self._connect(new)
        try:
            _configure(connection)
            journal_schema.make(connection, self._owner, os.urandom(16))
        finally:
            connection.close()
        _sync(new)
        new.rename(self._path)
        _sync(self._path.parent)

    def _check_header(self) -> None:
        """Refuses what SQLite would take for a new database, change, or take for somebody else's."""
        with self._path.open("r+b") as file:  # SQLite itself would go on read-only
            head = file.read(_HEADER)
        if len(head) < _HEADER:
            raise self._damaged("it is empty" if not head else "it is cut short")
        if not head.startswith(_MAGIC):
            raise self._damaged("it is not a database")
        version, application = struct.unpack(">60xi4xi28x", head)
        if application != journal_schema.APPLICATION:
            if version == 1 and self._has_tables_of_version_1():
                raise self._version(version)
            raise JournalError(f"{self._path} is another program's database, not a journal, or it is damaged")
        if version != journal_schema.VERSION:
            raise self._version(version)
        wal = self._side("-wal")
        if head[18:20] != _ROLLBACK or (wal.exists() and wal.stat().st_size > 0):
            raise self._damaged("it, or a file beside it, was written by another program")
        wal.unlink(missing_ok=True)

    def _has_tables_of_version_1(self) -> bool:
        return b"CREATE TABLE meta (name TEXT PRIMARY KEY" in self._path.read_bytes()[:65536]

    def _connected(self) -> sqlite3.Connection:
        connection = self._connect(self._path)
        try:
            _configure(connection)
            journal_schema.check(connection, self._path, self._owner, adopt=self._adopt, clock=self._clock)
        except BaseException:
            connection.close()
            raise
        return connection

    def _side(self, suffix: str) -> Path:
        return self._path.with_name(f"{self._path.name}{suffix}")

    def _damaged(self, reason: str) -> JournalError:
        return JournalError(f"the journal {self._path} is damaged or no journal: {reason}; nothing was sent")

    def _version(self, version: int) -> JournalError:
        known = journal_schema.VERSION
        if version > known:
            writer = "a newer release of this library has written it: use that release"
        else:
            writer = "no release has written it, so nothing converts it: finish its jobs with what wrote it"
        return JournalError(
            f"the journal {self._path} is of version {version}, and this library knows {known}; {writer}. The file was"
            " not changed, nothing was sent"
        )


def connect_exclusively(path: Path) -> sqlite3.Connection:
    """Connects to a database; transactions are the caller's own to begin and end."""
    return sqlite3.connect(path, isolation_level=None, timeout=0.2, check_same_thread=False)


def trouble(path: Path, error: Exception, done: str) -> JournalError:
    """What is wrong with a journal, in a text that tells a full disk from a read-only, a damaged and a lost file.

    Args:
        path: The journal.
        error: What came out.
        done: What could not be done: "opened" or "written".
    """
    if isinstance(error, JournalError):
        return error
    code = getattr(error, "sqlite_errorcode", None)
    basic = None if code is None else code & 0xFF
    number = getattr(error, "errno", None)
    if basic == sqlite3.SQLITE_FULL or number in _FULL:
        reason = "the disk is full"
    elif basic in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM} or number in _READ_ONLY:
        reason = "the file or its folder is read-only for this user"
    elif basic in _DAMAGED:
        return JournalError(f"the journal {path} is damaged or no journal: {error}; nothing was sent")
    elif basic in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return JournalError(f"the journal {path} is in use by another process")
    else:
        reason = str(error)
    return JournalError(f"the journal {path} cannot be {done}: {reason}")


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA trusted_schema = OFF")


def _sync(path: Path) -> None:
    """Syncs a file, or the folder that a file was renamed in."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
