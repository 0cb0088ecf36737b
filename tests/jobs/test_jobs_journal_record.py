"""The recorder's interface: what a job is told, what it tells, and in what order jobs are gone on with."""

import asyncio
import os
from pathlib import Path

import anyio
import pytest
from jobs.journal_files import OWNER, PATH, Plain

from kling_async import BadRequestError, JournalError
from kling_async.jobs import request_record
from kling_async.jobs.entry import JobState
from kling_async.jobs.journal import JournalRecord
from kling_async.jobs.recorder import NoRecord
from kling_async.schema.task import read_task

pytestmark = pytest.mark.anyio

REFUSED = BadRequestError(1201, "no such mode", http_status=400)


def task(task_id, status="processing"):
    """A task as the service shows it."""
    return read_task({"task_id": task_id, "task_status": status})


@pytest.fixture
def opened(tmp_path):
    """Opens journals of one file, each after the one before was closed."""
    journals = []

    def make(**options):
        for each in journals:
            each.close()
        journals.append(JournalRecord(tmp_path / "jobs.sqlite", OWNER, **options))
        return journals[-1]

    yield make
    for each in journals:
        each.close()


async def met(journal, prompt, **more):
    """A request's key, once it is recorded or met."""
    request, entry = await journal.meet(PATH, Plain(prompt, **more))
    assert entry.key == request.external_task_id
    return entry.key


async def in_state(journal, state):
    """Records a job and takes it to a state."""
    key = await met(journal, f"a job that is {state}")
    if state == "cancelled":
        journal.cancelled(key)
    elif state != "queued":
        await journal.sending(key)
        if state != "unknown":
            await journal.accepted(key, task(f"task of {key}"))
        if state == "ready":
            await journal.ended(task(f"task of {key}", "succeed"))
    return key


async def states(journal):
    """The states of all jobs in the order of recording."""
    return [str(entry.state) for entry in await journal.view.entries()]


# Without a journal


async def test_without_a_journal_there_are_ids_and_nothing_else():
    """Every step can be told to it, and nothing comes back."""
    record = NoRecord()
    await record.open()
    request, entry = await record.meet(PATH, Plain("one"))
    assert request.external_task_id.startswith("ka-")
    assert entry is None
    own, _ = await record.meet(PATH, Plain("one", external_task_id="own"))
    assert "own" == own.external_task_id
    await record.sending("own")
    await record.accepted("own", task("t"))
    await record.not_accepted("own", REFUSED)
    await record.ended(task("t"))
    await record.fetched("t", Path("/v.mp4"), "0")
    record.cancelled("own")
    assert (False, None, 0) == (record.durable, await record.find("own"), record.unmet())
    assert [] == [each async for each in record.entries_to_resume(PATH, cancelled=True)]
    assert record.view is None
    record.close()


# In what order


async def test_jobs_with_a_task_are_gone_on_with_first(opened):
    """Then unknown ones, then queued ones, and cancelled ones only if they are asked for."""
    journal = opened()
    for state in ("queued", "cancelled", "unknown", "ready", "running"):
        await in_state(journal, state)
    for cancelled, last in ((False, ["queued"]), (True, ["queued", "cancelled"])):
        found = [str(each.state) async for each in journal.entries_to_resume(PATH, cancelled=cancelled)]
        assert ["ready", "running", "unknown", *last] == found


async def test_only_the_endpoints_own_jobs_are_gone_on_with(opened):
    """A job of another endpoint is another endpoint's."""
    journal = opened()
    await met(journal, "one")
    assert [] == [each async for each in journal.entries_to_resume("/v1/elsewhere", cancelled=True)]


async def test_what_is_recorded_meanwhile_is_left_to_whoever_recorded_it(opened):
    """Going on with a journal ends, also beside a batch that never does."""
    journal = opened()
    keys = {await met(journal, f"{number}") for number in range(3)}
    found = []
    async for entry in journal.entries_to_resume(PATH, cancelled=False):
        found.append(entry.key)
        await met(journal, f"meanwhile {len(found)}")
    assert keys == set(found)
    assert 3 == len(found)


async def test_a_thousand_jobs_come_in_pages_and_each_once(opened):
    """However many pages they take."""
    journal = opened()
    keys = [await met(journal, "equal") for _ in range(3)]
    keys += await asyncio.gather(*(met(journal, f"{number}") for number in range(1000)))
    found = [each.key async for each in journal.entries_to_resume(PATH, cancelled=False)]
    assert set(keys) == set(found)
    assert 1003 == len(found)


async def test_a_job_that_was_sent_since_its_page_was_read_is_handed_out_as_unknown(opened):
    """Whoever goes on with it looks it up, and does not send it blindly."""
    journal = opened()
    await met(journal, "one")
    second = await met(journal, "two")
    entries = journal.entries_to_resume(PATH, cancelled=False)
    await anext(entries)
    await journal.sending(second)
    assert JobState.UNKNOWN is (await anext(entries)).state
    await entries.aclose()


