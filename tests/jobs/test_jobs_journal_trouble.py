"""A journal that cannot be used, and a disk that is full: creates stop with an error, nothing is sent, the rest goes on."""

import sqlite3

import pytest
from jobs.journal_script import OWN, states

from kling_async import Image2VideoRequest, JournalError, ValidationError
from kling_async.emulator import ByClock

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fast")]


async def full_from_now_on(kling):
    """Leaves the journal no room for one more page, as a full disk does."""

    def fill(db):
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    await kling.journal._store.run(fill)


async def disk_full(*_):
    """Stands for a commit on a full disk."""
    raise JournalError("the journal cannot be written: database or disk is full")


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
    with pytest.raises(JournalError, match="another account"):
        async with script(base_url=emulator.url.replace("127.0.0.1", "localhost")):
            raise AssertionError


async def test_a_damaged_entry_is_an_error_that_names_the_job(script, picture, tmp_path, emulator):
    """An entry that cannot be read is told, and not sent anew."""
    async with script() as kling:
        await kling.image2video.create(Image2VideoRequest(image=picture, external_task_id=OWN))
    with sqlite3.connect(tmp_path / "jobs.sqlite") as db:
        db.execute("UPDATE jobs SET state = 'married'")
    db.close()
    async with script() as kling:
        with pytest.raises(JournalError, match=OWN):
            await kling.journal.find(OWN)
        with pytest.raises(JournalError, match=OWN):
            await kling.image2video.create(Image2VideoRequest(image=picture, external_task_id=OWN))
    assert 1 == emulator.counts["create"]


@pytest.mark.parametrize("row", ["[" * 100_000, "[]", '"text"', "null", '{"image": 1}'])
async def test_a_damaged_request_is_an_error_of_ours(emulator, script, picture, tmp_path, row):
    """Whatever stands in the row, no foreign exception comes out, and nothing is sent for it."""
    async with script() as kling:
        emulator.fault("create", "moderation")
        with pytest.raises(Exception, match="1301"):
            await kling.image2video.create(Image2VideoRequest(image=picture, external_task_id=OWN))
    with sqlite3.connect(tmp_path / "jobs.sqlite") as db:
        db.execute("UPDATE jobs SET request = ?", (row,))
    db.close()
    async with script() as kling, kling.image2video.resume() as outcomes:
        with pytest.raises((JournalError, ValidationError)):
            [outcome.unwrap() async for outcome in outcomes]
    assert 1 == emulator.counts["create"]


async def test_on_a_full_disk_no_create_is_sent_and_running_jobs_are_waited_for_and_fetched(
    emulator, script, picture, tmp_path
):
    """The journal has no room: creates stop with `JournalError`, what is paid for still comes onto the disk."""
    emulator.advance = ByClock(0.1)
    async with script() as kling:
        task = await kling.image2video.create(Image2VideoRequest(image=picture, prompt="paid for"))
        await full_from_now_on(kling)
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


@pytest.mark.parametrize("step", ["queued", "sending"])
async def test_an_intent_that_cannot_be_written_is_not_sent(emulator, script, picture, monkeypatch, step):
    """The disk is full at either write before a create: `JournalError`, and not one create on the ledger."""
    monkeypatch.setattr(f"kling_async.jobs.journal.Journal.{step}", disk_full)
    async with script() as kling:
        with pytest.raises(JournalError, match="full"):
            await kling.image2video.generate(Image2VideoRequest(image=picture))
    assert 0 == emulator.counts["create"]


async def test_notes_that_cannot_be_written_stop_nothing(
    emulator, script, picture, tmp_path, monkeypatch, caplog
):
    """The disk fills up after the create: wait and download go on, and the next run finds the task by its id."""
    async with script() as kling:
        sending = kling.journal.sending

        async def then_full(key):
            await sending(key)
            monkeypatch.setattr(kling.journal, "_write", disk_full)

        monkeypatch.setattr(kling.journal, "sending", then_full)
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
