"""Schedules: given for a call or a client, or learnt for each kind of job by itself."""

import asyncio
import itertools

import pytest
from lifecycle.lifecycle_helpers import begun, poll_times, polls
from rooms_helpers import client, request

from kling_async.emulator import ByClock
from kling_async.polling.schedule import REMEMBERED

pytestmark = pytest.mark.anyio

LONG, SHORT = 300.0, 90.0
"""Seconds that jobs of the two kinds take."""

PRO = {"mode": "pro", "model_name": "kling-v1-5"}
STD = {"mode": "std", "model_name": "kling-v1-5"}


@pytest.fixture
def timed(service):
    """Tasks in mode pro take LONG seconds, all others SHORT ones."""

    def seconds(_number):
        return LONG if next_mode[0] == "pro" else SHORT

    next_mode = ["std"]
    service.advance = ByClock(seconds)

    def make(fields):
        next_mode[0] = fields["mode"]
        return fields

    return make


async def polled(service, kling, fields, way):
    """How often one job of this kind was polled, alone, by the way named."""
    handle = await kling.image2video.submit(request(7, **fields))
    before = polls(service)
    if way == "wait_for_task":
        await kling.image2video.wait_for_task(handle.task_id)
    elif way == "watch":
        async for _ in kling.image2video.watch(handle.task_id):
            pass
    elif way == "generate":
        raise AssertionError("it is what the others are held against")
    else:
        await handle.wait()
    return polls(service) - before


async def learnt(kling, timed, fields, count=REMEMBERED // 2):
    """Lets so many jobs of a kind end."""
    timed(fields)
    for number in range(count):
        await kling.image2video.generate(request(number, **fields))


@pytest.mark.parametrize("way", ["wait_for_task", "watch", "job.wait"])
async def test_a_wait_learns_from_jobs_of_its_own_kind(service, timed, way):
    """Fewer polls than before, since it is known when such jobs end."""
    async with client(service) as fresh:
        unlearnt = await polled(service, fresh, timed(PRO), way)
    async with client(service) as kling:
        await learnt(kling, timed, PRO)
        assert 0.75 * unlearnt > await polled(service, kling, timed(PRO), way)


@pytest.mark.parametrize("way", ["wait_for_task", "watch", "job.wait"])
async def test_a_wait_learns_nothing_from_another_kind(service, timed, way):
    """It is polled as in a client that knows nothing."""
    async with client(service) as fresh:
        unlearnt = await polled(service, fresh, timed(STD), way)
    async with client(service) as kling:
        await learnt(kling, timed, PRO)
        assert unlearnt == await polled(service, kling, timed(STD), way)


async def left_alone(service, kling, fields):
    """How often a job is polled whose caller was cancelled at once."""
    job = asyncio.create_task(kling.image2video.generate(request(7, **fields)))
    await asyncio.sleep(0.5)
    job.cancel()
    before = polls(service)
    await asyncio.sleep(2 * LONG)
    assert 0 == kling.slots.held
    return polls(service) - before


async def test_an_abandoned_task_learns_from_its_own_kind_alone(service, timed):
    """The background watch keeps to the kind's schedule."""
    async with client(service, max_in_flight=1) as fresh:
        unlearnt = await left_alone(service, fresh, timed(STD)), await left_alone(service, fresh, timed(PRO))
    async with client(service, max_in_flight=1) as kling:
        await learnt(kling, timed, PRO)
        learnt_polls = (
            await left_alone(service, kling, timed(STD)),
            await left_alone(service, kling, timed(PRO)),
        )
    assert unlearnt[0] == learnt_polls[0]
    assert 0.75 * unlearnt[1] > learnt_polls[1]


async def test_an_abandoned_task_teaches_its_own_kind(service, timed):
    """Jobs that nobody waited for count as experience, of their kind and of no other."""
    async with client(service) as fresh:
        unlearnt = [await polled(service, fresh, timed(each), "job.wait") for each in (STD, PRO)]
    async with client(service, max_in_flight=1) as kling:
        for _ in range(10):
            await left_alone(service, kling, timed(PRO))
        kling.max_in_flight = None  # so that the wait is the only one that polls
        learnt_polls = [await polled(service, kling, timed(each), "wait_for_task") for each in (STD, PRO)]
    assert unlearnt[0] == learnt_polls[0]
    assert 0.75 * unlearnt[1] > learnt_polls[1]


async def test_resume_teaches_the_kind_of_its_entries(service, journal, timed):
    """Ten long jobs were resumed one by one; a short one is polled as before, and a long one less."""
    async with client(service) as fresh:
        unlearnt = [await polled(service, fresh, timed(each), "wait_for_task") for each in (STD, PRO)]
    await begun(service, journal, [request(number, **timed(PRO)) for number in range(10)])
    learnt_polls = []
    async with client(service, journal=journal) as kling:
        async with kling.image2video.resume() as outcomes:
            assert all([outcome.unwrap() async for outcome in outcomes])
        for fields in (STD, PRO):
            made = await kling.image2video.create(request(20, **timed(fields)))
            before = polls(service)
            await kling.image2video.wait_for_task(made.task_id)
            learnt_polls.append(polls(service) - before)
    assert unlearnt[0] == learnt_polls[0]
    assert 0.75 * unlearnt[1] > learnt_polls[1]


SCHEDULE = [7.0]


def gaps(service):
    """Seconds between a job's creation, and its polls."""
    times = [service.tasks[-1].created, *poll_times(service)]
    return [round(later - earlier, 1) for earlier, later in itertools.pairwise(times)]


@pytest.mark.parametrize(
    "given", ["generate", "generate_many", "generate_all", "client", "client, abandoned"]
)
async def test_a_given_schedule_is_kept_to(service, given):
    """From the call, or from the client."""
    options = {"schedule": SCHEDULE} if "client" in given else {}
    async with client(service, max_in_flight=1, **options) as kling:
        if given == "generate":
            await kling.image2video.generate(request(), schedule=SCHEDULE)
        elif given == "generate_many":
            async with kling.image2video.generate_many([request()], schedule=SCHEDULE) as outcomes:
                assert all([outcome.unwrap() async for outcome in outcomes])
        elif given == "generate_all":
            await kling.image2video.generate_all([request()], schedule=SCHEDULE)
        elif given == "client":
            await kling.image2video.generate(request())
        else:
            await kling.image2video.submit(request())
            await asyncio.sleep(200)
    seen = gaps(service)[1:]  # the background watch polls at once, too
    assert 10 < len(seen)
    assert {7.0} == set(seen)


async def test_a_calls_schedule_comes_before_the_clients(service):
    """What is nearest counts."""
    async with client(service, schedule=[50.0]) as kling:
        await kling.image2video.generate(request(), schedule=SCHEDULE)
    assert {7.0} == set(gaps(service))


async def test_a_callable_schedule_gets_the_age(service):
    """In seconds since the task was created."""
    ages = []

    def schedule(age):
        ages.append(age)
        return 10.0

    async with client(service) as kling:
        await kling.image2video.generate(request(), schedule=schedule)
    assert ages == sorted(ages)
    assert 100 < max(ages) <= 120
