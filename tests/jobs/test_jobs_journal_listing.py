"""A journal is read without keys and without a client."""

import pytest

from kling_async.errors import JournalError
from kling_async.jobs.journal import JournalRecord
from kling_async.jobs.journal_listing import opened_journal
from kling_async.schema.image2video import Image2VideoRequest

pytestmark = pytest.mark.anyio
REQUEST = Image2VideoRequest(image="https://a.example/b.jpg", prompt="one")


async def test_anybodys_journal_is_read(tmp_path):
    """The owner is not asked for, and the journal is its owner's afterwards as before."""
    path = tmp_path / "j.sqlite"
    for _ in range(2):
        record = JournalRecord(path, "https://h.example digest")
        await record.meet("/v1/videos/image2video", REQUEST.with_external_task_id("a"))
        record.close()
        async with opened_journal(path) as journal:
            [entry] = await journal.entries()
        assert ("a", "one") == (entry.key, entry.request["prompt"])


async def test_journal_in_use_is_not_read(tmp_path):
    """One process, and in it one reader or client, has a journal."""
    path = tmp_path / "j.sqlite"
    record = JournalRecord(path, "https://h.example digest")
    await record.open()
    with pytest.raises(JournalError, match="in use"):
        async with opened_journal(path):
            pass
    record.close()


async def test_no_journal_is_made(tmp_path):
    """What is not there is an error, and still not there afterwards."""
    with pytest.raises(JournalError, match="there is no journal"):
        async with opened_journal(tmp_path / "j.sqlite"):
            pass
    assert not (tmp_path / "j.sqlite").exists()
