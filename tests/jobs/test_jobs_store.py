"""The journal's file: durable when awaited, grouped, private, in one hand, and never begun anew where it is spoilt."""

import asyncio
import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest
from proofs.journal_tools import environment

from kling_async import JournalError
from kling_async.jobs import store
from kling_async.jobs.store import GROUP, VERSION, Store

pytestmark = pytest.mark.anyio

OWNER = "https://api.klingai.com 0123456789abcdef"
INSERT = "INSERT INTO jobs (key, endpoint, state, request) VALUES (?, '/v1', 'queued', '{}')"
OPEN = """
import asyncio, sys
from pathlib import Path
from kling_async.jobs.store import Store
store = Store(Path(sys.argv[1]), sys.argv[2])
try:
    asyncio.run(store.run(lambda db: db.execute("SELECT count(*) FROM jobs").fetchone()))
except Exception as error:
    print(type(error).__name__, error)
else:
    print("opened")
"""


def add(key):
    """The work of inserting one job."""
    return lambda db: db.execute(INSERT, (key,)).lastrowid


def count(db):
    """The work of counting the jobs."""
    return db.execute("SELECT count(*) FROM jobs").fetchone()[0]


@pytest.fixture
def path(tmp_path):
    """Where the journal is."""
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def opened(path):
    """Opens stores, and closes them in the end."""
    stores = []

    def make(owner=OWNER):
        stores.append(Store(path, owner))
        return stores[-1]

    yield make
    for each in stores:
        each.close()


async def elsewhere(path, owner=OWNER):
    """What another process hears that opens the file."""
    command = [sys.executable, "-c", OPEN, str(path), owner]
    run = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, env=environment(), check=True
    )
    return run.stdout.strip()


async def test_an_awaited_write_is_in_the_file_for_a_process_that_was_never_told(opened, path):
    """A copy of the files, taken at that moment, has the write: it waits in no buffer of ours."""
    await opened().run(add("one"))
    copy = path.with_name("copy.sqlite")
    copy.write_bytes(path.read_bytes())
    copy.with_name("copy.sqlite-wal").write_bytes(path.with_name("jobs.sqlite-wal").read_bytes())
    with sqlite3.connect(copy) as db:
        assert 1 == count(db)
    db.close()