# Open jobs that have not been met


async def test_open_jobs_of_an_earlier_run_are_unmet_until_they_are_met_or_resumed(opened):
    """Jobs that ended, new jobs, and jobs met twice do not count."""
    journal = opened()
    for state in ("queued", "unknown", "running", "ready", "cancelled"):
        await in_state(journal, state)
    assert 0 == journal.unmet()
    journal = opened()
    await journal.open()
    assert 4 == journal.unmet()
    await journal.find((await journal.view.entries())[0].key)
    await met(journal, "new")
    await met(journal, "a job that is cancelled")
    assert 4 == journal.unmet()
    key = await met(journal, "a job that is running")
    await met(journal, "a job that is running", external_task_id=key)
    assert 3 == journal.unmet()
    assert 6 == len([each async for each in journal.entries_to_resume(PATH, cancelled=False)])
    assert 0 == journal.unmet()


# Cancelled


async def test_a_cancelled_job_is_queued_again_by_the_script_and_left_alone_by_resume(opened):
    """The script asks for it; `resume` does so only if it is told to."""
    key = await in_state(opened(), "cancelled")
    journal = opened()
    assert ["cancelled"] == await states(journal)
    assert [] == [each async for each in journal.entries_to_resume(PATH, cancelled=False)]
    asked = [each async for each in journal.entries_to_resume(PATH, cancelled=True)]
    assert [(key, JobState.CANCELLED)] == [(each.key, each.state) for each in asked]
    assert key == await met(journal, "a job that is cancelled")
    assert ["queued"] == await states(journal)


async def test_a_job_that_was_cancelled_while_its_intent_was_written_is_cancelled(opened):
    """Nothing was sent, because the intent's write had not returned."""
    journal = opened()
    key = await met(journal, "one")
    sending = asyncio.ensure_future(journal.sending(key))
    await asyncio.sleep(0)
    sending.cancel()
    journal.cancelled(key)
    assert ["cancelled"] == await states(opened())


async def test_a_job_that_was_cancelled_before_its_first_byte_is_cancelled(opened):
    """Its caller vouches that nothing left after the intent was written, or that all of it was refused."""
    journal = opened()
    key = await met(journal, "one")
    for _ in range(2):
        await journal.sending(key)
    journal.cancelled(key)
    assert ["cancelled"] == await states(journal)


@pytest.mark.parametrize("by", ["the script", "resume"])
async def test_a_job_that_was_handed_out_as_unknown_is_never_cancelled(opened, by):
    """An earlier caller in the same process may have sent it."""
    journal = opened()
    key = await in_state(journal, "unknown")
    if by == "resume":
        assert [key] == [each.key async for each in journal.entries_to_resume(PATH, cancelled=False)]
    else:
        await met(journal, "a job that is unknown", external_task_id=key)
    await journal.sending(key)
    journal.cancelled(key)
    assert ["unknown"] == await states(journal)


async def test_a_job_of_unknown_outcome_is_never_cancelled(opened):
    """An earlier process may have sent it."""
    key = await in_state(opened(), "unknown")
    journal = opened()
    await met(journal, "a job that is unknown")
    await journal.sending(key)
    journal.cancelled(key)
    assert ["unknown"] == await states(journal)


async def test_cancelling_never_waits_and_never_raises(opened, caplog):
    """Closed or never opened: at most it is logged."""
    journal = opened()
    journal.cancelled("never heard of")
    key = await met(journal, "one")
    journal.cancelled("never heard of")
    journal.close()
    journal.cancelled(key)
    assert "no job never heard of" in caplog.text
    assert "is closed" in caplog.text


# What must not be sent


@pytest.mark.parametrize("state", ["running", "ready"])
async def test_a_job_with_a_task_cannot_be_sent(opened, state):
    """Whatever its caller believes."""
    journal = opened()
    key = await in_state(journal, state)
    with pytest.raises(JournalError, match="has a task already"):
        await journal.sending(key)
    await journal.not_accepted(key, REFUSED)
    assert [state] == await states(journal)


async def test_a_job_that_is_not_recorded_cannot_be_sent(opened):
    """There is no intent without a job."""
    with pytest.raises(JournalError, match="has no job nobody"):
        await opened().sending("nobody")


async def test_an_intent_is_written_once_until_it_is_answered(opened):
    """A create that is sent again and again by a full account costs one write."""
    journal = opened(clock=iter(range(10)).__next__)
    key = await met(journal, "one")
    for _ in range(5):
        await journal.sending(key)
    assert 0.0 == (await journal.find(key)).sent_at
    await journal.not_accepted(key, REFUSED)
    assert ["queued"] == await states(journal)
    await journal.sending(key)
    assert ["unknown"] == await states(journal)
    assert 1.0 == (await journal.find(key)).sent_at


