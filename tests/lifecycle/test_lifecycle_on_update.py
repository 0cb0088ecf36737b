"""`on_update`: first at acceptance, before any poll; whatever it does, the job goes on, and its time is bounded."""

import asyncio

import pytest
from lifecycle.lifecycle_helpers import begun, ids, now, polls
from rooms_helpers import client, request, requests

from kling_async import TaskTimeoutError

pytestmark = pytest.mark.anyio


class Updates:
    """Keeps what it is called with, and how many polls the service had seen by then."""

    def __init__(self, service):
        self.service = service
        self.seen = []

    def __call__(self, task):
        self.seen.append((task.task_id, str(task.status), polls(self.service), now()))

    @property
    def statuses(self):
        return [status for _, status, _, _ in self.seen]


async def test_the_first_update_comes_at_acceptance(service):
    """Before any poll, with the ids, at the moment of the create's answer."""
    updates = Updates(service)
    async with client(service) as kling:
        await kling.image2video.generate(request(), on_update=updates)
    task_id, status, polled, when = updates.seen[0]
    assert (ids(service)[0], "submitted", 0) == (task_id, status, polled)
    assert when - service.tasks[0].created < 0.1
    assert ["submitted", "processing", "succeed"] == updates.statuses


@pytest.mark.parametrize("call", ["generate_many", "generate_all"])
async def test_each_job_of_a_batch_tells_its_acceptance(service, call):
    """Each id once as submitted, before its task was polled."""
    updates = Updates(service)
    async with client(service, max_in_flight=2) as kling:
        if call == "generate_all":
            await kling.image2video.generate_all(requests(4), on_update=updates)
        else:
            async with kling.image2video.generate_many(requests(4), on_update=updates) as outcomes:
                assert all([outcome.unwrap() async for outcome in outcomes])
    accepted = [task_id for task_id, status, _, _ in updates.seen if status == "submitted"]
    assert sorted(ids(service)) == sorted(accepted)
    assert {0} == {polled for _, status, polled, _ in updates.seen[:2]}


@pytest.mark.parametrize("how", ["lost answer", "look_up_first", "same id"])
async def test_an_adopted_task_is_told_at_once(service, how):
    """The id is known from that moment on."""
    one = request(external_task_id="mine")
    async with client(service) as kling:
        await kling.image2video.create(one) if how != "lost answer" else None
    if how == "lost answer":
        service.fault("create", "reset-after")
    updates = Updates(service)
    async with client(service) as kling:
        await kling.image2video.generate(one, on_update=updates, look_up_first=how == "look_up_first")
    assert ids(service)[0] == updates.seen[0][0]
    assert len(updates.statuses) == len(set(updates.statuses))


async def test_a_resumed_job_tells_its_changes(service, journal):
    """As polls show them."""
    await begun(service, journal, [request()])
    updates = Updates(service)
    async with client(service, journal=journal) as kling:
        async with kling.image2video.resume(on_update=updates) as outcomes:
            assert all([outcome.unwrap() async for outcome in outcomes])
    assert "succeed" == updates.statuses[-1]
    assert {ids(service)[0]} == {each[0] for each in updates.seen}


@pytest.mark.parametrize("call", ["generate", "wait_for_task", "job.wait"])
async def test_a_slow_update_is_bounded_by_the_waits_timeout(service, call):
    """It never returns; the wait ends at its deadline with the ids."""

    async def slow(_task):
        await asyncio.sleep(1e6)

    async with client(service) as kling:
        if call == "generate":
            wait = kling.image2video.generate(request(), timeout=50, on_update=slow)
        else:
            handle = await kling.image2video.submit(request())
            waits = {"wait_for_task": lambda **o: kling.image2video.wait_for_task(handle.task_id, **o)}
            wait = waits.get(call, handle.wait)(timeout=50, on_update=slow)
        began = now()
        with pytest.raises(TaskTimeoutError) as caught:
            await wait
        assert 50 <= now() - began <= 51
    assert ids(service)[0] == caught.value.task_id


async def test_a_slow_update_delays_nobody_else(service):
    """Another job's polls go on meanwhile."""

    async def slow(_task):
        await asyncio.sleep(500)

    async with client(service) as kling:
        late = asyncio.create_task(kling.image2video.generate(request(0), on_update=slow))
        began = now()
        await kling.image2video.generate(request(1))
        assert now() - began < 130
        assert (await late).succeeded


@pytest.mark.parametrize("kind", ["plain", "async", "cancelled", "awaits a cancelled task", "base"])
async def test_an_update_that_raises_is_logged_and_the_job_goes_on(service, caplog, kind):
    """An exception, a cancellation of its own making, and one of something that it awaits."""

    def plain(_task):
        raise RuntimeError("of the callback")

    async def later(_task):
        await asyncio.sleep(1)
        raise RuntimeError("of the callback")

    def cancelling(_task):
        raise asyncio.CancelledError

    async def awaiting(_task):
        other = asyncio.ensure_future(asyncio.sleep(100))
        other.cancel()
        await other

    async def timing_out(_task):
        async with asyncio.timeout(1):
            await asyncio.sleep(100)

    callbacks = {
        "plain": plain,
        "async": later,
        "cancelled": cancelling,
        "awaits a cancelled task": awaiting,
        "base": timing_out,
    }
    async with client(service, max_in_flight=1) as kling:
        task = await kling.image2video.generate(request(), on_update=callbacks[kind])
        assert 0 == kling.slots.held
    assert [task.task_id] == ids(service)
    lines = [each.getMessage() for each in caplog.records if "on_update raised" in each.getMessage()]
    assert 3 == len(lines)
    assert all(task.task_id in line for line in lines)


async def test_a_cancelled_wait_cancels_its_update(service):
    """The callback ends with its caller."""
    ended = []

    async def slow(_task):
        try:
            await asyncio.sleep(1e6)
        finally:
            ended.append(now())

    async with client(service) as kling:
        job = asyncio.create_task(kling.image2video.generate(request(), on_update=slow))
        await asyncio.sleep(5)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert 1 == len(ended)
