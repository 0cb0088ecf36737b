"""A job whose caller went away in the middle of its create and is asked for again: one task, one slot, and no deadlock."""

import asyncio

import pytest
from rooms_helpers import client, emulator, request, settled

from kling_async import SubmissionUnknownError
from kling_async.emulator import ByClock

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

SOON, LATE, WHILE_IT_SETTLES = 0.5, 200.0, 29.0
"""Seconds between the caller's going away and the second call; the create is in doubt for 30 s."""


@pytest.fixture
async def service():
    """A service whose tasks take 100 s."""
    async with emulator(advance=ByClock(100.0)) as running:
        yield running


async def gone_away(kling, job, seconds=1.0):
    """Lets a caller wait for a job and go away after so long."""
    running = asyncio.create_task(kling.image2video.generate(job))
    await asyncio.sleep(seconds)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await settled()


@pytest.mark.parametrize("pause", [0.0, SOON, WHILE_IT_SETTLES, LATE])
@pytest.mark.parametrize(
    ("kind", "details"),
    [("hang", {"before": True}), ("hang", {"before": False}), ("late-creation", {"seconds": 10.0})],
)
async def test_the_only_slot_is_used_by_the_job_that_holds_it(service, kind, details, pause):
    """A job that is asked for again never waits for the slot that it has itself."""
    service.fault("create", kind, **details)
    job = request()
    async with client(service, max_in_flight=1) as kling:
        await gone_away(kling, job)
        await asyncio.sleep(pause)
        async with asyncio.timeout(600):
            task = await kling.image2video.generate(job)
        await asyncio.sleep(200)  # a background watch has ended by now
        assert (0, 0) == (kling.slots.held, kling.slots.waiting)
    assert [task.task_id] == [each.task_id for each in service.tasks]


async def test_a_background_watch_that_gives_up_leaves_the_slot_to_the_caller(service):
    """The first create came to nothing; the second call sends again, and the next job waits for its end."""
    service.fault("create", "hang", before=True)
    job = request()
    async with client(service, max_in_flight=1) as kling:
        await gone_away(kling, job)
        await asyncio.sleep(WHILE_IT_SETTLES)
        async with asyncio.timeout(600):
            await asyncio.gather(kling.image2video.generate(job), kling.image2video.generate(request(1)))
    first, second = service.tasks
    assert first.ended <= second.created


async def test_a_second_caller_who_goes_away_as_well_leaves_the_slot_to_the_task(service):
    """However often the callers go, the task that was made keeps its slot until it has ended."""
    service.fault("create", "late-creation", seconds=20.0)
    job = request()
    async with client(service, max_in_flight=1) as kling:
        for _ in range(3):
            await gone_away(kling, job)
        assert 1 == kling.slots.held
        await kling.image2video.generate(request(1))
        assert 0 == kling.slots.held
    first, second = service.tasks
    assert first.ended <= second.created


async def test_the_submit_timeout_holds_though_a_background_watch_waits_without_limit(service):
    """A caller who comes back while nothing answers gets an error with the id in its time, and the watch goes on."""
    service.fault("any", "hang", times=None, before=True)
    job = request(external_task_id="mine")
    async with client(service, max_in_flight=1, submit_timeout=60.0) as kling:
        await gone_away(kling, job)
        began = asyncio.get_running_loop().time()
        with pytest.raises(SubmissionUnknownError) as caught:
            await kling.image2video.generate(job)
        assert 100 > asyncio.get_running_loop().time() - began
        assert "mine" == caught.value.external_task_id
        assert 1 == kling.slots.held
        service.clear_faults()
        await asyncio.sleep(300)
        assert 0 == kling.slots.held


async def test_who_joins_an_attempt_shares_its_failure_and_who_comes_later_does_not(service):
    """Two callers at once are both told that nothing could be learnt; two later ones get the task."""
    service.fault("any", "hang", times=None, before=True)
    job = request(external_task_id="mine")
    async with client(service, max_in_flight=1, submit_timeout=60.0) as kling:
        both = await asyncio.gather(
            kling.image2video.generate(job), kling.image2video.generate(job), return_exceptions=True
        )
        assert [SubmissionUnknownError] * 2 == list(map(type, both))
        service.clear_faults()
        both = await asyncio.gather(kling.image2video.generate(job), kling.image2video.generate(job))
    assert [task.task_id for task in both] == [service.tasks[0].task_id] * 2
    assert 1 == len(service.tasks)
