"""The system's file locks, and the refusal of systems that have none.

Promises: importing this works on every system; what needs locks says so in one sentence before it touches a file.
"""

from __future__ import annotations

import errno
import os
from typing import Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment] # None is what the functions below ask for

_REASON: Final = (
    "needs file locks (flock), which this system does not have: use Linux, macOS, or WSL on Windows"
)


def lacking(what: str) -> str | None:
    """Why something that needs locks cannot work on this system; None if it can.

    Args:
        what: How the sentence begins, such as "a download".
    """
    return f"{what} {_REASON}" if fcntl is None else None


def lock(file: int) -> None:
    """Locks an open file until it is closed; no one waits.

    Raises:
        BlockingIOError: Somebody else has the lock.
        OSError: This system or file system has no locks.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
