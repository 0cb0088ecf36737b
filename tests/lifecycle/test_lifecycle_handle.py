"""The handle of a job: its ids at once, any number of waits, and what happens when it is dropped."""

import asyncio
import gc
import weakref

import pytest
from lifecycle.lifecycle_helpers import begun, ids, polls
from rooms_helpers import client, request, until

from kling_async import (
    ConcurrencyLimitError,
    DownloadError,
    Image2VideoRequest,
    Job,
    TaskFailedError,
    TaskTimeoutError,
)

pytestmark = pytest.mark.anyio


async def test_the_ids_are_there_at_once(service):
    """Without a poll: the service's id, the job's own, the request under it, and the task as accepted."""
    async with client(service) as kling:
        handle = await kling.image2video.submit(request())
        assert isinstance(handle, Job)
        assert ids(service)[0] == handle.task_id == handle.task.task_id
        assert service.tasks[0].external_task_id == handle.external_task_id == handle.request.external_task_id
        assert 0 == polls(service)


@pytest.mark.parametrize("how", ["journal", "same id", "lost answer"])
async def test_the_task_id_is_never_none(service, journal, how):
    """Nor where the task was taken over instead of created."""
    one = request(external_task_id="mine")
    if how == "journal":
        await begun(service, journal, [one])
    elif how == "same id":
        async with client(service) as kling:
            await kling.image2video.create(one)
    else:
        service.fault("create", "reset-after")
    options = {"journal": journal} if how == "journal" else {}
    async with client(service, **options) as kling:
        handle = await kling.image2video.submit(request(external_task_id="mine"))
        assert ids(service) == [handle.task_id]
        assert (await handle.wait()).task_id == handle.task_id
    assert 1 == len(service.tasks)


async def test_the_repr_shows_ids_and_status(service):
    """And neither prompt nor picture."""
    async with client(service) as kling:
        handle = await kling.image2video.submit(request(prompt="a secret plan"))
        assert handle.task_id in repr(handle)
        assert handle.external_task_id in repr(handle)
        assert "submitted" in repr(handle)
        await handle.wait()
        assert "succeed" in repr(handle)
        assert "secret plan" not in repr(handle)


async def test_waiting_twice_gives_the_same_task(service):
    """One after the other and at once; the service is not asked again about what has ended."""
    async with client(service) as kling:
        handle = await kling.image2video.submit(request())
        first, second = await asyncio.gather(handle.wait(), handle.wait())
        before = polls(service)
        third = await handle.wait()
        assert before == polls(service)
    assert [handle.task_id] * 3 == [first.task_id, second.task_id, third.task_id]
    assert third.videos
    assert 1 == service.counts["create"]


async def test_each_wait_has_its_own_patience_and_its_own_updates(service):
    """One gives up, the other goes on; the first one's cancellation is not the second's."""
    seen = []
    async with client(service) as kling:
        handle = await kling.image2video.submit(request())
        cut = asyncio.create_task(handle.wait())
        short, long = (
            asyncio.create_task(handle.wait(timeout=10)),
            asyncio.create_task(handle.wait(on_update=lambda task: seen.append(str(task.status)))),
        )
        await asyncio.sleep(5)
        cut.cancel()
        with pytest.raises(TaskTimeoutError) as caught:
            await short
        assert handle.task_id == caught.value.task_id
        assert (await long).succeeded
    assert "succeed" == seen[-1]
    assert len(seen) == len(set(seen))


async def test_a_failed_task_is_an_error_each_time(service):
    """With the task in it; a watch yields it instead."""
    service.fail_next("no reason")
    async with client(service) as kling:
        handle = await kling.image2video.submit(request())
        statuses = [str(task.status) async for task in handle.watch()]
        assert "failed" == statuses[-1]
        for _ in range(2):
            with pytest.raises(TaskFailedError, match="no reason") as caught:
                await handle.wait()
            assert handle.task_id == caught.value.task_id
        assert handle.task.failed


async def test_a_watch_yields_each_change_and_ends_with_the_last(service):
    """From the status as it was accepted on."""
    async with client(service) as kling:
        handle = await kling.image2video.submit(request())
        statuses = [str(task.status) async for task in handle.watch()]
        assert ["processing", "succeed"] == statuses
        assert handle.task.succeeded


