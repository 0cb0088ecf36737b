"""With the account empty (1102) new creates stop at once, while what has a task goes on, whatever the way."""

import asyncio

import pytest
from lifecycle.lifecycle_helpers import WAYS, begun, go_on, ids
from rooms_helpers import client, request, requests

from kling_async import AccountError, NotSubmittedError, SubmissionUnknownError
from kling_async.jobs import job as job_module
from kling_async.jobs.step import Step

pytestmark = pytest.mark.anyio

STOPPED = AccountError | NotSubmittedError


async def with_an_empty_account(service, journal, way):
    """Three jobs run, four were refused; goes on with all of them while the account is empty; gives the outcomes."""
    old, new = requests(3), [request(number) for number in range(10, 14)]
    await begun(service, journal, old)
    service.fault("create", "account", code=1102, times=None)
    async with client(service, journal=journal) as kling:
        refused = await kling.image2video.generate_all(new)
        assert all(isinstance(each.error, STOPPED) for each in refused)
    async with client(service, journal=journal, max_in_flight=2) as kling:
        return await go_on(kling, [*new, *old], way)


def judge(service, told):
    """The running jobs have their results, all others are not sent."""
    done = [each.task.task_id for each in told if each.error is None]
    assert sorted(ids(service)) == sorted(done)
    stopped = [each.error for each in told if each.error is not None]
    assert 4 == len(stopped)
    assert all(isinstance(each, STOPPED) for each in stopped)
    assert 3 == len(service.tasks)


@pytest.mark.parametrize("way", WAYS)
async def test_running_jobs_go_on(service, journal, way):
    """The refused create comes before them in the script, and stops none of them."""
    judge(service, await with_an_empty_account(service, journal, way))


@pytest.mark.parametrize("way", WAYS)
async def test_the_refused_jobs_go_on_once_the_account_is_filled(service, journal, way):
    """They were never sent, and the journal knows it."""
    await with_an_empty_account(service, journal, way)
    service.clear_faults()
    batch = [*requests(3), *(request(number) for number in range(10, 14))]
    async with client(service, journal=journal, max_in_flight=2) as kling:
        told = await go_on(kling, batch, way)
    assert [None] * 7 == [each.error for each in told]
    assert 7 == len(service.tasks)
    assert {1} == set(service.account.created.values())


async def test_jobs_of_unknown_outcome_are_looked_up_with_an_empty_account(service, journal):
    """The create of one had left before the kill: it is adopted; nothing is sent."""
    service.fault("create", "hang")
    async with client(service, journal=journal) as kling:
        job = asyncio.create_task(kling.image2video.generate(request()))
        await asyncio.sleep(5)
    with pytest.raises(SubmissionUnknownError):
        await job
    service.fault("create", "account", code=1102, times=None)
    async with client(service, journal=journal) as kling:
        told = await go_on(kling, [request(7), request(0)], "rerun")
    assert [False, True] == [each.error is None for each in told]
    assert [told[1].task.task_id] == ids(service)


async def test_a_batch_of_one_client_fetches_what_runs(service):
    """No journal: the jobs before the refusal bring their results, and those that wait for a slot are not sent."""
    async with client(service, max_in_flight=3) as kling:
        service.fault("create", "account", code=1102, times=None, after=2)
        told = await kling.image2video.generate_all(requests(9))
    assert [None, None] == [each.error for each in told[:2]]
    assert all(isinstance(each.error, STOPPED) for each in told[2:])
    assert 3 == service.counts["create"]
    unsent = [each.error for each in told if isinstance(each.error, NotSubmittedError)]
    assert all(isinstance(each.__cause__, AccountError) for each in unsent)


async def test_control_a_job_with_a_task_that_counts_as_new_is_stopped(service, journal, monkeypatch):
    """With the decision broken, running jobs end without their results, and the judge says so."""
    monkeypatch.setattr(job_module, "next_step", lambda _entry, _known: Step.SEND)
    told = await with_an_empty_account(service, journal, "rerun")
    with pytest.raises(AssertionError):
        judge(service, told)
