"""A disk that fails: SQLite on files of a real folder, by way of a VFS that remembers what was not synced.

The files are real, so that everything else (stat, locks, copies) works on them. What SQLite writes goes through `DiskFile`,
which keeps the old bytes of each write until its file is synced; when the power goes, some of these writes never happened or
happened for whole sectors of 512 bytes only. Files written by other means (downloads) are remembered as they were when
`os.fsync` was called on them. A dead process' handles write nothing any more.
"""

import builtins
import contextlib
import errno
import io
import os
import random
import sqlite3
from pathlib import Path

import apsw
from simulation.loop import HOST

SECTOR = 512


class Disk:
    """The disk of one world.

    Args:
        folder: Where the files are.
        seed: Decides what is lost.
        troubles: By number of the operation to a Trouble.
        struck: Called with each trouble that strikes.
        history: Takes notes.
    """

    def __init__(self, folder, seed, troubles, struck, history):
        self.folder = Path(folder)
        self.operations = 0
        self.calm = False
        self.history = history
        self.full_until = 0
        self._troubles, self._struck = troubles, struck
        self._chance = random.Random(f"{seed}/disk")
        self.unsynced = {}
        """By path: writes since the last sync, as (offset, old bytes, new bytes, old size)."""

        self.synced = {}
        """By inode: a file's bytes when `os.fsync` was last called on it."""

        self.dirty = {}
        """By inode: paths that were opened for writing by other means than SQLite."""

    def operate(self, host, what, path):
        """One operation that reaches the disk; may be a host's last.

        Returns:
            The trouble that strikes it, or None.
        """
        self.operations += 1
        self.history.data(self.operations, f"{what} {os.path.relpath(path, self.folder)}".encode())
        trouble = None if self.calm else self._troubles.get(self.operations)
        if trouble is None:
            if self.operations < self.full_until and what in {"write", "fsync"} and not self.calm:
                return "full"
            return None
        if trouble.kind in {"kill", "power"}:
            self._struck(trouble)
            self.history.note(host.name, f"dies in a {what} of {Path(path).name}")
            host.last_words = trouble.kind
            host.kill()
            return trouble.kind
        if trouble.kind == "full" and what in {"write", "fsync"}:
            self._struck(trouble)
            self.full_until = self.operations + int(trouble.amount)
            return "full"
        if trouble.kind == "sync" and what in {"sync", "fsync"}:
            self._struck(trouble)
            return "sync"
        return None

    def wrote(self, path, offset, old, new, size):
        """SQLite wrote `new` over `old` in a file of `size` bytes; None: it cut the file there."""
        self.unsynced.setdefault(path, []).append((offset, old, new, size))

    def sync(self, path):
        """SQLite's writes to this file are on the disk."""
        self.unsynced.pop(path, None)

    def power_loss(self):
        """Loses what was not synced, all of it, a part, or torn; the order of writes counts for nothing."""
        for path, writes in sorted(self.unsynced.items()):
            self._lose(path, writes)
        self.unsynced.clear()
        for inode in sorted(self.dirty):
            self._tear(inode, self.dirty[inode])
        self.dirty.clear()

    def process_died(self):
        """What a process wrote is with the system, which will sync it in time."""
        self.unsynced.clear()
        self.dirty.clear()

    def _lose(self, path, writes):
        """The file as it was at its last sync, and on it what had reached the disk by itself."""
        if not os.path.exists(path):
            return
        with open(path, "rb") as file:
            content = bytearray(file.read())
        for offset, old, _, size in reversed(writes):
            content[offset : offset + len(old)] = old
            del content[size:]
            content.extend(bytes(size - len(content)))
        lost = 0
        for offset, _, new, _ in writes:
            draw = self._chance.random()
            if draw < 0.6:
                lost += 1
                continue
            if new is None:  # it was a truncation
                del content[offset:]
                continue
            if draw > 0.9 and len(new) > SECTOR:
                lost += 1
                new = new[: SECTOR * self._chance.randrange(1, (len(new) + SECTOR - 1) // SECTOR)]
            content.extend(bytes(max(0, offset + len(new) - len(content))))
            content[offset : offset + len(new)] = new
        with open(path, "r+b") as file:
            file.write(content)
            file.truncate()
        self.history.note("disk", f"loses {lost} of {len(writes)} unsynced writes to {Path(path).name}")

    def _tear(self, inode, path):
        """A file written by other means: as it was when it was synced, or cut, or full of zeros at its end."""
        found = self._by_inode(inode, path)
        if found is None:
            return
        content = found.read_bytes()
        synced = self.synced.get(inode)
        if content == synced:
            return
        draw = self._chance.random()
        if draw < 0.3:
            return
        kept = SECTOR * self._chance.randrange(len(content) // SECTOR + 1)
        torn = content[:kept] + (bytes(len(content) - kept) if draw > 0.7 else b"")
        found.write_bytes(torn)
        self.history.note("disk", f"keeps {kept} of {len(content)} bytes of {found.name}")

    def _by_inode(self, inode, path):
        """The file that has this inode now, which may have been renamed."""
        for each in sorted(Path(path).parent.glob("*")):
            if each.is_file() and each.stat().st_ino == inode:
                return each
        return None


class DiskVFS(apsw.VFS):
    """What one process' SQLite does on the disk; a dead process' does nothing.

    Args:
        disk: The world's disk.
        host: The process.
        name: SQLite's name for it.
    """

    def __init__(self, disk, host, name):
        self.disk, self.host, self.name = disk, host, name
        self.lies = False
        super().__init__(name, "", iVersion=1)

    def xOpen(self, name, flags):
        return DiskFile(self, name, flags)

    def xDelete(self, name, syncdir):
        if not self.host.dead and self.disk.operate(self.host, "delete", name) not in {"kill", "power"}:
            self.disk.unsynced.pop(str(name), None)
            super().xDelete(name, syncdir)


class DiskFile(apsw.VFSFile):
    """One open file of SQLite's."""

    def __init__(self, vfs, name, flags):
        self._vfs, self._disk = vfs, vfs.disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        if self._vfs.host.dead:
            return
        trouble = self._disk.operate(self._vfs.host, "write", self._path)
        if trouble == "full":
            raise apsw.FullError("the simulated disk is full")
        if trouble in {"kill", "power"}:
            return
        size = self.xFileSize()
        have = max(0, min(len(data), size - offset))
        old = super().xRead(have, offset) if have else b""
        self._disk.wrote(self._path, offset, old, bytes(data), size)
        super().xWrite(data, offset)

    def xSync(self, flags):
        del flags
        if self._vfs.host.dead:
            return
        trouble = self._disk.operate(self._vfs.host, "sync", self._path)
        if trouble == "sync":
            raise apsw.IOError("the simulated disk could not sync")
        if trouble is None and not self._vfs.lies:
            self._disk.sync(self._path)

    def xTruncate(self, size):
        if self._vfs.host.dead or self._disk.operate(self._vfs.host, "truncate", self._path) in {
            "kill",
            "power",
        }:
            return
        before = self.xFileSize()
        if size < before:
            self._disk.wrote(self._path, size, super().xRead(before - size, size), None, before)
        super().xTruncate(size)

    def xFileControl(self, op, ptr):
        return super().xFileControl(op, ptr)


# sqlite3 by way of apsw: errors are the standard module's, so that the library's handlers see what they expect


def _translated(error):
    kind = sqlite3.OperationalError
    if isinstance(error, apsw.ConstraintError | apsw.MismatchError):
        kind = sqlite3.IntegrityError
    elif isinstance(error, apsw.NotADBError | apsw.CorruptError):
        kind = sqlite3.DatabaseError
    elif isinstance(error, apsw.MisuseError | apsw.ConnectionClosedError | apsw.CursorClosedError):
        kind = sqlite3.ProgrammingError
    translated = kind(str(error))
    translated.sqlite_errorcode = getattr(error, "extendedresult", 1)
    translated.sqlite_errorname = type(error).__name__
    return translated


class SimCursor:
    """A cursor with the standard module's names."""

    def __init__(self, connection):
        self.connection = connection
        self._cursor = connection.raw.cursor()
        self.rowcount = -1
        self.lastrowid = None

    def execute(self, statement, values=()):
        return self._run(lambda: self._cursor.execute(statement, _plain(values)))

    def executemany(self, statement, rows):
        return self._run(lambda: self._cursor.executemany(statement, [_plain(row) for row in rows]))

    def executescript(self, script):
        return self._run(lambda: self._cursor.execute(script))

    def _run(self, call):
        try:
            call()
            # apsw steps on demand: a write is done when its first step is
        except apsw.Error as error:
            raise _translated(error) from None
        self.rowcount = self.connection.raw.changes()
        self.lastrowid = self.connection.raw.last_insert_rowid()
        return self

    def fetchone(self):
        try:
            return next(self._cursor, None)
        except apsw.Error as error:
            raise _translated(error) from None

    def fetchall(self):
        try:
            return list(self._cursor)
        except apsw.Error as error:
            raise _translated(error) from None

    def fetchmany(self, size=1):
        return [row for row in (self.fetchone() for _ in range(size)) if row is not None]

    def __iter__(self):
        return iter(self.fetchall())

    def close(self):
        self._cursor.close()


def _plain(values):
    if isinstance(values, dict):
        return {name: _value(value) for name, value in values.items()}
    return tuple(_value(value) for value in values)


def _value(value):
    return str(value) if isinstance(value, str) else value  # apsw wants exact types for enumerations


class SimConnection:
    """A connection with the standard module's names."""

    def __init__(self, path, vfs, flags):
        try:
            self.raw = apsw.Connection(path, flags=flags, vfs=vfs)
        except apsw.Error as error:
            raise _translated(error) from None
        self.isolation_level = None
        self.row_factory = None

    def cursor(self):
        return SimCursor(self)

    def execute(self, statement, values=()):
        return self.cursor().execute(statement, values)

    def executemany(self, statement, rows):
        return self.cursor().executemany(statement, rows)

    def executescript(self, script):
        return self.cursor().executescript(script)

    @property
    def in_transaction(self):
        return self.raw.in_transaction

    @property
    def total_changes(self):
        return self.raw.total_changes()

    def commit(self):
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self):
        if self.in_transaction:
            self.execute("ROLLBACK")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            try:
                self.commit()
            except sqlite3.Error:
                self.rollback()
                raise
        else:
            self.rollback()
        return False

    def close(self):
        """As SQLite has it: a checkpoint that fails while closing is nobody's error."""
        with contextlib.suppress(apsw.Error):
            self.raw.close(True)


class Sqlite:
    """The module `sqlite3` as simulated processes see it."""

    Connection = SimConnection
    Cursor = SimCursor

    def __getattr__(self, name):
        return getattr(sqlite3, name)

    def connect(self, database, timeout=5.0, isolation_level="", *_, uri=False, **options):
        """Opens a file of the world's folder by the process' own VFS."""
        del isolation_level, options
        host = HOST.get()
        if host.dead:
            raise sqlite3.OperationalError("a dead process opens nothing")
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | (apsw.SQLITE_OPEN_URI if uri else 0)
        connection = SimConnection(os.fspath(database), host.vfs.name, flags)
        connection.raw.set_busy_timeout(0)
        del timeout
        host.connections.append(connection)
        return connection


class Files:
    """The system's calls on files, as simulated processes see them.

    Descriptors of a process are known, so that its death lets its locks go; `os.fsync` and renames are operations of the
    disk, at which a process can die.
    """

    def __init__(self, disk):
        self.disk = disk
        self._real = {name: getattr(os, name) for name in ("open", "fsync", "replace", "unlink")}
        self._io_open = io.open

    def install(self, patch):
        """Replaces them.

        Args:
            patch: Called with object, name and replacement.
        """
        patch(os, "open", self._open)
        patch(os, "fsync", self._fsync)
        patch(os, "fdatasync", self._fsync)
        patch(os, "replace", self._replace)
        patch(os, "rename", self._replace)
        patch(os, "unlink", self._unlink)
        patch(os, "remove", self._unlink)
        patch(io, "open", self._file)
        patch(builtins, "open", self._file)

    def _ours(self, path):
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(str(self.disk.folder))

    def _open(self, path, flags, mode=0o777, *, dir_fd=None):
        descriptor = self._real["open"](path, flags, mode, dir_fd=dir_fd)
        host = _process()
        if host is not None and (dir_fd is not None or self._ours(path)):
            self._opened(host, descriptor, path, writes=bool(flags & (os.O_WRONLY | os.O_RDWR)))
        return descriptor

    def _file(self, file, mode="r", *args, **options):
        opened = self._io_open(file, mode, *args, **options)
        host = _process()
        if host is not None and self._ours(file):
            self._opened(host, opened.fileno(), file, writes=not set(mode).isdisjoint("wax+"))
        return opened

    def _opened(self, host, descriptor, path, *, writes):
        host.descriptors[descriptor] = os.fstat(descriptor).st_ino
        if writes and not os.path.basename(os.fspath(path)).startswith("jobs"):
            self.disk.dirty[os.fstat(descriptor).st_ino] = os.fspath(path)

    def _fsync(self, descriptor):
        host = _process()
        if host is None:
            return self._real["fsync"](descriptor)
        if host.dead:
            return None
        trouble = self.disk.operate(host, "fsync", os.readlink(f"/proc/self/fd/{descriptor}"))
        if trouble in {"full", "sync"}:
            raise OSError(
                errno.ENOSPC if trouble == "full" else errno.EIO, "the simulated disk could not sync"
            )
        status = os.fstat(descriptor)
        if trouble is None and status.st_ino in self.disk.dirty:
            self.disk.synced[status.st_ino] = (
                os.pread(descriptor, status.st_size, 0)
                if _readable(descriptor)
                else Path(os.readlink(f"/proc/self/fd/{descriptor}")).read_bytes()
            )
        return None

    def _unlink(self, path, **options):
        host = _process()
        if host is None or not host.dead:
            self._real["unlink"](path, **options)

    def _replace(self, source, target, **options):
        host = _process()
        if host is None:
            return self._real["replace"](source, target, **options)
        if host.dead or self.disk.operate(host, "rename", source) in {"kill", "power"}:
            return None
        return self._real["replace"](source, target, **options)


def _process():
    """The simulated process that calls, or None for the simulation itself."""
    host = HOST.get(None)
    return host if host is not None and host.is_process else None


def _readable(descriptor):
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_WRONLY


def let_go(host):
    """Gives up what a dead process had open; its locks go with it, and nothing is written."""
    for connection in host.connections:
        try:
            connection.raw.close(True)
        except apsw.Error:
            pass
    host.connections.clear()
    sink = os.open(os.devnull, os.O_RDWR)
    for descriptor, inode in host.descriptors.items():
        try:
            if os.fstat(descriptor).st_ino == inode:
                os.dup2(sink, descriptor, inheritable=False)
        except OSError:
            pass  # closed in order, long ago
    os.close(sink)
    host.descriptors.clear()
