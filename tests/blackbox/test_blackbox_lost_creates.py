"""A create whose answer is lost: looked up by its external id, adopted, and never made twice."""

import pytest
from blackbox_service import BAD_GATEWAY, HTML, Reply, envelope
from made_pictures import png
from virtual_time import wall_clock

from kling_async import DuplicateTaskError, KlingError, SubmissionUnknownError

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

LOST = {
    "reset": {"reset": True},
    "html-502": {"body": b"<html>502</html>", "status": 502, "headers": HTML},
    "html-200": {"body": b"<html>welcome</html>", "headers": HTML},
    "5000": {"body": b'{"code":5000,"message":"internal","request_id":"r"}', "status": 500},
    "5002": {"body": b'{"code":5002,"message":"timeout","request_id":"r"}', "status": 504},
    "cut": {"body": b'{"code":0,"data":{"task_id":"8', "length": 500},
    "no-id": {"body": b'{"code":0,"message":"SUCCEED","data":{}}'},
    "no-data": {"body": b'{"code":0,"message":"SUCCEED"}'},
    "empty": {"body": b""},
    "hang": {"hang": True},
    "500-text": {"body": b"oops", "status": 500},
}


@pytest.fixture
async def kling(client):
    """A client on virtual time, with the usual patience."""
    async with client(clock=wall_clock, submit_timeout=300) as made:
        yield made


def ids(service):
    """The external ids under which creates were sent."""
    return {sent.json["external_task_id"] for sent in service.creates}


@pytest.mark.parametrize("how", LOST)
async def test_a_task_that_exists_is_adopted(kling, service, how):
    """The work was done and the answer lost: one create, a look-up by its external id, and the task."""
    service.plan("create", Reply(work=True, **LOST[how]))
    task = await kling.image2video.create(image=png())
    assert 1 == len(service.creates)
    assert [task.task_id] == list(service.jobs)
    assert service.of("get") + service.of("list")
    assert ids(service) == {task.external_task_id}


@pytest.mark.parametrize("how", LOST)
async def test_a_task_that_does_not_exist_is_sent_again_under_the_same_id(kling, service, how):
    """Nothing was done: after the settle time the same id goes out again."""
    service.plan("create", Reply(**LOST[how]))
    task = await kling.image2video.create(image=png())
    first, second = service.creates
    assert 30 <= second.at - first.at < 120
    assert 1 == len(ids(service))
    assert first.body == second.body
    assert [task.task_id] == list(service.jobs)


async def test_a_late_creation_is_adopted(kling, service):
    """A 504 whose task appears ten seconds later is found, and not made again."""
    born = []

    def lose(request):
        born.append((service.now() + 10, request.json))
        return Reply(**LOST["5002"])

    def look(_):
        if born and service.now() >= born[0][0]:
            service.add(born.pop()[1])

    service.plan("create", lose)
    service.always("get", look)
    service.always("list", look)
    task = await kling.image2video.create(image=png())
    assert 1 == len(service.creates)
    assert [task.task_id] == list(service.jobs)


async def test_already_exists_after_a_loss_is_the_task(kling, service):
    """The look-up lags, the second create is refused as a duplicate: adopted, one task."""
    missing = envelope(code=1201, message="Task not found by id/external id: x", status=400)
    blind = []

    def lose(_):
        blind.append(service.now() + 60)
        return Reply(work=True, reset=True)

    service.plan("create", lose)
    service.always("get", lambda _: missing if service.now() < blind[0] else None)
    service.always("list", lambda _: envelope([]) if service.now() < blind[0] else None)
    task = await kling.image2video.create(image=png())
    assert [task.task_id] == list(service.jobs)
    assert 1 == len(ids(service))


async def test_the_callers_id_that_exists_is_adopted(kling, service):
    """'already exists' is a look-up and no failure."""
    job = service.add({"external_task_id": "mine"})
    task = await kling.image2video.create(image=png(), external_task_id="mine")
    assert (job.task_id, "mine") == (task.task_id, task.external_task_id)
    assert 1 == len(service.jobs) == len(service.creates)


async def test_a_taken_id_that_cannot_be_found_is_an_error(kling, service):
    """Taken by another product's task: never another id, never a second create, a clear error."""
    service.always("create", envelope(code=1201, message="External_task_id mine already exists", status=400))
    with pytest.raises(DuplicateTaskError) as caught:
        await kling.image2video.create(image=png(), external_task_id="mine")
    assert "mine" in str(caught.value)
    assert {"mine"} == ids(service)


@pytest.mark.parametrize(
    "message",
    ["model kling-v1 is not supported with x that already exists", "Task not found by id/external id: q"],
)
async def test_other_1201_of_a_create_are_refusals(kling, service, message):
    """1201 has three meanings; on a create only the external id's duplicate is looked up and adopted."""
    service.add({"external_task_id": "other"})
    service.always("create", envelope(code=1201, message=message, status=400))
    with pytest.raises(KlingError) as caught:
        await kling.image2video.create(image=png(), external_task_id="mine")
    assert not isinstance(caught.value, SubmissionUnknownError)
    assert 1 == len(service.jobs)


@pytest.mark.parametrize("look", [BAD_GATEWAY, Reply(reset=True)], ids=["502", "reset"])
async def test_what_cannot_be_learnt_is_said_with_the_id(kling, service, look):
    """Neither creates nor look-ups are answered: the error holds the id, and no id but this one was used."""
    service.always("create", Reply(reset=True))
    service.always("get", look)
    service.always("list", look)
    begun = service.now()
    with pytest.raises(SubmissionUnknownError) as caught:
        await kling.image2video.create(image=png())
    assert {caught.value.external_task_id} == ids(service)
    assert caught.value.external_task_id in str(caught.value)
    assert service.now() - begun < 400


async def test_no_resend_while_the_looks_fail(kling, service):
    """Only a look-up that says "not found" allows a second create."""
    service.plan("create", Reply(work=True, reset=True))
    service.always("get", BAD_GATEWAY)
    service.always("list", BAD_GATEWAY)
    with pytest.raises(SubmissionUnknownError):
        await kling.image2video.create(image=png())
    assert 1 == len(service.creates)


async def test_the_looked_up_task_is_adopted_while_some_looks_fail(kling, service):
    """A 502 on the first look-up is no evidence; the next finds the task."""
    service.plan("create", Reply(work=True, reset=True))
    service.plan("get", BAD_GATEWAY, Reply(reset=True))
    task = await kling.image2video.create(image=png())
    assert 1 == len(service.creates)
    assert [task.task_id] == list(service.jobs)


async def test_odd_external_ids_are_looked_up_too(kling, service):
    """An id with slashes and spaces survives the way through the look-up's path."""
    service.plan("create", Reply(work=True, reset=True))
    task = await kling.image2video.create(image=png(), external_task_id="shot 7/ä?#%2F")
    assert "shot 7/ä?#%2F" == task.external_task_id
    assert 1 == len(service.creates)
