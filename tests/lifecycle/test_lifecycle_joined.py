"""One id has one job in a client: whoever asks for it again joins it, pays nothing, and sees the same end."""

import asyncio

import pytest
from lifecycle.lifecycle_helpers import begun, cancelled, go_on, ids, left_unknown
from rooms_helpers import client, request, requests, until

from kling_async import ContentPolicyError, SubmissionUnknownError, TaskFailedError
from kling_async.jobs.registry import Jobs

pytestmark = pytest.mark.anyio


def mine(**fields):
    """The request that several callers give; a new object each time."""
    return request(external_task_id="mine", **fields)


@pytest.mark.parametrize("given", ["the same object", "equal objects"])
async def test_two_callers_at_once_share_one_task(service, given):
    """One create; both get the task."""
    one = mine()
    other = one if given == "the same object" else mine()
    async with client(service, max_in_flight=1) as kling:
        first, second = await asyncio.gather(
            kling.image2video.generate(one), kling.image2video.generate(other)
        )
        assert 0 == kling.slots.held
    assert first.task_id == second.task_id == service.tasks[0].task_id
    assert 1 == service.counts["create"]


async def test_two_callers_at_once_share_a_failure(service):
    """The task failed: both are told, with the task."""
    service.fail_next("no reason")
    async with client(service) as kling:
        ended = await asyncio.gather(
            kling.image2video.generate(mine()), kling.image2video.generate(mine()), return_exceptions=True
        )
    assert [TaskFailedError] * 2 == [type(each) for each in ended]
    assert [*ids(service), *ids(service)] == [each.task_id for each in ended]


async def test_the_first_callers_refusal_is_the_seconds_too(service):
    """One create was refused; the second caller does not ask once more."""
    service.fault("create", "moderation")
    async with client(service) as kling:
        ended = await asyncio.gather(
            kling.image2video.generate(mine()), kling.image2video.generate(mine()), return_exceptions=True
        )
        assert [ContentPolicyError] * 2 == [type(each) for each in ended]
        assert 1 == service.counts["create"]
        assert (await kling.image2video.generate(mine())).succeeded
    assert 1 == len(service.tasks)


@pytest.mark.parametrize("when", ["before its create", "during its create", "after acceptance"])
async def test_the_first_caller_is_cancelled_and_the_second_gets_the_task(service, when):
    """Whatever the first one's state was: one task comes of it."""
    limit = 1
    async with client(service, max_in_flight=limit) as kling:
        if when == "before its create":
            service.strangers, service.capacity = 1, 1
        elif when == "during its create":
            service.fault("create", "delay", seconds=8.0)
        first = asyncio.create_task(kling.image2video.generate(mine()))
        second = asyncio.create_task(kling.image2video.generate(mine()))
        await asyncio.sleep(4)
        await cancelled(first)
        service.strangers, service.capacity = 0, None
        assert first.cancelled()
        task = await second
        assert 0 == kling.slots.held
    assert [task.task_id] == ids(service)
    assert 1 == service.created_count("mine")


async def test_the_first_callers_timeout_is_not_the_seconds(service):
    """Each call has its own patience."""
    async with client(service) as kling:
        first, second = await asyncio.gather(
            kling.image2video.generate(mine(), timeout=10),
            kling.image2video.generate(mine()),
            return_exceptions=True,
        )
    assert isinstance(first, TimeoutError)
    assert second.succeeded
    assert first.task_id == second.task_id
    assert 1 == service.counts["create"]


@pytest.mark.parametrize("left", ["running", "unknown", "refused"])
async def test_two_resumes_at_once_share_their_jobs(service, journal, left):
    """Each gives an outcome for each job; one create for each key."""
    if left == "running":
        await begun(service, journal, requests(2))
    elif left == "unknown":
        await left_unknown(service, journal, request(), made=False)
    else:
        service.fault("create", "moderation")
        async with client(service, journal=journal) as kling:
            with pytest.raises(ContentPolicyError):
                await kling.image2video.generate(request())
    async with client(service, journal=journal, max_in_flight=1) as kling:
        one, two = await asyncio.gather(go_on(kling, [], "resume"), go_on(kling, [], "resume"))
        assert 0 == kling.slots.held
    assert {each.unwrap().task_id for each in one} == set(ids(service))
    assert {each.unwrap().task_id for each in two} == set(ids(service))
    assert {1} == set(service.account.created.values())


