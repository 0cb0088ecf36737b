"""The system's calls on files as simulated processes see them: a process can die in one, and its locks die with it."""

import builtins
import contextlib
import errno
import fcntl
import io
import os
import stat
from pathlib import Path

import apsw
from simulation.loop import HOST


class Files:
    """The system's calls on files, as simulated processes see them.

    Descriptors of a process are known, so that its death lets its locks go; `os.fsync` and renames are operations of the
    disk, at which a process can die.
    """

    def __init__(self, disk):
        self.disk = disk
        self._real = {
            name: getattr(os, name)
            for name in ("open", "close", "write", "fsync", "replace", "unlink", "ftruncate")
        }
        self._io_open = io.open

    def install(self, patch):
        """Replaces them.

        Args:
            patch: Called with object, name and replacement.
        """
        patch(os, "open", self._open)
        patch(os, "close", self._close)
        patch(os, "write", self._write)
        patch(os, "ftruncate", self._truncate)
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

    def _close(self, descriptor):
        host = _process()
        if host is not None:
            host.descriptors.pop(descriptor, None)
        self._real["close"](descriptor)

    def _write(self, descriptor, data):
        host = _process()
        if host is None or descriptor not in host.descriptors:
            return self._real["write"](descriptor, data)
        if host.dead:
            return len(data)
        trouble = self.disk.operate(host, "write", os.readlink(f"/proc/self/fd/{descriptor}"))
        if trouble == "full":
            raise OSError(errno.ENOSPC, "the simulated disk is full")
        if trouble in {"kill", "power"}:
            data = bytes(data)[: len(data) // 2]
        return self._real["write"](descriptor, data)

    def _truncate(self, descriptor, length):
        host = _process()
        if host is None or not host.dead:
            self._real["ftruncate"](descriptor, length)

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
        if trouble is None and stat.S_ISDIR(status.st_mode):
            self.disk.renamed.clear()
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
        source, target = os.fspath(source), os.fspath(target)
        old = Path(target).read_bytes() if os.path.exists(target) else None
        self.disk.renamed.append((source, target, old))
        return self._real["replace"](source, target, **options)


def _process():
    """The simulated process that calls, or None for the simulation itself."""
    host = HOST.get(None)
    return host if host is not None and host.is_process else None


def _readable(descriptor):
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_WRONLY


def let_go(host):
    """Gives up what a dead process had open; its locks go with it, and nothing is written."""
    for connection in host.connections:
        with contextlib.suppress(apsw.Error):
            connection.raw.close(True)
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
