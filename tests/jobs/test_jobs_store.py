"""The journal's thread: durable when awaited, grouped, each piece of work for itself, and never a wait without an end."""

import asyncio
import os
import sqlite3
import threading
import traceback
from contextlib import closing

import pytest
from jobs.journal_files import OWNER, add, count

from kling_async import JournalError
from kling_async.jobs import journal_file
from kling_async.jobs.store import GROUP

pytestmark = pytest.mark.anyio


class Failing:
    """A disk whose opening raises, or whose connections are wrapped."""

    def __init__(self, disk=None, error=None, wrap=lambda connection: connection):
        self.disk, self.error, self.wrap = disk, error, wrap

    def open(self):
        """Raises, or opens."""
        if self.error is not None:
            raise self.error
        return self.wrap(self.disk.open())

    def close(self, connection):
        """Closes what it wrapped."""
        self.disk.close(getattr(connection, "plain", connection))


class CommitFails:
    """A connection whose first commits of more than so many statements fail, as on a disk that fills up."""

    def __init__(self, plain, largest):
        self.plain, self.largest, self.statements = plain, largest, 0

    def execute(self, statement, *values):
        """Counts inserts between BEGIN and COMMIT."""
        if statement.startswith("BEGIN"):
            self.statements = 0
        self.statements += statement.startswith("INSERT")
        if statement == "COMMIT" and self.statements > self.largest:
            self.plain.execute("ROLLBACK")
            raise sqlite3.OperationalError("database or disk is full")
        return self.plain.execute(statement, *values)

    @property
    def in_transaction(self):
        """As SQLite has it."""
        return self.plain.in_transaction


def disk_of(path, **options):
    """The real disk of a journal."""
    return journal_file.JournalFile(path, OWNER, adopt=False, **options)


# Durable and grouped


async def test_an_awaited_write_is_in_the_main_file_alone(opened, path):
    """A copy of the one file, taken at that moment, has the write: it waits in no buffer and no side file."""
    await opened().run(add("one"))
    copy = path.with_name("copy.sqlite")
    copy.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(copy)) as db, db:
        assert 1 == count(db)
    db.close()


