"""The journal: jobs are met again by their keys, pictures stay out of it, and what was paid for is never sent again."""

import asyncio
import base64
import io

import pytest
from jobs.journal_script import OWN, created, states
from made_pictures import png

from kling_async import (
    BadRequestError,
    ConfigurationError,
    Image2VideoRequest,
    JournalError,
    SubmissionUnknownError,
    TaskFailedError,
    TaskNotFoundError,
)
from kling_async.emulator import ByClock
from kling_async.jobs import request_record
from kling_async.jobs.entry import JobState
from kling_async.polling import watch

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fast")]


# Meeting one's own jobs


async def test_the_same_script_again_meets_its_own_jobs(emulator, script, picture):
    """Derived keys come out the same in every process, and what has ended is not polled."""
    requests = [Image2VideoRequest(image=picture, prompt=f"{number}") for number in range(4)]
    for _ in range(3):
        async with script() as kling:
            outcomes = await kling.image2video.generate_all(requests)
        assert all(outcome.unwrap().succeeded for outcome in outcomes)
    assert 4 == len(created(emulator)) == len(set(created(emulator)))


async def test_equal_requests_at_different_places_are_different_jobs(emulator, script, picture):
    """Who asks twice in one run gets two videos, and the same two in the next run."""
    for _ in range(2):
        async with script() as kling:
            for _ in range(2):
                await kling.image2video.generate(Image2VideoRequest(image=picture, prompt="twice"))
    assert 2 == len(created(emulator)) == len(set(created(emulator)))


async def test_equal_requests_keep_their_places_however_slowly_a_file_is_read(script, picture, monkeypatch):
    """The first of two may be the last whose picture is read; in the next run it is the other way round."""
    record, keys = request_record.record, []
    for delays in ([0.05, 0.0], [0.0, 0.05]):

        async def slowly(request, delays=delays):
            delay = delays.pop(0)
            await asyncio.sleep(delay)
            return await record(request)

        monkeypatch.setattr(request_record, "record", slowly)
        async with script() as kling:
            twice = [Image2VideoRequest(image=picture, prompt="twice") for _ in range(2)]
            keys.append([each.task.external_task_id for each in await kling.image2video.generate_all(twice)])
    assert keys[0] == keys[1]


async def test_a_changed_picture_file_is_another_job(emulator, script, picture):
    """The bytes count, not the path."""
    for grey in (0x80, 0x90):
        picture.write_bytes(png(grey=grey))
        async with script() as kling:
            await kling.image2video.generate(Image2VideoRequest(image=picture, prompt="same words"))
    assert 2 == len(set(created(emulator)))


async def test_a_moved_picture_file_is_the_same_job(emulator, script, picture):
    """The path does not count."""
    for name in ("here.png", "there.png"):
        picture = picture.rename(picture.with_name(name))
        async with script() as kling:
            await kling.image2video.generate(Image2VideoRequest(image=picture, prompt="same picture"))
    assert 1 == len(created(emulator))


@pytest.mark.parametrize(
    "change",
    [{"prompt": "other"}, {"duration": 10}, {"mode": "pro"}, {"cfg_scale": 0.2}, {"negative_prompt": "no"}],
)
async def test_a_changed_field_is_another_job(emulator, script, picture, change):
    """Every field counts."""
    for more in ({}, change):
        async with script() as kling:
            await kling.image2video.generate(Image2VideoRequest(image=picture, **{"prompt": "same", **more}))
    assert 2 == len(set(created(emulator)))


async def test_the_callers_id_is_kept(emulator, script, picture):
    """An id of the caller's own is the job's key."""
    request = Image2VideoRequest(image=picture, prompt="named", external_task_id=OWN)
    for _ in range(2):
        async with script() as kling:
            await kling.image2video.generate(request)
            assert OWN == (await kling.journal.find(OWN)).external_task_id
    assert [OWN] == created(emulator)


async def test_the_callers_id_with_another_request_is_an_error(emulator, script, picture):
    """One id is one job: the second request would be answered with the first one's video."""
    async with script() as kling:
        await kling.image2video.generate(Image2VideoRequest(image=picture, prompt="a", external_task_id=OWN))
    async with script() as kling:
        with pytest.raises(JournalError, match="another request"):
            await kling.image2video.generate(
                Image2VideoRequest(image=picture, prompt="b", external_task_id=OWN)
            )
    assert [OWN] == created(emulator)


async def test_a_lone_create_is_journalled_too(emulator, script, picture):
    """`create` run again gives the task that exists."""
    ids = []
    for _ in range(2):
        async with script() as kling:
            ids.append((await kling.image2video.create(Image2VideoRequest(image=picture))).task_id)
    assert ids[0] == ids[1]
    assert 1 == len(created(emulator))


