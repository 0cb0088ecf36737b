"""Files that others can plant traps for: opened without following links, ours alone, and locked.

Promises: what is opened is a regular file of this user's with one name, is locked (flock) until it is closed, and stands at
the path that it was opened by. What else stands there is removed, never written to. A lock goes with its process.

On file systems without locks nothing is locked; systems without them are refused before this is used.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from kling_async.jobs import system

_TRIES: Final = 10  # how often a name is opened anew that somebody else changes at the same time
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
_FLAGS: Final = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe that was planted would be waited for
    | getattr(os, "O_BINARY", 0)
)

logger: Final = logging.getLogger(__name__)


def open_ours(path: Path, mode: int) -> int | None:
    """Opens and locks a file that is regular, ours and linked once, or creates it.

    Args:
        path: The file; a link or a file of another kind is removed.
        mode: The permissions of a new file, before the umask.

    Returns:
        Its descriptor, or None if somebody else has the lock.

    Raises:
        OSError: The disk refused, or the name belongs to a folder or to another user.
    """
    for _ in range(_TRIES):
        try:
            file = os.open(path, _FLAGS, mode)
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.EMLINK, errno.ENXIO}:  # a link or a socket
                raise
            path.unlink(missing_ok=True)
            continue
        kept = False
        try:
            if not is_at(file, path):
                continue  # removed or replaced since it was opened
            if not _is_ours(file):
                path.unlink(missing_ok=True)
                continue
            if not _locked(file):
                return None
            kept = is_at(file, path)  # whoever had the lock before may have removed the file
            if kept:
                return file
        finally:
            if not kept:
                os.close(file)
    raise OSError(errno.EAGAIN, "changed each time it was opened", str(path))


def drop(file: int, path: Path) -> None:
    """Removes an open file if it is still the one at the path, and closes it."""
    try:
        if is_at(file, path):
            path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("%s could not be removed: %s", path, error)
    finally:
        os.close(file)


def is_at(file: int, path: Path) -> bool:
    """Tells whether an open file is still the one that stands at a path, itself and not by a link."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.lstat())
    return False


def _is_ours(file: int) -> bool:
    status = os.fstat(file)
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == os.geteuid()


def _locked(file: int) -> bool:
    """Locks a file until it is closed; False if somebody else has locked it."""
    try:
        system.lock(file)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        logger.debug("this file system has no locks: %s", error)
    return True


def read_at(file: int, offset: int, length: int) -> bytes:
    """Reads at most `length` bytes from an offset."""
    os.lseek(file, offset, os.SEEK_SET)
    return os.read(file, length)
