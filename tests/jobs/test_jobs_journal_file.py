"""The journal's file: whole from its first moment, never begun anew where it is spoilt, in one hand, private."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest
from jobs import journal_version_1
from jobs.journal_files import OWNER, add, count, elsewhere
from proofs.journal_tools import environment

from kling_async import JournalError
from kling_async.jobs import journal_file
from kling_async.jobs.journal_schema import VERSION
from kling_async.jobs.store import Store

pytestmark = pytest.mark.anyio

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from kling_async.jobs.store import Store
store = Store(Path(sys.argv[1]), sys.argv[2])
insert = "INSERT INTO jobs (key, endpoint, state, request, checksum) VALUES (?, '/v1', 'queued', '{}', x'00')"

async def main():
    for number in range(int(sys.argv[3])):
        await store.run(lambda db: db.execute(insert, (f"{number:0900}",)))
    await store.run(lambda db: None)
    print("written", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
"""A process that opens a journal, writes so many jobs, and is killed."""


def killed(path, jobs):
    """Leaves what a killed process leaves."""
    command = [sys.executable, "-c", KILLED, str(path), OWNER, str(jobs)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert (-signal.SIGKILL, "written\n") == (run.returncode, run.stdout)


def side(path, suffix):
    """A file beside the journal."""
    return path.with_name(path.name + suffix)


# Whole from its first moment


@pytest.mark.parametrize("jobs", [0, 40])
@pytest.mark.parametrize("suffix", ["-wal", "-journal", "-shm", ".lock"])
@pytest.mark.parametrize("loss", ["lost", "emptied"])
async def test_after_a_kill_a_side_file_that_is_lost_or_emptied_loses_nothing(
    opened, path, jobs, suffix, loss
):
    """What was acknowledged is in the main file, from the first job on."""
    killed(path, jobs)
    if loss == "lost":
        side(path, suffix).unlink(missing_ok=True)
    else:
        side(path, suffix).write_bytes(b"")
    assert jobs == await opened().run(count)


@pytest.mark.parametrize("jobs", [0, 40])
async def test_after_a_kill_a_copy_of_the_main_file_alone_is_whole(opened, path, tmp_path, jobs):
    """As a backup has it, or a bind mount of the single file."""
    killed(path, jobs)
    (tmp_path / "other").mkdir()
    copy = shutil.copy(path, tmp_path / "other" / "jobs.sqlite")
    assert jobs == await opened(at=copy).run(count)


async def test_a_copy_of_an_open_journal_is_whole(opened, path, tmp_path):
    """A backup taken while nothing is being written has every acknowledged job."""
    journal = opened()
    await journal.run(add("one"))
    copy = shutil.copy(path, tmp_path / "backup.sqlite")
    assert 1 == await opened(at=copy).run(count)


async def test_a_journal_that_was_killed_while_it_was_made_begins_anew(opened, path):
    """Nothing can have been recorded in it: it gets its name when it is whole."""
    side(path, ".new").write_bytes(b"half")
    side(path, ".new-journal").write_bytes(b"half")
    side(path, ".lock").write_bytes(b"")
    assert 0 == await opened().run(count)
    assert {"jobs.sqlite", "jobs.sqlite.lock"} == {
        each.name for each in path.parent.iterdir() if "journal" not in each.name
    }


async def test_a_new_journal_is_synced_before_it_has_its_name_and_its_folder_after(opened, path, monkeypatch):
    """The machine may lose its power at any moment: there is a whole journal or none."""
    order = []
    sync, rename = journal_file._sync, type(path).rename

    def renamed(self, target):
        order.append(("rename", self.name, target.name))
        return rename(self, target)

    monkeypatch.setattr(journal_file, "_sync", lambda what: (order.append(("sync", what.name)), sync(what)))
    monkeypatch.setattr(type(path), "rename", renamed)
    await opened().run(count)
    new = "jobs.sqlite.new"
    assert [("sync", new), ("rename", new, "jobs.sqlite"), ("sync", path.parent.name)] == order


# Never a fresh start


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
@pytest.mark.parametrize("size", [0, 1, 50, 512, 4096, "half"])
async def test_a_main_file_that_was_cut_is_an_error_whatever_lies_beside_it(opened, path, suffix, size):
    """Nor is it changed."""
    killed(path, 40)
    side(path, suffix).write_bytes(b"left" * 1000)
    whole = path.read_bytes()
    cut = whole[: len(whole) // 2 if size == "half" else size]
    path.write_bytes(cut)
    with pytest.raises(JournalError, match=r"damaged or no journal|damaged: "):
        await opened().run(count)
    assert cut == path.read_bytes()


@pytest.mark.parametrize("left", [".lock", "-journal", "-wal"])
async def test_a_main_file_that_is_gone_is_an_error_while_anything_shows_that_it_was(opened, path, left):
    """The error names what is left, for whoever wants to begin anew."""
    journal = opened()
    await journal.run(add("one"))
    journal.close()
    path.unlink()
    if left != ".lock":
        side(path, ".lock").unlink()
        side(path, left).write_bytes(b"left" * 1000)
    with pytest.raises(JournalError, match=f"is gone, but .*jobs.sqlite{left} shows"):
        await opened().run(count)
    assert not path.exists()


async def test_where_nothing_is_left_a_journal_begins(opened, path):
    """Whoever deletes all of it wants a new one."""
    journal = opened()
    await journal.run(add("one"))
    journal.close()
    for each in path.parent.iterdir():
        each.unlink()
    assert 0 == await opened().run(count)


@pytest.mark.parametrize("size", [0, 1, 99, 100, 4096, 50_000])
@pytest.mark.parametrize("wal", [False, True])
async def test_a_file_of_zeros_is_an_error(opened, path, size, wal):
    """As a file system leaves it that lost the content, with and without a log beside it."""
    path.write_bytes(b"\0" * size)
    if wal:
        side(path, "-wal").write_bytes(b"\0" * 4096)
    with pytest.raises(JournalError, match="damaged or no journal"):
        await opened().run(count)
    assert b"\0" * size == path.read_bytes()


@pytest.mark.parametrize("size", [1, 15, 16, 100, 4096, 50_000])
async def test_random_bytes_are_an_error_and_stay_as_they_are(opened, path, size):
    """A file that is not a database is never overwritten by a fresh journal."""
    spoilt = random.Random(size).randbytes(size)
    path.write_bytes(spoilt)
    with pytest.raises(JournalError, match="damaged or no journal"):
        await opened().run(count)
    assert spoilt == path.read_bytes()


async def test_a_log_of_another_program_beside_the_journal_is_an_error(opened, path):
    """SQLite would replay it over what was acknowledged."""
    journal = opened()
    await journal.run(add("one"))
    journal.close()
    side(path, "-wal").write_bytes(b"left" * 1000)
    with pytest.raises(JournalError, match="written by another program"):
        await opened().run(count)


async def test_noise_in_the_tables_is_an_error(opened, path):
    """Whatever page it hits."""
    journal = opened()
    await asyncio.gather(*(journal.run(add(f"{number:0900}")) for number in range(300)))
    journal.close()
    whole = bytearray(path.read_bytes())
    whole[4096:] = random.Random(1).randbytes(len(whole) - 4096)
    path.write_bytes(whole)
    with pytest.raises(JournalError, match="damaged"):
        await opened().run(count)


# Whose it is


@pytest.mark.parametrize("version", [0, 1, 2, 7])
async def test_another_programs_database_is_refused_and_left_alone(opened, path, version):
    """Not a byte of it changes, whatever its version number."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE recipes (name TEXT)")
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="another program"):
        await opened().run(count)
    assert before == path.read_bytes()


