"""What the lifecycle's tests share: ways to go on with a journal, callers that leave, and what the ledger saw."""

import asyncio
from contextlib import suppress

from rooms_helpers import client, settled

from kling_async import ClientClosedError, KlingError

WAYS = ["rerun", "resume"]
"""How a journal is gone on with: the script again, or `resume()`."""


def now():
    """The loop's time, in seconds."""
    return asyncio.get_running_loop().time()


def polls(service):
    """How many polls the service has seen, of either kind."""
    return service.counts["get"] + service.counts["list"]


def poll_times(service):
    """When polls came, in loop time."""
    return [record.time for record in service.requests if record.call in {"get", "list"}]


def ids(service):
    """The service's ids of all tasks, in the order of creation."""
    return [task.task_id for task in service.tasks]


async def go_on(kling, batch, way, **options):
    """The outcomes of a journal's jobs, by the way named; `batch` are the script's requests."""
    if way == "rerun":
        return await kling.image2video.generate_all(batch, **options)
    async with kling.image2video.resume(**options) as outcomes:
        return [outcome async for outcome in outcomes]


async def begun(service, journal, batch, **options):
    """Leaves these requests in the journal as jobs that run at the service; gives their handles."""
    async with client(service, journal=journal, **options) as kling:
        return [await kling.image2video.submit(one) for one in batch]


async def left_unknown(service, journal, one, *, made):
    """Leaves this request in the journal as a job of unknown outcome, whose task the service `made` or not."""
    service.fault("create", "hang", before=not made)
    async with client(service, journal=journal) as kling:
        job = asyncio.create_task(kling.image2video.generate(one))
        await asyncio.sleep(5)
    with suppress(KlingError):
        await job
    await asyncio.sleep(60)  # for longer than a request that is on its way can take


async def left_running(service, journal, batch):
    """Leaves these requests as jobs that run; their callers were waiting when the client was closed."""
    async with client(service, journal=journal) as kling:
        jobs = [asyncio.create_task(kling.image2video.generate(one)) for one in batch]
        await asyncio.sleep(5)
    ended = await asyncio.gather(*jobs, return_exceptions=True)
    assert {ClientClosedError} == {type(each) for each in ended}


async def cancelled(job):
    """Cancels a task of the loop and waits for its end."""
    job.cancel()
    await asyncio.wait([job])
    await settled()
