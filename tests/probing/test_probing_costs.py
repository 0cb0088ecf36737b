"""What a check may cost: nothing without a job, and one create and its repetition with one."""

import pytest

from kling_async.emulator import ByClock
from kling_async.errors import KlingError, SubmissionUnknownError
from kling_async.probing.caller import cannot_make_anything
from kling_async.probing.free import AcceptedError

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


def creates(service):
    """How many creates came, and how many tasks there are."""
    return service.counts["create"], len(service.tasks)


async def test_free_questions_create_nothing(checking):
    """Three creates are sent, all of which are refused; everything else is a query."""
    async with checking(tasks=0) as checked:
        await checked.free()
        assert (3, 0) == creates(checked.service)
        assert {"GET", "POST"} == {each.method for each in checked.service.requests}
        assert [400] * 3 == [each.status for each in checked.service.requests if each.method == "POST"]
    assert checked.asked.unclear is None


async def test_acceptance_of_what_must_be_refused_stops_the_check(checking):
    """The task's id is told loudly, and not one more request is sent."""
    async with checking(tasks=0, judges=False) as checked:
        with pytest.raises(AcceptedError, match="ACCEPTED a request without any picture") as caught:
            await checked.free()
        [task] = checked.service.tasks
        assert (task.task_id, "no picture") == (caught.value.task_id, caught.value.question)
        assert task.task_id in str(caught.value)
        assert ("create", 1) == (checked.service.requests[-1].call, checked.service.counts["create"])
    assert 0 == checked.asked.get("no picture").code


async def test_acceptance_without_an_id_stops_the_check_too(checking):
    """Code 0 is an acceptance, whatever else the answer says."""
    async with checking(tasks=0, judges=False) as checked:
        checked.service.fault("create", "wrong-types", field="data", value=None)
        with pytest.raises(AcceptedError, match="a task may have been created, external_task_id ka-check-"):
            await checked.free()
        assert (1, 1) == creates(checked.service)


@pytest.mark.parametrize("kind", ["error-after", "html-after", "reset-after"])
async def test_lost_answer_is_looked_up(checking, kind):
    """A request that was accepted behind a lost answer is found by its id."""
    async with checking(tasks=0, judges=False) as checked:
        checked.service.fault("create", kind)
        with pytest.raises(AcceptedError) as caught:
            await checked.free()
        assert (1, 1) == creates(checked.service)
        assert checked.service.tasks[0].task_id == caught.value.task_id


@pytest.mark.parametrize("kind", ["error-before", "html-before", "reset-before"])
async def test_unclear_answer_ends_the_requests_that_must_be_refused(checking, kind):
    """Nothing is sent after it, and what is to be looked for is told."""
    async with checking(tasks=0) as checked:
        checked.service.fault("create", kind)
        await checked.free()
        assert (1, 0) == creates(checked.service)
    assert checked.asked.unclear.startswith("no picture, external_task_id ka-check-")


async def test_unclear_answer_to_a_request_without_an_id_is_told(checking):
    """There is nothing to look it up by, so the list has to be looked at."""
    async with checking(tasks=0) as checked:
        checked.service.fault("create", "error-before", after=1)
        await checked.free()
        assert (2, 0) == creates(checked.service)
    assert "not JSON" == checked.asked.unclear


@pytest.mark.parametrize(
    ("body", "harmless"),
    [
        (b"not JSON", True),
        (b"{}", True),
        (b'{"image": "", "prompt": ""}', True),
        (b'{"external_task_id": "x"}', True),
        (b'{"image": "https://a.example/b.png"}', False),
        (b'{"prompt": "a boat"}', False),
        (b'{"image_tail": " "}', False),
        (b'{"model_name": "kling-v3"}', False),
        (b'[{"image": "x"}]', False),
        (b'"x"', False),
    ],
)
async def test_only_requests_of_nothing_are_sent_as_refusable(checking, body, harmless):
    """A body of which anything could be made is an error of ours, and never leaves."""
    assert harmless is cannot_make_anything(body)
    async with checking(tasks=0) as checked:
        if harmless:
            assert (await checked.caller.refusable(body)).refused
        else:
            with pytest.raises(ValueError, match="could be accepted"):
                await checked.caller.refusable(body)
        assert (int(harmless), 0) == creates(checked.service)


async def test_job_is_one_task(checking):
    """The create is sent twice under one id, and both ids are told as soon as they are known."""
    async with checking(tasks=0) as checked:
        checked.service.advance = ByClock(20)
        job = await checked.paid()
        assert (2, 1) == creates(checked.service)
        assert checked.service.tasks[0].task_id == job.task_id
    assert [
        "creating a task under external_task_id ka-check-job",
        f"created task {job.task_id}",
    ] == checked.said[:2]


async def test_second_task_is_told(checking):
    """A service that takes a repeated id has made two, and the second one's id is told."""
    async with checking(tasks=0, repeated_ids="accept") as checked:
        job = await checked.paid()
        assert [job.task_id, job.second_task_id] == [task.task_id for task in checked.service.tasks]
    assert f"the service made a SECOND task under the same id: {job.second_task_id}" in checked.said


async def test_job_whose_answer_is_lost_is_found_and_goes_on(checking):
    """The external id finds it; nothing is sent until then."""
    async with checking(tasks=0) as checked:
        checked.service.fault("create", "reset-after")
        job = await checked.paid()
        assert (2, 1) == creates(checked.service)
        assert checked.service.tasks[0].task_id == job.task_id


async def test_job_that_is_not_found_is_never_sent_again(checking):
    """The error has the id by which to look for it."""
    async with checking(tasks=0) as checked:
        checked.service.fault("create", "error-before", code=5001)
        with pytest.raises(SubmissionUnknownError) as caught:
            await checked.paid()
        assert (1, 0) == creates(checked.service)
    assert "ka-check-job" == caught.value.external_task_id


async def test_refused_job_is_not_sent_again(checking):
    """What the service said is told."""
    async with checking(tasks=0) as checked:
        checked.service.fault("create", "account", code=1102)
        with pytest.raises(KlingError, match="code 1102: Account balance not enough; nothing was created"):
            await checked.paid()
        assert (1, 0) == creates(checked.service)


async def test_job_that_lasts_too_long_names_its_task(checking):
    """The wait ends, and the task goes on."""
    async with checking(tasks=0) as checked:
        checked.service.advance = ByClock(1000)
        with pytest.raises(KlingError, match="has not ended within 50 s; it goes on"):
            await checked.paid(timeout=50.0)
        assert checked.job.task_id == checked.service.tasks[0].task_id