async def test_an_intent_that_failed_is_written_when_it_is_asked_for_again(opened, monkeypatch):
    """What is not on the disk is not taken for written."""
    journal = opened()
    key = await met(journal, "one")
    before = journal._store.run

    async def full(_):
        raise JournalError("the disk is full")

    monkeypatch.setattr(journal._store, "run", full)
    with pytest.raises(JournalError, match="full"):
        await journal.sending(key)
    monkeypatch.setattr(journal._store, "run", before)
    await journal.sending(key)
    assert ["unknown"] == await states(journal)


async def test_a_task_that_ended_stays_ended_when_it_is_accepted_again(opened):
    """A look-up that finds it once more takes nothing back; another task under the same key is a new fact."""
    journal = opened()
    key = await in_state(journal, "ready")
    await journal.accepted(key, task(f"task of {key}"))
    assert ["ready"] == await states(journal)
    await journal.accepted(key, task("another"))
    assert (JobState.RUNNING, "another", None) == (
        (await journal.find(key)).state,
        (await journal.find(key)).task_id,
        (await journal.find(key)).task,
    )


# Keys, times, names


async def test_a_callback_url_belongs_to_neither_the_fingerprint_nor_the_key(opened):
    """The service tells another place of the same job's end."""
    first = await met(opened(), "one", callback_url="https://one.example")
    journal = opened()
    assert first == await met(journal, "one", callback_url="https://two.example")
    assert first == await met(opened(), "one")
    own = await met(journal := opened(), "own", external_task_id="own", callback_url="https://one.example")
    assert own == await met(journal, "own", external_task_id="own")


async def test_one_key_for_two_endpoints_is_an_error(opened):
    """One id is one job."""
    journal = opened()
    await met(journal, "one", external_task_id="own")
    with pytest.raises(JournalError, match="another request"):
        await journal.meet("/v1/elsewhere", Plain("one", external_task_id="own"))


async def test_a_damaged_request_is_learnt_again_from_the_script(opened, tmp_path):
    """The job stays unknown and cannot be sent, and the request is there for whoever reads the journal."""
    key = await met(journal := opened(), "one")
    journal.close()
    data = (tmp_path / "jobs.sqlite").read_bytes()
    (tmp_path / "jobs.sqlite").write_bytes(data.replace(b'"prompt": "one"', b'"prompt": "two"'))
    journal = opened()
    entry = await journal.find(key)
    assert (JobState.UNKNOWN, {}) == (entry.state, entry.request)
    with pytest.raises(JournalError, match="lost to damage"):
        await journal.request_of(entry, lambda values: Plain(**values))
    assert key == await met(journal, "one")
    entry = await journal.find(key)
    assert (JobState.UNKNOWN, "one") == (entry.state, entry.request["prompt"])
    with pytest.raises(JournalError, match=f"{key} is damaged"):
        await journal.sending(key)
    await journal.accepted(key, task("found"))
    assert ["running"] == await states(journal)


async def test_the_moment_of_opening_is_told_by_the_loops_clock(opened):
    """Until then an earlier process can have sent something, and after that none."""
    journal = opened()
    assert journal.opened_at > anyio.current_time() + 1e9
    before = anyio.current_time()
    await journal.open()
    assert before <= journal.opened_at <= anyio.current_time()


async def test_a_file_name_that_is_not_utf_8_is_kept_byte_by_byte(opened, tmp_path):
    """And fails nobody who shares its commit."""
    journal = opened()
    keys = [await in_state(journal, state) for state in ("ready", "running")]
    name = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.mp4"))
    await asyncio.gather(
        journal.fetched(f"task of {keys[0]}", name, "0" * 64), *(met(journal, f"{n}") for n in range(20))
    )
    entry = await opened().find(keys[0])
    assert os.fsencode(name) == os.fsencode(entry.file)
    assert JobState.DONE is entry.state


@pytest.mark.parametrize("given", ["\ud800", "a\udcffb"])
async def test_an_id_that_is_not_text_is_an_error_of_ours(opened, given):
    """Whoever gave it hears so, and those who share its commit do not."""
    journal = opened()
    done = await asyncio.gather(
        met(journal, "one"), met(journal, "two", external_task_id=given), return_exceptions=True
    )
    assert [str, JournalError] == [type(each) for each in done]
    assert await journal.find(given) is None
    await journal.sending(done[0])
    await journal.accepted(done[0], task(given))
    assert ["unknown"] == await states(journal)


async def test_a_record_of_a_request_is_shared_with_nobody(opened):
    """Changing what an entry holds changes nothing in the journal."""
    journal = opened()
    key = await met(journal, "one")
    (await journal.find(key)).request["prompt"] = "two"
    recorded = (await journal.find(key)).request
    assert request_record.fingerprint(recorded) == request_record.fingerprint(
        await request_record.record(Plain("one"))
    )
