"""Keys rotate: another key of the same account goes on with a journal once it says so; another host never does."""

import json
import sqlite3
from contextlib import closing

import pytest

from kling_async import Image2VideoRequest, JournalError
from kling_async.jobs.journal import JournalRecord

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fast")]

HOST = "https://api.klingai.com"


@pytest.fixture
def path(tmp_path):
    """Where the journal is."""
    return tmp_path / "jobs.sqlite"


async def opened_by(path, owner, *, adopt=False):
    """Opens and closes a journal."""
    journal = JournalRecord(path, owner, adopt=adopt)
    try:
        await journal.open()
    finally:
        journal.close()


async def test_another_key_is_refused_and_told_how_to_adopt(path):
    """By the argument and by the command line's option."""
    await opened_by(path, f"{HOST} old")
    with pytest.raises(JournalError, match=r"adopt_journal=True, or --adopt-journal"):
        await opened_by(path, f"{HOST} new")


async def test_an_adoption_is_recorded_and_asked_for_once(path):
    """The new key opens it from now on, the old one does not, and the journal says who, whom and when."""
    await opened_by(path, f"{HOST} old")
    await opened_by(path, f"{HOST} new", adopt=True)
    await opened_by(path, f"{HOST} new")
    await opened_by(path, f"{HOST} new", adopt=True)
    with pytest.raises(JournalError, match="another key"):
        await opened_by(path, f"{HOST} old")
    with closing(sqlite3.connect(path)) as db, db:
        (text,) = db.execute("SELECT value FROM meta WHERE name = 'adoptions'").fetchone()
    db.close()
    adoptions = json.loads(text)
    assert [(f"{HOST} old", f"{HOST} new")] == [(each["from"], each["to"]) for each in adoptions]
    assert adoptions[0]["at"] > 1.7e9


@pytest.mark.parametrize("adopt", [False, True])
async def test_another_host_is_always_refused(path, adopt):
    """What one host was asked for says nothing about another's tasks."""
    await opened_by(path, f"{HOST} old")
    with pytest.raises(
        JournalError, match=r"belongs to the host https://api\.klingai\.com, not https://else"
    ):
        await opened_by(path, "https://elsewhere.example old", adopt=adopt)


async def test_the_same_jobs_are_met_under_a_new_key(emulator, script, picture, tmp_path):
    """Nothing is paid for twice: the keys of jobs come from the journal and not from the account."""
    request = Image2VideoRequest(image=picture)
    async with script() as kling:
        first = await kling.image2video.generate(request)
    other = {"access_key": None, "secret_key": None, "api_key": emulator.api_key}
    async with script(**other, adopt_journal=True) as kling:
        again = await kling.image2video.generate(Image2VideoRequest(image=picture))
    assert first.task_id == again.task_id
    assert 1 == emulator.counts["create"]