async def test_version_1_is_refused_by_its_name_and_left_alone(opened, path):
    """It was never released, its rows have no checksums and its keys are others: converted, its jobs would be paid for twice."""
    journal_version_1.write(path)
    before = path.read_bytes()
    with pytest.raises(JournalError, match=f"version 1, and this library knows {VERSION}; no release has"):
        await opened().run(count)
    assert before == path.read_bytes()


async def test_a_newer_version_is_refused(opened, path):
    """A library that does not know the format keeps its hands off."""
    journal = opened()
    await journal.run(add("one"))
    journal.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(
        JournalError, match=f"version {VERSION + 1}, and this library knows {VERSION}; a newer"
    ):
        await opened().run(count)


# Four different troubles


async def test_a_missing_folder_and_a_folder_in_the_files_place_are_told(path):
    """Each by its name."""
    with pytest.raises(JournalError, match=r"the folder .*nowhere does not exist"):
        await Store(path / "nowhere" / "jobs.sqlite", OWNER).run(count)
    with pytest.raises(JournalError, match="cannot be opened: it is a folder"):
        await Store(path.parent, OWNER).run(count)


async def test_a_read_only_file_or_folder_is_told(opened, path):
    """For root too, who could write it against its owner's wish."""
    journal = opened()
    await journal.run(add("one"))
    journal.close()
    for which, mode in ((path, 0o600), (path.parent, 0o700)):
        which.chmod(0o500 if which.is_dir() else 0o400)
        try:
            with pytest.raises(JournalError, match="read-only"):
                await opened().run(count)
        finally:
            which.chmod(mode)
    assert 1 == await opened().run(count)


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), "sqlite"])
async def test_a_full_disk_at_the_opening_is_told_and_leaves_no_journal(opened, path, monkeypatch, failure):
    """Whether the folder or SQLite says so; once there is room it begins."""

    def full(*_):
        if failure != "sqlite":
            raise failure
        with closing(sqlite3.connect(":memory:")) as db, db:
            db.execute("PRAGMA max_page_count = 1")
            db.execute("CREATE TABLE no_room (name TEXT)")

    with monkeypatch.context() as patch:
        patch.setattr(journal_file, "_sync", full)
        with pytest.raises(JournalError, match="the disk is full"):
            await opened().run(count)
    assert 0 == await opened().run(count)