@pytest.mark.parametrize("state", ["new", "running", "unknown"])
async def test_a_resume_beside_a_batch_sends_nothing_twice(service, journal, state):
    """The batch's jobs are those of the journal: whoever comes second joins."""
    batch = requests(4)
    if state == "running":
        await begun(service, journal, batch)
    elif state == "unknown":
        await left_unknown(service, journal, batch[0], made=True)
    async with client(service, journal=journal, max_in_flight=2) as kling:
        running = asyncio.create_task(kling.image2video.generate_all(batch))
        await until(lambda: kling.slots.held, step=0.001)
        resumed = await go_on(kling, [], "resume")
        told = await running
    assert [None] * 4 == [each.error for each in told]
    assert all(each.error is None for each in resumed)
    assert {1} == set(service.account.created.values())
    assert 4 == len(service.tasks)


async def test_submit_and_generate_of_one_id_share_the_task(service):
    """The handle's slot is the job's: one is held."""
    async with client(service, max_in_flight=3) as kling:
        handle = await kling.image2video.submit(mine())
        waiting = asyncio.create_task(kling.image2video.generate(mine()))
        await asyncio.sleep(1)
        assert 1 == kling.slots.held
        assert handle.task_id == (await waiting).task_id == (await handle.wait()).task_id
    assert 1 == service.counts["create"]


async def test_create_and_generate_at_once_of_one_id_share_the_task(service):
    """A bare create takes no slot, and makes no second task; the one who waits for its end holds one."""
    async with client(service, max_in_flight=1) as kling:
        both = asyncio.gather(kling.image2video.create(mine()), kling.image2video.generate(mine()))
        await asyncio.sleep(5)
        assert 1 == kling.slots.held == service.in_flight
        made, ended = await both
        assert 0 == kling.slots.held
    assert made.task_id == ended.task_id
    assert 1 == service.counts["create"]


async def test_a_caller_who_comes_while_a_lost_create_settles_keeps_the_slot(service):
    """The background watch gives the lost create up at the moment when the new caller sends it again."""
    one = request(0)
    async with client(service, max_in_flight=1, submit_timeout=90.0) as kling:
        service.fault("create", "reset-before")
        service.fault("get", "error-before", times=None)
        with pytest.raises(SubmissionUnknownError):
            await kling.image2video.generate(one)
        service.clear_faults()
        assert 1 == kling.slots.held
        again = asyncio.create_task(kling.image2video.generate(one))
        other = asyncio.create_task(kling.image2video.generate(request(1)))
        await until(lambda: service.tasks)
        await asyncio.sleep(60)
        assert 1 == kling.slots.held == service.in_flight
        assert (await again).succeeded
        assert (await other).succeeded
        assert (0, 0) == (kling.slots.held, kling.slots.waiting)
    assert service.tasks[0].ended <= service.tasks[1].created


async def test_an_earlier_callers_error_is_not_that_of_later_ones(service):
    """The first could learn nothing; the second and the third, who joins it, get the task."""
    async with client(service, max_in_flight=1, submit_timeout=90.0) as kling:
        service.fault("create", "reset-after")
        service.fault("get", "error-before", times=None)
        with pytest.raises(SubmissionUnknownError):
            await kling.image2video.generate(mine())
        service.clear_faults()
        second, third = await asyncio.gather(
            kling.image2video.generate(mine()), kling.image2video.generate(mine())
        )
        assert 0 == kling.slots.held
    assert [second.task_id] * 2 == [third.task_id, *ids(service)]


async def test_control_jobs_that_are_not_shared_are_sent_twice(service, monkeypatch):
    """With the register away, a service that accepts repeated ids makes two tasks."""
    service.repeated_ids = "accept"
    begin = Jobs.begin

    async def alone(self, *args, **options):
        life = await begin(self, *args, **options)
        self._forget(life)
        return life

    monkeypatch.setattr(Jobs, "begin", alone)
    async with client(service) as kling:
        await asyncio.gather(kling.image2video.generate(mine()), kling.image2video.generate(mine()))
    assert 2 == service.created_count("mine")
