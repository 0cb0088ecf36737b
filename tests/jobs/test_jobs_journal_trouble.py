"""A journal that cannot be used, and a disk that is full: creates stop with an error, nothing is sent, the rest goes on."""

import sqlite3
from contextlib import closing

import pytest
from jobs.journal_script import OWN, states

from kling_async import Image2VideoRequest, JournalError, ValidationError
from kling_async.emulator import ByClock
from kling_async.jobs import journal_file, transitions
from kling_async.jobs.entry import JobState

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fast")]


@pytest.fixture
def fill_disk(monkeypatch):
    """Leaves the last opened journal no room for one more page, as a full disk does."""
    connections, connect = [], journal_file.connect_exclusively

    def watched(path):
        connections.append(connect(path))
        return connections[-1]

    def fill():
        pages = connections[-1].execute("PRAGMA page_count").fetchone()[0]
        connections[-1].execute(f"PRAGMA max_page_count = {pages}").fetchone()

    monkeypatch.setattr(journal_file, "connect_exclusively", watched)
    return fill


async def disk_full(*_):
    """Stands for a step that ends with a commit on a full disk."""
    disk_full_at_once()


def disk_full_at_once(*_):
    """Stands for a write on a full disk."""
    raise JournalError("the journal cannot be written: the disk is full")


async def test_a_journal_in_use_stops_before_anything_is_sent(emulator, script):
    """The second client hears it at its block's beginning."""
    async with script():
        with pytest.raises(JournalError, match="in use"):
            async with script():
                raise AssertionError
    assert not emulator.requests


async def test_a_journal_of_another_account_stops_before_anything_is_sent(emulator, script, picture):
    """The same file with other keys is refused."""
    async with script() as kling:
        await kling.image2video.generate(Image2VideoRequest(image=picture))
    with pytest.raises(JournalError, match="another account"):
        async with script(access_key="somebody-else"):
            raise AssertionError
    with pytest.raises(JournalError, match="belongs to the host"):
        async with script(base_url=emulator.url.replace("127.0.0.1", "localhost")):
            raise AssertionError


def damage(journal, column, value):
    """Writes a value into all rows, without their checksums."""
    with closing(sqlite3.connect(journal)) as db, db:
        db.execute(f"UPDATE jobs SET {column} = ?", (value,))
    db.close()


DAMAGE = {
    "state": "married",
    "endpoint": "/v1/elsewhere",
    "request": "{}",
    "task_id": "another-task",
    "task": '{"task_id": "another-task", "task_status": "succeed"}',
    "error": "nothing was wrong",
    "sent_at": "17.0",
    "checksum": b"",
}


@pytest.mark.parametrize("column", DAMAGE)
async def test_a_damaged_entry_is_unknown_and_its_task_is_found_by_its_external_id(
    emulator, script, picture, tmp_path, column
):
    """Nothing of the row but its key is believed; the task that was paid for is adopted, by either way."""
    request = Image2VideoRequest(image=picture, external_task_id=OWN)
    async with script() as kling:
        paid = await kling.image2video.create(request)
    for go_on in ("the script again", "resume"):
        damage(tmp_path / "jobs.sqlite", column, DAMAGE[column])
        async with script() as kling:
            entry = await kling.journal.find(OWN)
            assert (JobState.UNKNOWN, None) == (entry.state, entry.task_id)
            assert "damaged" in entry.error
            if go_on == "resume":
                with_error = {}
                async with kling.image2video.resume() as outcomes:
                    async for outcome in outcomes:
                        with_error[outcome.request.key] = outcome.error
                assert {OWN} == set(with_error)
            else:
                assert paid.task_id == (await kling.image2video.create(request)).task_id
                assert {"running": 1} == await states(kling)
    assert 1 == emulator.counts["create"]


