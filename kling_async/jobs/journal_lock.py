"""The journal's lock: a file beside the journal, locked for as long as the journal is open.

Promises: one process, and in it one client, has a journal; the lock outlives any open and close of the journal and of the
lock's own file in the process; it ends with the process and is not inherited by forked children. The file stays where it
is and remembers that a journal was made, so that a journal that is gone is told from one that never was.
"""

from __future__ import annotations

import contextlib
import errno
import os
import weakref
from pathlib import Path
from typing import Final

from kling_async.errors import JournalError
from kling_async.jobs import system

_MADE: Final = b"Locks the journal beside it, and shows that it was made. Keep the two together.\n"
_BUSY: Final = frozenset({errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN, errno.EDEADLK})


class JournalLock:
    """The lock of one journal.

    Args:
        journal: The journal's real path, without symbolic links.
    """

    def __init__(self, journal: Path) -> None:
        self.path: Path = journal.with_name(f"{journal.name}.lock")
        """The lock's file."""

        self._journal = journal
        self._file: int | None = None

    def acquire(self) -> None:
        """Locks.

        Raises:
            JournalError: Another process or client has the journal, or this system or file system has no locks.
            OSError: The lock's file cannot be opened.
        """
        if (reason := system.lacking("a journal")) is not None:
            raise JournalError(f"the journal {self._journal} cannot be opened: {reason}")
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        file = os.open(self.path, flags, 0o600)
        try:
            system.lock(file)
        except OSError as error:
            os.close(file)
            if error.errno in _BUSY:
                raise JournalError(
                    f"the journal {self._journal} is in use by another process or another client of this one"
                ) from None
            raise JournalError(
                f"the journal {self._journal} cannot be locked on this file system: {error.strerror}"
            ) from None
        self._file = file
        _held.add(self)

    def remembers(self) -> bool:
        """Whether a journal was made beside it."""
        return self._file is not None and os.fstat(self._file).st_size > 0

    def remember(self) -> None:
        """Records that a journal was made; on the disk when this returns.

        Raises:
            OSError: It cannot be written.
        """
        if self._file is not None and not self.remembers():
            os.write(self._file, _MADE)
            os.fsync(self._file)

    def release(self) -> None:
        """Unlocks; the file stays."""
        file, self._file = self._file, None
        _held.discard(self)
        if file is not None:
            with contextlib.suppress(OSError):
                os.close(file)


_held: Final[weakref.WeakSet[JournalLock]] = weakref.WeakSet()


def _release_in_child() -> None:
    """A forked child shares its parent's lock, and would keep it beyond the parent's end."""
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)