async def test_two_journals_of_one_account_do_not_meet(emulator, script, picture, tmp_path):
    """The same script with another journal asks for new videos: keys hold the journal's own salt."""
    for name in ("one.sqlite", "two.sqlite"):
        async with script(journal=tmp_path / name) as kling:
            await kling.image2video.generate(Image2VideoRequest(image=picture))
    assert 2 == len(set(created(emulator)))


# Pictures stay out


@pytest.mark.parametrize("given", ["path", "bytes", "base64", "reader"])
async def test_pictures_are_never_in_the_journals_files(emulator, script, picture, tmp_path, given):
    """Neither their bytes nor their base64, in whichever form they were given."""
    data = picture.read_bytes()
    text = base64.b64encode(data).decode()
    image = {"path": picture, "bytes": data, "base64": text, "reader": io.BytesIO(data)}[given]
    async with script() as kling:
        await kling.image2video.generate(Image2VideoRequest(image=image))
        written = b"".join(file.read_bytes() for file in tmp_path.glob("jobs.sqlite*"))
    for part in (data[8:72], data[200:264], text[12:72].encode(), text[300:360].encode(), b"IHDR"):
        assert part not in written
    assert 1 == len(created(emulator))


# Standing and resuming


async def test_counts_and_entries_tell_where_jobs_stand(emulator, script, picture, tmp_path):
    """Ready, done, failed and queued side by side, in the order in which they were recorded."""
    async with script() as kling:
        ready = await kling.image2video.generate(Image2VideoRequest(image=picture, prompt="ready"))
        done = await kling.image2video.generate(Image2VideoRequest(image=picture, prompt="done"))
        await kling.download(done.videos[0], tmp_path / "done.mp4")
        emulator.fail_next("no luck")
        with pytest.raises(TaskFailedError):
            await kling.image2video.generate(Image2VideoRequest(image=picture, prompt="failed"))
        emulator.fault("create", "moderation")
        with pytest.raises(Exception, match="1301"):
            await kling.image2video.generate(Image2VideoRequest(image=picture, prompt="queued"))
        assert {"ready": 1, "done": 1, "failed": 1, "queued": 1} == await states(kling)
        assert set(JobState) == set(await kling.journal.counts())
        entries = await kling.journal.entries()
        assert ["ready", "done", "failed", "queued"] == [entry.request["prompt"] for entry in entries]
        assert [ready.task_id] == [entry.task_id for entry in await kling.journal.entries(JobState.READY)]
    found = {str(entry.state): entry for entry in entries}
    assert tmp_path / "done.mp4" == found["done"].file
    assert 64 == len(found["done"].digest)
    assert "no luck" == found["failed"].error
    assert "1301" in found["queued"].error
    assert ready.videos == found["ready"].task.videos


async def test_resume_goes_on_without_the_script(emulator, script, picture, tmp_path):
    """A running, an unknown, a queued and a ready job all come out with their videos, and each was created once."""
    async with script() as kling:
        await kling.image2video.generate(Image2VideoRequest(image=picture, prompt="ready"))
        await kling.image2video.create(Image2VideoRequest(image=picture, prompt="running"))
        emulator.fault("create", "error-before", http=503, code=5001)
        emulator.fault("any", "account", times=None, code=1000)
        with pytest.raises(SubmissionUnknownError):
            await kling.image2video.create(Image2VideoRequest(image=picture, prompt="unknown"))
        emulator.clear_faults()
        emulator.fault("create", "moderation")
        with pytest.raises(Exception, match="1301"):
            await kling.image2video.create(Image2VideoRequest(image=picture, prompt="queued"))
        assert {"ready": 1, "running": 1, "unknown": 1, "queued": 1} == await states(kling)
    async with script() as kling, kling.image2video.resume() as outcomes:
        tasks = {outcome.request.request["prompt"]: outcome.unwrap() async for outcome in outcomes}
        assert {"ready": 4} == await states(kling)
    assert {"ready", "running", "unknown", "queued"} == set(tasks)
    assert all(task.videos for task in tasks.values())
    assert 4 == len(created(emulator)) == len(set(created(emulator)))


async def test_an_unknown_create_that_was_accepted_is_adopted(emulator, script, picture):
    """Its answer was lost with the process: the look-up finds the task, and nothing is sent."""
    async with script() as kling:
        emulator.fault("create", "reset-after")
        emulator.fault("any", "account", times=None, code=1000)
        with pytest.raises(SubmissionUnknownError):
            await kling.image2video.create(Image2VideoRequest(image=picture))
        emulator.clear_faults()
    before = emulator.counts["create"]
    async with script() as kling, kling.image2video.resume() as outcomes:
        tasks = [outcome.unwrap() async for outcome in outcomes]
    assert [task.task_id for task in emulator.tasks] == [task.task_id for task in tasks]
    assert before == emulator.counts["create"]