async def test_full_sync_and_a_rollback_journal_are_on(opened):
    """What makes an awaited write outlive the machine's power and the loss of a side file."""
    settings = await opened().run(
        lambda db: [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    )
    assert ["delete", 3] == settings


async def test_five_hundred_writes_at_once_share_few_commits(opened, path):
    """Whoever waits while a commit is under way is in the next one."""
    commits = []

    def connect(name):
        connection = journal_file.connect_exclusively(name)
        connection.set_trace_callback(
            lambda statement: commits.append(statement) if statement == "COMMIT" else None
        )
        return connection

    journal = opened(disk=disk_of(path, connect=connect))
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


# Each piece of work for itself


async def test_a_piece_of_work_that_fails_fails_alone(opened):
    """Those that share its commit are written, and what it had written itself is taken back."""
    journal = opened()
    await journal.run(count)

    def fails(db):
        add("half")(db)
        raise ZeroDivisionError

    def breaks(db):
        db.execute("INSERT INTO jobs (key) VALUES ('without the rest')")

    work = [add("one"), fails, add("two"), breaks, add("three")]
    done = await asyncio.gather(*map(journal.run, work), return_exceptions=True)
    assert [int, ZeroDivisionError, int, JournalError, int] == [type(each) for each in done]
    assert 3 == await journal.run(count)


async def test_a_commit_that_fails_is_tried_for_each_piece_alone(opened, path):
    """Where a group is too much for the disk, those that fit are written, and nobody is told of another's failure."""
    failing = Failing(disk_of(path), wrap=lambda plain: CommitFails(plain, 1))
    journal = opened(disk=failing)
    await journal.run(count)

    def two(db):
        add("two a")(db)
        add("two b")(db)

    done = await asyncio.gather(*map(journal.run, [add("one"), two, add("three")]), return_exceptions=True)
    assert [int, JournalError, int] == [type(each) for each in done]
    assert "cannot be written" in str(done[1])
    assert 2 == await journal.run(count)


async def test_a_full_disk_is_an_error_and_what_is_there_can_be_read(opened):
    """A write beyond the room there is fails; the jobs recorded before stay, and more are read."""
    journal = opened()
    await journal.run(add("one"))
    pages = await journal.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await journal.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(JournalError, match="the disk is full"):
        await journal.run(add("x" * 100_000))
    assert 1 == await journal.run(count)


# Every wait ends


async def test_closing_writes_what_waits(opened, path):
    """Nothing that was handed over is dropped."""
    journal = opened()
    waiting = [asyncio.ensure_future(journal.run(add(str(number)))) for number in range(50)]
    await asyncio.sleep(0)
    journal.post(add("posted"), pytest.fail)
    journal.close()
    await asyncio.gather(*waiting)
    with closing(sqlite3.connect(path)) as db, db:
        assert 51 == count(db)
    db.close()


async def test_a_closed_store_says_so(opened):
    """Work after the end is refused, and never waits without limit."""
    journal = opened()
    await journal.run(count)
    journal.close()
    with pytest.raises(JournalError, match="is closed"):
        await journal.run(count)
    with pytest.raises(JournalError, match="is closed"):
        journal.post(count, pytest.fail)


async def test_a_cancelled_waiter_stops_nobody(opened):
    """The write of a caller who went away is finished, and the others' too."""
    journal = opened()
    gone = asyncio.ensure_future(journal.run(add("gone")))
    stays = asyncio.ensure_future(journal.run(add("stays")))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert 2 == await journal.run(count)


async def test_what_was_posted_and_failed_is_told_to_its_own_function(opened):
    """Nobody waits for it, so a function hears of the error."""
    journal, heard = opened(), []
    await journal.run(count)
    journal.post(lambda db: db.execute("no such statement"), heard.append)
    await journal.run(count)
    assert ["JournalError"] == [type(error).__name__ for error in heard]


@pytest.mark.parametrize("error", [SystemExit(3), MemoryError(), ZeroDivisionError()])
async def test_a_thread_that_dies_at_the_opening_is_told_to_all(opened, path, error):
    """Those who wait and those who come later hear why, whatever it was."""
    journal = opened(disk=Failing(error=error))
    waiting = [asyncio.ensure_future(journal.run(count)) for _ in range(3)]
    done = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert [JournalError] * 3 == [type(each) for each in done]
    with pytest.raises(JournalError, match="cannot be used any more"):
        await asyncio.wait_for(journal.run(count), 5)


async def test_a_thread_that_dies_at_work_is_told_to_all(opened):
    """The group that it was at, those behind it, and those who come later: none of them waits without limit."""
    journal = opened()
    await journal.run(add("before"))

    def dies(_):
        raise SystemExit(3)

    work = [add("one"), dies, add("two")]
    waiting = [asyncio.ensure_future(journal.run(each)) for each in work]
    done = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert JournalError is type(done[1])
    with pytest.raises(JournalError, match="cannot be used any more"):
        await asyncio.wait_for(journal.run(count), 5)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 warns of what is tested here
async def test_a_forked_child_is_told_at_once(opened, path):
    """The thread is not there in a child, and the parent's journal is not the child's to write or to close."""
    journal = opened()
    await journal.run(add("one"))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                journal.post(add("two"), print)
            except JournalError as error:
                os.write(writer, str(error).encode())
            journal.close()
        except BaseException:  # noqa: BLE001 - a child of a test ends here
            os.write(writer, traceback.format_exc().encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        assert "forked" in await asyncio.to_thread(told.read)
    await asyncio.to_thread(os.waitpid, child, 0)
    await journal.run(add("three"))
    assert 2 == await journal.run(count)


# Without the thread


async def test_turns_can_be_taken_without_a_thread(opened):
    """Whoever is woken takes the turn, so that a simulation decides when a commit is made."""
    woken, threads = [], threading.active_count()
    journal = opened(wake=lambda: woken.append(None))
    waiting = [asyncio.ensure_future(journal.run(add(str(number)))) for number in range(3)]
    await asyncio.sleep(0)
    assert 3 == len(woken)
    assert not any(each.done() for each in waiting)
    journal.turn()
    await asyncio.gather(*waiting)
    journal.turn()
    counting = asyncio.ensure_future(journal.run(count))
    await asyncio.sleep(0)
    journal.close()
    assert 3 == await counting
    assert threads == threading.active_count()
