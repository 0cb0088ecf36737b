"""A create that is refused as too frequent (1302) until the client gives up: nothing is paid for that cannot be found."""

import pytest
from rooms_helpers import client, emulator, request

from kling_async import RateLimitError, SubmissionUnknownError

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


@pytest.fixture
async def service():
    async with emulator() as running:
        yield running


@pytest.mark.parametrize("call", ["create", "generate"])
async def test_a_task_that_was_made_behind_the_refusals_is_adopted(service, call):
    """The refusals never end, and the one task is returned all the same."""
    service.fault("create", "rate-limit-after", times=None)
    async with client(service) as kling:
        task = await getattr(kling.image2video, call)(request())
    assert [task.task_id] == [each.task_id for each in service.tasks]


@pytest.mark.parametrize("call", ["create", "generate"])
async def test_refusals_behind_which_nothing_was_made_come_out_after_one_query(service, call):
    """What the service said stays the error."""
    service.fault("create", "rate-limit", times=None)
    async with client(service) as kling:
        with pytest.raises(RateLimitError):
            await getattr(kling.image2video, call)(request())
    assert (0, 1) == (len(service.tasks), service.counts["get"])


async def test_where_queries_are_refused_too_the_error_holds_the_id(service):
    """Nothing can be learnt, so the caller gets the id by which the task can be asked for later."""
    service.fault("create", "rate-limit-after", times=None)
    for call in ("get", "list"):
        service.fault(call, "rate-limit", times=None)
    async with client(service) as kling:
        with pytest.raises(SubmissionUnknownError) as caught:
            await kling.image2video.generate(request())
        service.clear_faults()
        (made,) = service.tasks
        assert made.external_task_id == caught.value.external_task_id
        assert made.task_id == (await kling.image2video.wait_for_task(made.external_task_id)).task_id
