"""How jobs end: `Succeeded | Failed`, told apart by `match` and `isinstance`."""

import pytest
from rooms_helpers import client, request, requests

from kling_async import Failed, Succeeded, TaskFailedError, ValidationError

pytestmark = pytest.mark.anyio


async def outcomes_of(service):
    """A success, a failure with a task, and a failure without one."""
    service.fail_next("no reason")
    async with client(service) as kling:
        return await kling.image2video.generate_all([request(0), request(1), 5], concurrency=1)


async def test_match_tells_them_apart(service):
    """By their classes, with their fields by name."""
    told = []
    for outcome in await outcomes_of(service):
        match outcome:
            case Succeeded(task=task):
                told.append(task.task_id)
            case Failed(error=error, task=None):
                told.append(type(error))
            case Failed(error=error, task=task):
                told.append((type(error), task.task_id))
    first, second = (task.task_id for task in service.tasks)
    assert [(TaskFailedError, first), second, ValidationError] == told


async def test_isinstance_tells_them_apart(service):
    """And each has what a job of its kind has."""
    failed, succeeded, unsent = await outcomes_of(service)
    assert [Failed, Succeeded, Failed] == [type(each) for each in (failed, succeeded, unsent)]
    assert None is succeeded.error
    assert succeeded.task.succeeded
    assert failed.task is failed.error.task
    assert None is unsent.task
    assert [0, 1, 2] == [each.index for each in (failed, succeeded, unsent)]
    assert 5 == unsent.request


async def test_unwrap_gives_the_task_or_raises(service):
    """The very error of the job."""
    failed, succeeded, unsent = await outcomes_of(service)
    assert succeeded.task is succeeded.unwrap()
    for outcome in (failed, unsent):
        with pytest.raises(type(outcome.error)) as caught:
            outcome.unwrap()
        assert outcome.error is caught.value


async def test_an_outcome_can_be_downloaded(service, tmp_path):
    """A succeeded one, its task and its video alike; a failed one is an error before anything is fetched."""
    failed, succeeded, _ = await outcomes_of(service)
    async with client(service) as kling:
        for number, what in enumerate((succeeded, succeeded.task, succeeded.task.videos[0])):
            path = await kling.download(what, tmp_path / f"{number}.mp4")
            assert b"ftyp" == path.read_bytes()[4:8]
        before = service.counts["download"]
        with pytest.raises(ValidationError):
            await kling.download(failed, tmp_path / "none.mp4")
        assert before == service.counts["download"]


async def test_outcomes_come_as_they_finish_and_in_the_order_of_input(service):
    """Streamed by their ends, listed by their index."""
    async with client(service) as kling:
        batch = requests(4)
        told = await kling.image2video.generate_all(batch)
        assert [0, 1, 2, 3] == [each.index for each in told]
        assert all(mine is each.request for mine, each in zip(batch, told, strict=True))


async def test_outcomes_can_be_made_by_users(service):
    """For the tests of their own code; both are frozen and compare by value."""
    _, succeeded, _ = await outcomes_of(service)
    same = Succeeded(succeeded.index, succeeded.request, succeeded.task)
    assert succeeded == same
    error = RuntimeError("mine")
    with pytest.raises(RuntimeError, match="mine"):
        Failed(0, succeeded.request, error).unwrap()
