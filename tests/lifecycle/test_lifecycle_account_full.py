"""An account that a stranger fills: what runs goes on at once, what is new waits and begins soon after he has left."""

import asyncio

import pytest
from lifecycle.lifecycle_helpers import WAYS, begun, go_on, ids, now
from rooms_helpers import client, request, requests, until

from kling_async import AccountError, NotSubmittedError
from kling_async.events import JobEnded, SlotChanged
from kling_async.jobs import slots
from kling_async.jobs.stream import MARGIN

pytestmark = pytest.mark.anyio

RUNNING = 5
NEW = 8


async def left_with_refused_jobs(service, journal):
    """Leaves NEW jobs that the service refused in the journal, and after them RUNNING ones that run; gives both."""
    new, old = [request(number) for number in range(100, 100 + NEW)], requests(RUNNING)
    service.fault("create", "account", code=1102, times=NEW)
    async with client(service, journal=journal) as kling:
        for one in new:
            with pytest.raises(AccountError):
                await kling.image2video.generate(one)
    service.clear_faults()
    await begun(service, journal, old)
    return new, old


@pytest.mark.parametrize("way", WAYS)
async def test_running_jobs_do_not_wait_behind_refused_ones(service, journal, way):
    """They take their slots at once, above the limit, and end while the new ones still wait."""
    new, old = await left_with_refused_jobs(service, journal)
    service.capacity, service.strangers = 1, 1
    seen = []
    async with client(service, journal=journal, max_in_flight=2, on_event=seen.append) as kling:
        job = asyncio.create_task(go_on(kling, [*new, *old], way))
        await until(lambda: RUNNING == kling.slots.held)
        assert 2 == kling.slots.limit
        await asyncio.sleep(600)
        ended = [event for event in seen if isinstance(event, JobEnded)]
        assert sorted(ids(service)) == sorted(event.task_id for event in ended)
        assert not job.done()
        assert 0 == kling.slots.held
        assert 0 < kling.slots.waiting
        assert RUNNING == len(service.tasks)
        service.strangers, service.capacity = 0, None
        told = await job
    assert [None] * (NEW + RUNNING) == [each.error for each in told]
    assert {1} == set(service.account.created.values())


async def test_new_creates_wait_while_more_is_held_than_the_limit(service, journal):
    """Nothing is sent before the running jobs are below the limit again."""
    old = requests(RUNNING)
    await begun(service, journal, old)
    seen = []
    async with client(service, journal=journal, max_in_flight=2, on_event=seen.append) as kling:
        told = await go_on(kling, [*old, request(99)], "rerun")
    assert [None] * (RUNNING + 1) == [each.error for each in told]
    held = [event.held for event in seen if isinstance(event, SlotChanged)]
    assert RUNNING == max(held)
    *first, last = service.tasks
    assert sorted(task.ended for task in first)[RUNNING - 2] <= last.created


async def test_resume_takes_jobs_with_a_task_first(service, journal):
    """Though they stand behind the refused ones in the journal."""
    await left_with_refused_jobs(service, journal)
    began = []
    async with client(service, journal=journal, max_in_flight=1) as kling:
        await go_on(kling, [], "resume", on_update=lambda task: began.append(task.task_id))
    first = list(dict.fromkeys(began))[:RUNNING]
    assert sorted(ids(service)[:RUNNING]) == sorted(first)


async def test_a_rerun_draws_past_waiting_jobs_by_what_it_has_not_met(service, journal):
    """Entries of the journal that are open and not met yet: so many requests more, and no further."""
    _, old = await left_with_refused_jobs(service, journal)
    service.capacity, service.strangers = 1, 1
    drawn = 0

    def source():
        nonlocal drawn
        for number in range(1000, 10_000):
            drawn += 1
            yield request(number)
        yield from old

    async with client(service, journal=journal, max_in_flight=2) as kling:
        async with kling.image2video.generate_many(source()):
            await asyncio.sleep(300)
            assert MARGIN < drawn <= NEW + RUNNING + MARGIN + 2
            assert 3 <= kling.slots.waiting
    assert RUNNING == len(service.tasks)


@pytest.mark.parametrize("before", [0, 1])
async def test_our_first_job_begins_soon_after_a_stranger_has_left(service, before):
    """A minute of 1303, and at most 15 s more, whether one of our own tasks ran before or none."""
    async with client(service, max_in_flight=4) as kling:
        for number in range(before):
            await kling.image2video.generate(request(number))
        service.fill(60.0)
        left = now() + 60.0
        await kling.image2video.generate(request(9))
        assert left <= service.tasks[-1].created <= left + 15.0


async def test_a_batch_begins_soon_after_a_stranger_has_left(service):
    """Ten jobs on four slots: the first within 15 s, and none fails."""
    async with client(service, max_in_flight=4) as kling:
        service.fill(60.0)
        left = now() + 60.0
        told = await kling.image2video.generate_all(requests(10))
        assert [None] * 10 == [each.error for each in told]
        assert left <= service.tasks[0].created <= left + 15.0


async def test_control_longer_probes_begin_later(service, monkeypatch):
    """With the bound on the probes away, a stranger's minute costs more than 15 s."""
    monkeypatch.setattr(slots, "LAST_PROBE_ALONE", slots.LAST_PROBE)
    async with client(service, max_in_flight=4) as kling:
        service.fill(65.0)
        left = now() + 65.0
        await kling.image2video.generate(request(9))
        assert left + 15.0 < service.tasks[-1].created


async def test_a_job_that_waits_for_a_slot_ends_with_an_account_error(service):
    """A refusal for good ends the wait of all that were not sent yet, with the cause."""
    async with client(service, max_in_flight=1) as kling:
        first = asyncio.create_task(kling.image2video.generate(request(0)))
        await until(lambda: service.tasks)
        waiting = [asyncio.create_task(kling.image2video.generate(one)) for one in requests(4)[1:]]
        service.fault("create", "account", code=1101, times=None)
        assert (await first).succeeded
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [AccountError, NotSubmittedError, NotSubmittedError] == [type(each) for each in ended]
    assert (1, 2) == (len(service.tasks), service.counts["create"])