async def test_on_unknown_hold_sends_nothing_again(emulator, script, picture):
    """A create of unknown outcome that no look-up finds is held back, and can be released by the next run."""
    async with script(on_unknown="hold") as kling:
        emulator.fault("create", "reset-before")
        with pytest.raises(SubmissionUnknownError):
            await kling.image2video.create(Image2VideoRequest(image=picture))
        assert {"unknown": 1} == await states(kling)
    assert 1 == emulator.counts["create"]
    async with script() as kling:
        await kling.image2video.create(Image2VideoRequest(image=picture))
    assert 2 == emulator.counts["create"]
    assert 1 == len(created(emulator))


async def test_resume_of_bytes_goes_on_once_they_were_accepted(emulator, script, picture):
    """A running job needs no picture any more."""
    async with script() as kling:
        await kling.image2video.create(Image2VideoRequest(image=picture.read_bytes()))
    async with script() as kling, kling.image2video.resume() as outcomes:
        assert [True] == [outcome.unwrap().succeeded async for outcome in outcomes]
    assert 1 == len(created(emulator))


async def test_resume_of_bytes_that_were_never_sent_says_so(emulator, script, picture):
    """The journal has no picture to send; the error says what to do, and the job stays queued."""
    async with script() as kling:
        emulator.fault("create", "moderation")
        with pytest.raises(Exception, match="1301"):
            await kling.image2video.create(Image2VideoRequest(image=picture.read_bytes()))
    async with script() as kling:
        async with kling.image2video.resume() as outcomes:
            errors = [outcome.error async for outcome in outcomes]
        assert isinstance(errors[0], JournalError)
        assert "run the script again" in str(errors[0])
        assert {"queued": 1} == await states(kling)
    assert not created(emulator)


async def test_resume_does_not_send_a_picture_that_has_changed(emulator, script, picture):
    """The file holds something else now: not what the job was about."""
    async with script() as kling:
        emulator.fault("create", "moderation")
        with pytest.raises(Exception, match="1301"):
            await kling.image2video.create(Image2VideoRequest(image=picture))
    picture.write_bytes(png(grey=0x20))
    async with script() as kling, kling.image2video.resume() as outcomes:
        errors = [outcome.error async for outcome in outcomes]
    assert isinstance(errors[0], JournalError)
    assert "changed" in str(errors[0])
    assert not created(emulator)


async def test_resume_without_a_journal_is_an_error(emulator, script):
    """There is nothing to resume."""
    async with script(journal=None) as kling:
        with pytest.raises(ConfigurationError, match="journal"):
            kling.image2video.resume()


async def test_a_task_that_the_service_forgets_is_not_submitted_again(emulator, script, picture, monkeypatch):
    """What the journal knows as accepted was paid for: its absence is an error, never a new create."""
    monkeypatch.setattr(watch, "NOT_FOUND_FOR", 0.1)
    async with script() as kling:
        emulator.fault("create", "amnesia", seconds=None)
        await kling.image2video.create(Image2VideoRequest(image=picture))
    for _ in range(2):
        async with script() as kling, kling.image2video.resume() as outcomes:
            errors = [outcome.error async for outcome in outcomes]
        assert isinstance(errors[0], TaskNotFoundError)
    async with script() as kling:
        with pytest.raises(TaskNotFoundError):
            await kling.image2video.create(Image2VideoRequest(image=picture))
    assert 1 == emulator.counts["create"]


async def test_a_failed_job_is_not_sent_again(emulator, script, picture):
    """It has ended: the rerun tells the same failure from the journal."""
    emulator.fail_next("risk control")
    for _ in range(2):
        async with script() as kling:
            with pytest.raises(TaskFailedError, match="risk control"):
                await kling.image2video.generate(Image2VideoRequest(image=picture))
    assert 1 == emulator.counts["create"]


async def test_a_refused_job_is_sent_again_by_the_next_run(emulator, script, picture):
    """A refusal creates nothing, so the job waits for better days under its own id."""
    emulator.fault("create", "error-before", code=1201, message="no such mode")
    async with script() as kling:
        with pytest.raises(BadRequestError):
            await kling.image2video.generate(Image2VideoRequest(image=picture))
        key = (await kling.journal.entries(JobState.QUEUED))[0].key
    async with script() as kling:
        await kling.image2video.generate(Image2VideoRequest(image=picture))
    assert [key] == created(emulator)


async def test_an_end_that_callers_waited_for_by_the_task_is_recorded(emulator, script, picture):
    """`create` and `wait_for_task` by hand leave the same journal as `generate`."""
    emulator.advance = ByClock(0.05)
    async with script() as kling:
        task = await kling.image2video.create(Image2VideoRequest(image=picture))
        assert {"running": 1} == await states(kling)
        await kling.image2video.wait_for_task(task)
        assert {"ready": 1} == await states(kling)