async def test_download_waits_first(service, tmp_path):
    """And writes the file whole."""
    target = tmp_path / "video.mp4"
    async with client(service) as kling:
        handle = await kling.image2video.submit(request())
        assert target == await handle.download(target)
    assert b"ftyp" == target.read_bytes()[4:8]
    assert 1 == service.counts["create"]


async def test_nothing_polls_without_a_limit_or_a_journal(service):
    """Until somebody waits."""
    async with client(service) as kling:
        handle = await kling.image2video.submit(request())
        await asyncio.sleep(1000)
        assert 0 == polls(service)
        assert 0 == kling.slots.held
        assert (await handle.wait()).succeeded


async def test_with_a_limit_the_slot_is_freed_whether_or_not_anybody_waits(service):
    """The handle is dropped; the next job comes after the first task's end."""
    async with client(service, max_in_flight=1) as kling:
        dropped = weakref.ref(await kling.image2video.submit(request(0)))
        gc.collect()
        assert dropped() is None
        assert 1 == kling.slots.held
        second = await kling.image2video.submit(request(1))
        assert service.tasks[0].ended <= service.tasks[1].created
        await until(lambda: 0 == kling.slots.held)
        assert second.task_id == ids(service)[1]


async def test_with_a_journal_the_end_is_recorded_whether_or_not_anybody_waits(service, journal):
    """Success and failure alike."""
    service.fail_next("no reason")
    async with client(service, journal=journal) as kling:
        await kling.image2video.submit(request(0))
        await kling.image2video.submit(request(1))
        await asyncio.sleep(600)
        entries = await kling.journal.entries()
        assert ["failed", "ready"] == [str(entry.state) for entry in entries]


async def test_with_a_journal_the_background_watch_outlasts_an_outage(service, journal):
    """The slot stays held, and the end is recorded later."""
    async with client(service, journal=journal, max_in_flight=1) as kling:
        await kling.image2video.submit(request(0))
        for call in ("get", "list"):
            service.fault(call, "account", code=1002, times=None)
        await asyncio.sleep(1000)
        assert 1 == kling.slots.held
        service.clear_faults()
        await until(lambda: 0 == kling.slots.held)
        assert ["ready"] == [str(entry.state) for entry in await kling.journal.entries()]


async def test_a_full_account_is_waited_for(service):
    """`submit` comes back after acceptance, not before; a bare `create` says at once that it is full."""
    service.capacity, service.strangers = 1, 1
    async with client(service) as kling:
        with pytest.raises(ConcurrencyLimitError):
            await kling.image2video.create(request(0))
        job = asyncio.create_task(kling.image2video.submit(request(1)))
        await asyncio.sleep(100)
        assert not job.done()
        service.strangers = 0
        assert (await job).task_id == ids(service)[0]


async def test_a_bare_create_takes_no_slot(service):
    """Since nobody would free it."""
    async with client(service, max_in_flight=1) as kling:
        for number in range(3):
            await kling.image2video.create(request(number))
        assert 0 == kling.slots.held
    assert 3 == service.in_flight


async def test_submit_takes_keywords(service, picture):
    """As `generate` and `create` do."""
    async with client(service) as kling:
        handle = await kling.image2video.submit(image=picture, prompt="from keywords")
    assert isinstance(handle.request, Image2VideoRequest)
    assert "from keywords" == service.tasks[0].body["prompt"]


async def test_a_download_that_cannot_work_is_an_error(service, tmp_path):
    """The job is paid for: its handle can be used for another target."""
    async with client(service) as kling:
        handle = await kling.image2video.submit(request())
        with pytest.raises(DownloadError):
            await handle.download(tmp_path / "missing" / "video.mp4")
        await handle.download(tmp_path / "video.mp4")
    assert 1 == service.counts["create"]


async def test_a_handle_shows_how_far_a_wait_has_come(service):
    """While somebody waits, `task` is the task as the last poll showed it."""
    async with client(service) as kling:
        job = await kling.image2video.submit(request())
        waiting = asyncio.create_task(job.wait())
        assert "submitted" == job.task.status
        await asyncio.sleep(60)
        assert "processing" == job.task.status
        await waiting
        assert job.task.succeeded
