"""`look_up_first`: the request's id is asked for before anything is sent, and a task of another process is adopted."""

import asyncio

import pytest
from lifecycle.lifecycle_helpers import begun, ids, now, polls
from rooms_helpers import client, request

from kling_async import (
    AuthenticationError,
    Image2VideoRequest,
    KlingError,
    SubmissionUnknownError,
    TaskFailedError,
    ValidationError,
)

pytestmark = pytest.mark.anyio


async def made_elsewhere(service, **fields):
    """Has another process create a task under the id `mine`; gives its id."""
    async with client(service) as other:
        return (await other.image2video.create(request(external_task_id="mine", **fields))).task_id


async def test_a_task_of_another_process_is_adopted_without_an_upload(service, picture):
    """No create, though the picture's file is gone by now."""
    task_id = await made_elsewhere(service)
    one = Image2VideoRequest(image=picture, external_task_id="mine")
    picture.unlink()
    async with client(service) as kling:
        task = await kling.image2video.generate(one, look_up_first=True)
    assert task_id == task.task_id
    assert 1 == service.counts["create"]


async def test_it_costs_one_free_request(service):
    """One GET before the create, where there is no such task."""
    async with client(service) as kling:
        handle = asyncio.create_task(
            kling.image2video.generate(request(external_task_id="mine"), look_up_first=True)
        )
        await asyncio.sleep(0.5)
        assert ["get", "create"] == [record.call for record in service.requests]
        assert (await handle).succeeded
    assert 1 == service.created_count("mine")


async def test_it_needs_an_id_of_the_callers_or_a_journal(service):
    """Otherwise a `ValidationError`, and nothing is sent."""
    async with client(service) as kling:
        with pytest.raises(ValidationError, match="look_up_first"):
            await kling.image2video.generate(request(), look_up_first=True)
    assert 0 == service.counts.total()


async def test_a_journals_key_is_an_id(service, journal):
    """A new job has one, and is looked up under it; an old one goes on."""
    async with client(service, journal=journal) as kling:
        await kling.image2video.generate(request(), look_up_first=True)
        assert "get" == service.requests[0].call
        assert 1 == service.counts["create"]
    await begun(service, journal.with_name("other.sqlite"), [request(1)])
    async with client(service, journal=journal.with_name("other.sqlite")) as kling:
        await kling.image2video.generate(request(1), look_up_first=True)
    assert 2 == service.counts["create"]


async def test_it_runs_before_the_slot(service):
    """The only slot is held by another job; the adopted task takes its slot at once, above the limit."""
    task_id = await made_elsewhere(service)
    async with client(service, max_in_flight=1) as kling:
        await kling.image2video.submit(request(1))
        first = []
        job = asyncio.create_task(
            kling.image2video.generate(
                request(external_task_id="mine"), look_up_first=True, on_update=first.append
            )
        )
        await asyncio.sleep(1)
        assert [task_id] == [task.task_id for task in first]
        assert (2, 0) == (kling.slots.held, kling.slots.waiting)
        assert (await job).succeeded


@pytest.mark.parametrize("fault", ["reset-before", "error-before", "html-before", "hang", "not-json"])
async def test_a_look_up_that_fails_is_repeated_and_never_followed_by_a_create(service, fault):
    """Until `submit_timeout`; then it is not known whether there is a task."""
    for call in ("get", "list"):
        service.fault(call, fault, times=None)
    async with client(service, submit_timeout=120) as kling:
        began = now()
        with pytest.raises(SubmissionUnknownError, match="mine"):
            await kling.image2video.generate(request(external_task_id="mine"), look_up_first=True)
        assert 100 <= now() - began <= 160
    assert 1 < polls(service)
    assert 0 == service.counts["create"]


@pytest.mark.parametrize("there", [True, False])
async def test_an_outage_is_waited_out(service, there):
    """The look-up is answered in the end: the task is adopted, or created once."""
    if there:
        await made_elsewhere(service)
    for call in ("get", "list"):
        service.fault(call, "error-before", times=None, code=5001)
    async with client(service) as kling:
        job = asyncio.create_task(
            kling.image2video.generate(request(external_task_id="mine"), look_up_first=True)
        )
        await asyncio.sleep(100)
        assert not job.done()
        service.clear_faults()
        assert [(await job).task_id] == ids(service)
    assert 1 == service.counts["create"]


async def test_a_look_up_that_is_refused_for_good_is_an_error(service):
    """Revoked keys, say; nothing is created."""
    service.fault("get", "account", code=1002, times=None)
    async with client(service) as kling:
        with pytest.raises(KlingError) as caught:
            await kling.image2video.generate(request(external_task_id="mine"), look_up_first=True)
    assert isinstance(caught.value, AuthenticationError | SubmissionUnknownError)
    assert 0 == service.counts["create"]


async def test_a_task_that_failed_raises(service):
    """It is the job's task; nothing new is created."""
    service.fail_next("no reason")
    task_id = await made_elsewhere(service)
    await asyncio.sleep(600)
    async with client(service) as kling:
        with pytest.raises(TaskFailedError, match="no reason") as caught:
            await kling.image2video.generate(request(external_task_id="mine"), look_up_first=True)
    assert task_id == caught.value.task_id
    assert 1 == service.counts["create"]


async def test_control_without_it_the_create_comes_first(service):
    """The service is asked to create, and says that the id exists."""
    await made_elsewhere(service)
    async with client(service) as kling:
        await kling.image2video.generate(request(external_task_id="mine"))
    assert 2 == service.counts["create"]
