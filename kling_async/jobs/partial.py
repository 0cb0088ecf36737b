"""A result on its way to its target: the bytes so far, and a record beside them with which a later process goes on.

For a target `a.mp4` there are `.a.mp4.part.json`, the record and lock of the target, and `.a.mp4.<key>.part`, the bytes,
where the key derives from the result.

Promises: one download at a time writes to a target, across tasks, clients and processes: the record is locked, and since the
file system itself resolves spellings, links to folders and the case of names, whatever leads to one target leads to one
record. A target that somebody else replaced meanwhile is left alone. What a killed process left is taken up only as far as
its recorded digest matches. Nothing here waits or knows HTTP.

On file systems without locks, and on Windows, the lock does nothing; that the target was not replaced meanwhile is
checked there as well.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Final

from kling_async.errors import ConfigurationError, DownloadError
from kling_async.jobs import system
from kling_async.jobs.media import HEAD
from kling_async.jobs.own_file import drop, is_at, open_ours, read_at
from kling_async.jobs.partial_record import LONGEST_VALIDATOR, Record, read_record, write_record

_NAME_MAX: Final = 255  # bytes, on nearly every file system
_STEP: Final = 8 * 1024 * 1024  # bytes that are read again at a time, a few milliseconds


class PartialFile:
    """The bytes of one result before they are whole.

    Args:
        target: The file that they will be.
        result: What tells this result from others, such as its id.
    """

    def __init__(self, target: Path, result: str) -> None:
        self.target = target
        self._key = hashlib.sha256(result.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._path = _beside(target, f".{self._key}.part")
        self._record_path = _beside(target, ".part.json")
        self._found: tuple[int, ...] | None = None
        self._lock: int | None = None
        self._file: int | None = None
        self._to_verify: Record | None = None
        self.received: int = 0
        self.resumed: int = 0
        """How many of the bytes an earlier process had left."""

        self.length: int | None = None
        self.validator: str | None = None
        self.head: bytes = b""
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The digest of the bytes so far, in hexadecimal digits."""
        return self._digest.hexdigest()

    def inspect(self) -> None:
        """Notes what stands at the target now.

        Raises:
            ConfigurationError: This system has no file locks.
            DownloadError: The target is a folder or another thing that is not a file.
            OSError: The folder cannot be read or does not exist.
        """
        if (reason := system.lacking("a download")) is not None:
            raise ConfigurationError(reason)
        if self.target.is_dir():
            raise DownloadError(f"{self.target} is a folder; name a file")
        folder = self.target.parent
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise DownloadError(f"{folder} is not a folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise DownloadError(f"{folder} cannot be written to")
        with suppress(FileNotFoundError):
            mode = self.target.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                raise DownloadError(f"{self.target} is not a file")
        self._found = _identity(self.target)

    def claim(self) -> None:
        """Locks the target and opens the bytes' file; then `verify` until it returns False.

        Raises:
            ConfigurationError: The target is being written, or was replaced since `inspect`.
            OSError: The disk refused.
        """
        self._lock = open_ours(self._record_path, 0o600)
        if self._lock is None:
            raise ConfigurationError(f"{self.target} is being downloaded already")
        self._check_target()
        old = read_record(self._lock)
        if old is not None and old.key != self._key:
            _beside(self.target, f".{old.key}.part").unlink(missing_ok=True)
        self._file = open_ours(self._path, 0o666)
        if self._file is None:
            raise ConfigurationError(f"{self.target} is being downloaded already")
        if old is not None and old.key == self._key and old.received <= os.fstat(self._file).st_size:
            self._to_verify = old

    def verify(self) -> bool:
        """Reads some of what an earlier process left; returns whether there is more to read.

        Bytes whose digest is not the recorded one are dropped. Of a file that is already whole the last byte is
        dropped, so that the server is asked whether it still has this file.
        """
        old, file = self._to_verify, self._opened()
        if old is None:
            os.ftruncate(file, self.received)
            return False
        keep = old.received - (old.received == old.length)
        chunk = read_at(file, self.received, min(_STEP, keep - self.received))
        self._take(chunk)
        if chunk and self.received < keep:
            return True
        whole = self._digest.copy()
        whole.update(read_at(file, keep, old.received - keep))
        if self.received == keep and whole.hexdigest() == old.sha256:
            self.resumed, self.length, self.validator = keep, old.length, old.validator
        else:
            self._forget()
        self._to_verify = None
        os.ftruncate(file, self.received)
        return False

    def restart(self, length: int | None, validator: str | None) -> None:
        """Drops all bytes; what comes next is the file from its beginning.

        Args:
            length: The whole file's length in bytes, if it is known.
            validator: The server's strong ETag or Last-Modified, if it sent one.
        """
        self._forget()
        self.length = length
        self.validator = validator if validator is None or len(validator) <= LONGEST_VALIDATOR else None
        os.ftruncate(self._opened(), 0)
        self._write_record()

    def write(self, chunk: bytes) -> None:
        """Appends bytes, and then records that they are there."""
        file, view = self._opened(), memoryview(chunk)
        os.lseek(file, self.received, os.SEEK_SET)
        while view:
            view = view[os.write(file, view) :]
        self._take(chunk)
        self._write_record()

    def finish(self) -> None:
        """Makes the bytes durable and gives them the target's name.

        Raises:
            ConfigurationError: The target was replaced since `inspect`; it stays as it is.
            OSError: The disk refused.
        """
        file = self._opened()
        os.fsync(file)
        if not is_at(file, self._path):
            raise ConfigurationError(f"{self._path} was replaced while it was being written")
        self._check_target()
        rename(self._path, self.target)
        directory = os.open(self.target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # the rename itself is durable only now
        finally:
            os.close(directory)

    def discard(self) -> None:
        """Removes whatever of this download is still there under a temporary name, and lets the target go."""
        if self._file is not None:
            drop(self._file, self._path)
            self._file = None
        if self._lock is not None:
            drop(self._lock, self._record_path)  # last: until now nobody else could claim the target
            self._lock = None

    def _check_target(self) -> None:
        now = _identity(self.target)
        if now is not None and now != self._found:
            raise ConfigurationError(
                f"{self.target} was written by somebody else meanwhile; it is left as it is"
            )

    def _take(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self.received += len(chunk)
        self.head += chunk[: HEAD - len(self.head)]

    def _forget(self) -> None:
        self.received, self.resumed, self.head = 0, 0, b""
        self.length, self.validator = None, None
        self._digest = hashlib.sha256()

    def _write_record(self) -> None:
        if self._lock is None:
            return
        if self.validator is None:  # nothing could be asked for later
            os.ftruncate(self._lock, 0)
            return
        record = Record(self._key, self.validator, self.length, self.received, self.sha256)
        write_record(self._lock, record)

    def _opened(self) -> int:
        if self._file is None:
            raise RuntimeError("the partial file is not open")
        return self._file


def rename(part: Path, target: Path) -> None:
    """Gives the file the target's name in one step; a link at the target is replaced, not followed."""
    part.replace(target)


def _beside(target: Path, suffix: str) -> Path:
    """A hidden name beside the target; two names that are one to the file system give names that are one to it.

    A name that would become too long is replaced by a digest, which does not tell cases and normal forms apart either.
    """
    name = f".{target.name}{suffix}"
    if len(os.fsencode(name)) > _NAME_MAX:
        folded = unicodedata.normalize("NFC", target.name).casefold()
        name = f".{hashlib.sha256(os.fsencode(folded)).hexdigest()[:16]}{suffix}"
    return target.parent / name


def _identity(path: Path) -> tuple[int, ...] | None:
    """What tells a file from one that has replaced it; None if there is no file."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