# In one hand


async def test_the_file_is_its_owners_alone(opened, path):
    """Mode 0600 for the file and those beside it, whatever the umask."""
    before = os.umask(0)
    try:
        await opened().run(add("one"))
    finally:
        os.umask(before)
    assert {0o600} == {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}


async def test_a_second_process_is_refused(opened, path):
    """One process at a time has the journal; the other hears why, and can have it afterwards."""
    journal = opened()
    await journal.run(add("one"))
    heard = await elsewhere(path)
    assert "JournalError" in heard
    assert "in use by another process" in heard
    journal.close()
    assert "opened" == await elsewhere(path)


async def test_a_second_client_in_one_process_is_refused_and_leaves_the_first_ones_lock(opened, path):
    """Two clients of one process cannot share a journal either, by whatever name."""
    await opened().run(add("one"))
    path.with_name("link").symlink_to(path)
    for spelling in (path, path.parent / ".." / path.parent.name / path.name, path.with_name("link")):
        with pytest.raises(JournalError, match="in use"):
            await opened(at=spelling).run(count)
    assert "in use by another process" in await elsewhere(path)


async def test_copying_the_open_journal_and_all_beside_it_leaves_the_lock(opened, path, tmp_path):
    """POSIX drops a process' locks with any descriptor of the file; this lock stands."""
    await opened().run(add("one"))
    for each in list(tmp_path.iterdir()):
        shutil.copy(each, tmp_path / f"copy of {each.name}")
        each.read_bytes()
    assert "in use by another process" in await elsewhere(path)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 warns of what is tested here
async def test_a_forked_child_does_not_keep_the_lock(opened, path):
    """The lock goes with the process that took it, however long its children live."""
    journal = opened()
    await journal.run(add("one"))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)  # until the test is over
        os._exit(0)
    try:
        journal.close()
        assert "opened" == await elsewhere(path)
    finally:
        os.close(writer)
        os.close(reader)
        await asyncio.to_thread(os.waitpid, child, 0)