async def test_a_damaged_entry_whose_task_is_not_found_is_not_sent_again(emulator, script, picture, tmp_path):
    """It may have been paid for: the error names the job, by the script again and by `resume`."""
    request = Image2VideoRequest(image=picture, external_task_id=OWN)
    emulator.fault("create", "amnesia", seconds=None)
    async with script() as kling:
        await kling.image2video.create(request)
    damage(tmp_path / "jobs.sqlite", "task_id", "another-task")
    async with script() as kling:
        with pytest.raises(JournalError, match=f"{OWN} is damaged"):
            await kling.image2video.create(request)
    async with script() as kling, kling.image2video.resume() as outcomes:
        errors = [outcome.error async for outcome in outcomes]
    assert [JournalError] == [type(error) for error in errors]
    assert 1 == emulator.counts["create"]


@pytest.mark.parametrize("row", ["[" * 100_000, "[]", '"text"', "null", '{"image": 1}'])
async def test_a_damaged_request_is_an_error_of_ours(emulator, script, picture, tmp_path, row):
    """Whatever stands in the row, no foreign exception comes out, and nothing is sent for it."""
    async with script() as kling:
        emulator.fault("create", "moderation")
        with pytest.raises(Exception, match="1301"):
            await kling.image2video.create(Image2VideoRequest(image=picture, external_task_id=OWN))
    damage(tmp_path / "jobs.sqlite", "request", row)
    async with script() as kling, kling.image2video.resume() as outcomes:
        with pytest.raises((JournalError, ValidationError)):
            [outcome.unwrap() async for outcome in outcomes]
    assert 1 == emulator.counts["create"]


async def test_on_a_full_disk_no_create_is_sent_and_running_jobs_are_waited_for_and_fetched(
    emulator, script, picture, tmp_path, fill_disk
):
    """The journal has no room: creates stop with `JournalError`, what is paid for still comes onto the disk."""
    emulator.advance = ByClock(0.1)
    async with script() as kling:
        task = await kling.image2video.create(Image2VideoRequest(image=picture, prompt="paid for"))
        fill_disk()
        before = emulator.counts["create"]
        refused = 0
        for number in range(40):
            request = Image2VideoRequest(image=picture, prompt=f"{number}" + "x" * 2000)
            try:
                await kling.image2video.create(request)
            except JournalError as error:
                refused += "full" in str(error)
        taken = 40 - refused
        assert refused >= 30
        assert before + taken == emulator.counts["create"]
        ended = await kling.image2video.wait_for_task(task)
        assert (tmp_path / "v.mp4") == await kling.download(ended.videos[0], tmp_path / "v.mp4")
    assert (tmp_path / "v.mp4").read_bytes()


@pytest.mark.parametrize("step", ["meet", "sending"])
async def test_an_intent_that_cannot_be_written_is_not_sent(emulator, script, picture, monkeypatch, step):
    """The disk is full at either write before a create: `JournalError`, and not one create on the ledger."""
    monkeypatch.setattr(f"kling_async.jobs.journal.JournalRecord.{step}", disk_full)
    async with script() as kling:
        with pytest.raises(JournalError, match="full"):
            await kling.image2video.generate(Image2VideoRequest(image=picture))
    assert 0 == emulator.counts["create"]


async def test_notes_that_cannot_be_written_stop_nothing(
    emulator, script, picture, tmp_path, monkeypatch, caplog
):
    """The disk fills up after the create: wait and download go on, and the next run finds the task by its id."""
    async with script() as kling:
        for step in ("accepted", "ended", "fetched"):
            monkeypatch.setattr(transitions, step, disk_full_at_once)
        task = await kling.image2video.generate(Image2VideoRequest(image=picture))
        await kling.download(task.videos[0], tmp_path / "v.mp4")
    assert "could not record" in caplog.text
    monkeypatch.undo()
    async with script() as kling:
        assert {"unknown": 1} == await states(kling)
        again = await kling.image2video.create(Image2VideoRequest(image=picture))
    assert task.task_id == again.task_id
    assert 1 == emulator.counts["create"]


async def test_the_repr_tells_the_file(script, tmp_path):
    """And no more."""
    async with script() as kling:
        assert f"Journal('{tmp_path / 'jobs.sqlite'}')" == repr(kling.journal)
