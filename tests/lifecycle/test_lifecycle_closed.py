"""Closing the client ends every wait with the ids, and every job before acceptance with what is known of it."""

import asyncio

import pytest
from lifecycle.lifecycle_helpers import ids
from rooms_helpers import client, request

from kling_async import (
    ClientClosedError,
    ConfigurationError,
    NotSubmittedError,
    SubmissionUnknownError,
)
from kling_async.errors import TaskError

pytestmark = pytest.mark.anyio

OPTIONS = [{}, {"max_in_flight": 2}, {"journal": True}]


def options_of(given, journal):
    """The client's options; a journal where one is asked for."""
    return {**given, "journal": journal} if given.get("journal") else given


async def drain(changes):
    """Takes all that comes."""
    async for _ in changes:
        pass


@pytest.mark.parametrize("given", OPTIONS, ids=str)
@pytest.mark.parametrize("call", ["generate", "wait_for_task", "watch", "job.wait", "job.watch"])
async def test_a_wait_ends_with_the_ids(service, journal, given, call):
    """`ClientClosedError`, a `TaskError` with the task and its id; the task goes on."""
    async with client(service, **options_of(given, journal)) as kling:
        one = request(external_task_id="mine")
        handle = await kling.image2video.submit(one)
        waits = {
            "generate": lambda: kling.image2video.generate(one),
            "wait_for_task": lambda: kling.image2video.wait_for_task(handle.task_id),
            "watch": lambda: drain(kling.image2video.watch(handle.task_id)),
            "job.wait": handle.wait,
            "job.watch": lambda: drain(handle.watch()),
        }
        job = asyncio.create_task(waits[call]())
        await asyncio.sleep(5)
        assert not job.done()
    with pytest.raises(ClientClosedError) as caught:
        await job
    assert isinstance(caught.value, TaskError)
    assert ids(service)[0] == caught.value.task_id == caught.value.task.task_id
    assert ids(service)[0] in str(caught.value)


@pytest.mark.parametrize("call", ["generate", "submit", "create"])
async def test_a_create_on_its_way_may_exist(service, call):
    """`SubmissionUnknownError`, with the id by which another client finds the task."""
    service.fault("create", "hang")
    async with client(service) as kling:
        job = asyncio.create_task(getattr(kling.image2video, call)(request()))
        await asyncio.sleep(5)
    with pytest.raises(SubmissionUnknownError) as caught:
        await job
    assert service.tasks[0].external_task_id == caught.value.external_task_id
    assert caught.value.external_task_id in str(caught.value)
    async with client(service) as kling:
        assert ids(service)[0] == (await kling.image2video.get(caught.value.external_task_id)).task_id


@pytest.mark.parametrize("call", ["generate", "submit"])
@pytest.mark.parametrize("reason", ["slot", "1303", "1302"])
async def test_a_job_that_was_not_sent_says_so(service, call, reason):
    """`NotSubmittedError`, and the ledger has no task of it."""
    async with client(service, max_in_flight=1) as kling:
        if reason == "slot":
            await kling.image2video.submit(request(0))
        else:
            kind = {"1303": "concurrency", "1302": "rate-limit"}[reason]
            service.fault("create", kind, times=None)
        job = asyncio.create_task(getattr(kling.image2video, call)(request(1, external_task_id="mine")))
        await asyncio.sleep(5)
        assert not job.done()
    with pytest.raises(NotSubmittedError, match="mine"):
        await job
    assert 0 == service.created_count("mine")


async def test_a_batch_ends_with_an_outcome_for_each_job(service):
    """Those that run hold their task, those that wait were not sent."""
    told = []

    async def batch(kling):
        async with kling.image2video.generate_many(
            [request(number) for number in range(4)], concurrency=2
        ) as outcomes:
            told.extend([outcome async for outcome in outcomes])

    async with client(service) as kling:
        job = asyncio.create_task(batch(kling))
        await asyncio.sleep(5)
    await job
    errors = {type(each.error) for each in told}
    assert {ClientClosedError, NotSubmittedError} >= errors
    running = {each.error.task_id for each in told if isinstance(each.error, ClientClosedError)}
    assert set(ids(service)) == running
    assert 4 == len(told)


async def test_a_closed_client_begins_nothing(service):
    """Each call is an error of ours, and nothing is sent."""
    kling = client(service)
    async with kling:
        handle = await kling.image2video.submit(request())
    before = service.counts.total()
    for call in (
        kling.image2video.generate(request(1)),
        kling.image2video.submit(request(1)),
        kling.image2video.wait_for_task(handle.task_id),
        kling.image2video.get(handle.task_id),
        handle.wait(),
    ):
        with pytest.raises((ConfigurationError, ClientClosedError, NotSubmittedError)):
            await call
    assert before == service.counts.total()


async def test_closing_twice_does_nothing(service):
    """The second time has nothing left to close."""
    kling = client(service)
    async with kling:
        await kling.image2video.submit(request())
        await kling.aclose()
    await kling.aclose()
