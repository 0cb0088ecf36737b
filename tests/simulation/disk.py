"""A disk that fails: SQLite on files of a real folder, by way of a VFS that remembers what was not synced.

The files are real, so that everything else (stat, locks, copies) works on them. What SQLite writes goes through `DiskFile`,
which keeps the old bytes of each write until its file is synced; when the power goes, some of these writes never happened or
happened for whole sectors of 512 bytes only. Files written by other means (downloads) are remembered as they were when
`os.fsync` was called on them. A dead process' handles write nothing any more.
"""

import os
import random
from pathlib import Path

import apsw

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

        self.renamed = []
        """Renames since the folder was last synced, as (source, target, the target's old bytes or None)."""

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
        self._undo_renames()

    def process_died(self):
        """What a process wrote is with the system, which will sync it in time."""
        self.unsynced.clear()
        self.dirty.clear()
        self.renamed.clear()

    def _undo_renames(self):
        """A rename that was not synced with its folder may not have happened."""
        kept = set()
        for source, target, old in reversed(self.renamed):
            if target in kept or self._chance.random() < 0.5 or not os.path.exists(target):
                kept.add(target)
                continue
            os.replace(target, source)
            if old is not None:
                Path(target).write_bytes(old)
            self.history.note("disk", f"does not know that {Path(source).name} became {Path(target).name}")
        self.renamed.clear()

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
        for offset, _, written, _ in writes:
            draw = self._chance.random()
            if draw < 0.6:
                lost += 1
                continue
            if written is None:  # it was a truncation
                del content[offset:]
                continue
            new = written
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
        if trouble is None:
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
