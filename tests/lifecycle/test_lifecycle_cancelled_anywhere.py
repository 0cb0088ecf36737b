"""A job that is cancelled at any point is told with its ids, and `resume()` never buys what the caller cancelled."""

import asyncio

import pytest
from lifecycle.lifecycle_helpers import ids
from rooms_helpers import CancelledAt, client, emulator, request

from kling_async import Image2VideoRequest
from kling_async.emulator import AtOnce
from kling_async.events import JobAbandoned

pytestmark = pytest.mark.anyio

MOST = 200
"""Suspension points that no call here has."""


async def through_all_points(attempt):
    """Calls `attempt(CancelledAt(n))` for n = 1, 2, … until one runs through; gives the number of points."""
    for number in range(1, MOST):
        if not await attempt(CancelledAt(number), number):
            return number - 1
    raise AssertionError(f"more than {MOST} suspension points")


@pytest.mark.parametrize("given", ["URL", "file"])
async def test_resume_buys_no_cancelled_job(journal, picture, given):
    """Wherever the cancellation strikes: what was never sent is not sent by `resume()`, and nothing is twice."""

    async def attempt(cancelling, number):
        one = request() if given == "URL" else Image2VideoRequest(image=picture)
        async with emulator(advance=AtOnce()) as service:
            path = journal.with_name(f"{number}.sqlite")
            seen = []
            async with client(service, journal=path, on_event=seen.append) as kling:
                struck = await cancelling.strikes(kling.image2video.generate(one))
                await asyncio.sleep(60)  # for what the cancelled request still does at the service
                made = len(service.tasks)
                doubtful = "may have been created" in [getattr(event, "state", None) for event in seen]
            async with client(service, journal=path) as kling:
                async with kling.image2video.resume() as outcomes:
                    told = [outcome async for outcome in outcomes]
            assert all(outcome.error is None for outcome in told)
            assert len(service.tasks) <= 1
            assert doubtful or made == len(service.tasks)
            return struck

    assert 3 < await through_all_points(attempt)


@pytest.mark.parametrize("with_journal", [False, True])
async def test_each_cancellation_after_the_send_is_told(journal, with_journal):
    """A task exists at the service: an event has one of its ids."""

    async def attempt(cancelling, number):
        seen = []
        async with emulator() as service:
            options = {"journal": journal.with_name(f"{number}.sqlite")} if with_journal else {}
            async with client(service, on_event=seen.append, **options) as kling:
                struck = await cancelling.strikes(kling.image2video.generate(request()))
                await asyncio.sleep(60)
                told = [event for event in seen if isinstance(event, JobAbandoned)]
                if struck and service.tasks:
                    (event,) = told
                    assert service.tasks[0].external_task_id == event.external_task_id
                    assert event.task_id in {None, ids(service)[0]}
                assert len(told) <= struck
            return struck

    assert 3 < await through_all_points(attempt)