async def test_full_sync_and_a_write_ahead_log_are_on(opened):
    """What makes an awaited write outlive the machine's power."""
    settings = await opened().run(
        lambda db: [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    )
    assert ["wal", 2] == settings


async def test_five_hundred_writes_at_once_share_few_commits(opened, monkeypatch):
    """Whoever waits while a commit is under way is in the next one."""
    commits = []
    plain = sqlite3.connect

    def connect(*args, **kwargs):
        connection = plain(*args, **kwargs)
        connection.set_trace_callback(
            lambda statement: commits.append(statement) if statement == "COMMIT" else None
        )
        return connection

    monkeypatch.setattr(store.sqlite3, "connect", connect)
    journal = opened()
    await journal.run(count)
    commits.clear()
    under_way = threading.Event()
    writes = [
        journal.run(lambda _: under_way.wait(10)),
        *(journal.run(add(str(each))) for each in range(500)),
    ]
    waiting = asyncio.gather(*writes)
    await asyncio.sleep(0)  # every write has been asked for when this returns
    under_way.set()
    await waiting
    assert len(commits) <= 3
    assert 500 == await journal.run(count)


async def test_a_group_has_a_largest_size(opened):
    """More writes than one commit takes are all written."""
    journal = opened()
    await asyncio.gather(*(journal.run(add(str(number))) for number in range(GROUP + 100)))
    assert GROUP + 100 == await journal.run(count)


async def test_closing_writes_what_waits(opened, path):
    """Nothing that was handed over is dropped."""
    journal = opened()
    waiting = [asyncio.ensure_future(journal.run(add(str(number)))) for number in range(50)]
    await asyncio.sleep(0)
    journal.close()
    await asyncio.gather(*waiting)
    with sqlite3.connect(path) as db:
        assert 50 == count(db)
    db.close()


async def test_a_closed_store_says_so(opened):
    """Work after the end is refused, and never waits for ever."""
    journal = opened()
    await journal.run(count)
    journal.close()
    with pytest.raises(JournalError, match="is closed"):
        await journal.run(count)


async def test_the_file_is_its_owners_alone(opened, path):
    """Mode 0600 for the file and its log, whatever the umask."""
    before = os.umask(0)
    try:
        await opened().run(add("one"))
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert {"jobs.sqlite": 0o600, "jobs.sqlite-wal": 0o600} == modes


async def test_a_second_process_is_refused(opened, path):
    """One process at a time has the journal; the other hears why, and can have it afterwards."""
    journal = opened()
    await journal.run(add("one"))
    heard = await elsewhere(path)
    assert "JournalError" in heard
    assert "in use by another process" in heard
    journal.close()
    assert "opened" == await elsewhere(path)


async def test_a_second_client_in_one_process_is_refused(opened):
    """Two clients of one process cannot share a journal either."""
    await opened().run(add("one"))
    with pytest.raises(JournalError, match="in use"):
        await opened().run(count)


async def test_a_refused_second_client_leaves_the_first_ones_lock(opened, path):
    """POSIX drops a process' locks with any descriptor of the file: the lock against other processes must stand."""
    await opened().run(add("one"))
    with pytest.raises(JournalError, match="in use"):
        await opened().run(count)
    assert "in use by another process" in await elsewhere(path)


@pytest.mark.parametrize("size", [1, 15, 16, 100, 4096, 50_000])
async def test_random_bytes_are_an_error_and_stay_as_they_are(opened, path, size):
    """A file that is no database is never overwritten by a fresh journal."""
    spoilt = random.Random(size).randbytes(size)
    path.write_bytes(spoilt)
    with pytest.raises(JournalError, match=r"damaged or no journal|cannot be"):
        await opened().run(count)
    assert spoilt == path.read_bytes()


@pytest.mark.parametrize("share", [0.03, 0.1, 0.5, 0.9])
async def test_a_truncated_journal_is_an_error(opened, path, share):
    """A journal that lost its end is told from a whole one, at the opening or at the first work that needs the rest."""
    journal = opened()
    await asyncio.gather(*(journal.run(add(f"{number:0900}")) for number in range(300)))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(JournalError):
        await opened().run(lambda db: db.execute("SELECT key FROM jobs").fetchall())
    assert path.stat().st_size >= int(len(whole) * share)


async def test_a_damaged_page_is_an_error(opened, path):
    """Noise in the middle of the tables is an error, whatever page it hits."""
    journal = opened()
    await asyncio.gather(*(journal.run(add(f"{number:0900}")) for number in range(300)))
    journal.close()
    whole = bytearray(path.read_bytes())
    whole[4096:] = random.Random(1).randbytes(len(whole) - 4096)
    path.write_bytes(whole)
    with pytest.raises(JournalError):
        await opened().run(lambda db: db.execute("SELECT key FROM jobs").fetchall())


@pytest.mark.parametrize("version", [0, 1, 7])
async def test_another_programs_database_is_refused_and_left_alone(opened, path, version):
    """Not a byte of it changes, its journal mode included, whatever its version number."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE recipes (name TEXT)")
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"another program|version|no journal"):
        await opened().run(count)
    assert before == path.read_bytes()


async def test_a_newer_version_is_refused(opened, path):
    """A library that does not know the format keeps its hands off."""
    journal = opened()
    await journal.run(add("one"))
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(JournalError, match=f"version {VERSION + 1}; this library knows {VERSION}"):
        await opened().run(count)


@pytest.mark.parametrize(
    "owner", ["https://api.klingai.com ffffffffffffffff", "https://api-beijing.klingai.com 0123456789abcdef"]
)
async def test_another_accounts_or_hosts_journal_is_refused(opened, owner):
    """What one account paid for says nothing about another's jobs."""
    journal = opened()
    await journal.run(add("one"))
    journal.close()
    with pytest.raises(JournalError, match="another account or host"):
        await opened(owner).run(count)


async def test_a_place_that_cannot_be_written_is_an_error(path):
    """A folder that is not there, and a folder in the file's place."""
    with pytest.raises(JournalError, match="cannot be opened"):
        await Store(path / "nowhere" / "jobs.sqlite", OWNER).run(count)
    with pytest.raises(JournalError, match="cannot be opened"):
        await Store(path.parent, OWNER).run(count)


async def test_a_full_disk_is_an_error_and_what_is_there_can_be_read(opened):
    """A write beyond the room there is fails; the jobs recorded before stay, and more are read."""
    journal = opened()
    await journal.run(add("one"))
    pages = await journal.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await journal.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(JournalError, match="full"):
        await journal.run(add("x" * 100_000))
    assert 1 == await journal.run(count)


async def test_one_piece_of_work_that_fails_is_told_to_those_in_its_group(opened):
    """A group is committed whole or not at all, and nobody waits for ever."""
    journal = opened()
    await journal.run(count)

    def fails(_):
        raise ZeroDivisionError

    done = await asyncio.gather(journal.run(add("one")), journal.run(fails), return_exceptions=True)
    assert isinstance(done[1], ZeroDivisionError)
    assert await journal.run(count) == (0 if isinstance(done[0], ZeroDivisionError) else 1)


async def test_a_cancelled_waiter_stops_nobody(opened):
    """The write of a caller who went away is finished, and the others' too."""
    journal = opened()
    gone = asyncio.ensure_future(journal.run(add("gone")))
    stays = asyncio.ensure_future(journal.run(add("stays")))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert 2 == await journal.run(count)
