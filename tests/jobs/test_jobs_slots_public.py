"""A slot is held until its task has ended, wherever a job is cancelled; and nothing is left behind."""

import asyncio
import threading

import pytest
from rooms_helpers import CancelledAt, client, emulator, others, request, requests, settled

from kling_async import ConfigurationError, KlingClient, KlingError, SubmissionUnknownError, TaskTimeoutError
from kling_async.emulator import ByClock, Emulator

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

MOST = 300
"""Suspension points that no call here has."""


def now():
    return asyncio.get_running_loop().time()


def calm(_service):
    """No trouble."""


def slow(service):
    """The task is made five seconds after the request came."""
    service.fault("create", "delay", seconds=5.0, before=True)


def lost(service):
    """The first create's answer is lost."""
    service.fault("create", "reset-after")


def late(service):
    """504, and the task comes ten seconds later."""
    service.fault("create", "late-creation", seconds=10.0)


def full(service):
    """Refused twice for lack of slots."""
    service.fault("create", "concurrency", times=2)


WEATHER = [calm, slow, lost, late, full]


@pytest.mark.parametrize("weather", [calm, slow, lost, late])
@pytest.mark.parametrize("after", [0.5, 3.0, 30.0])
async def test_a_cancelled_jobs_slot_stays_with_its_task(weather, after):
    """The next create comes only after the first task has ended at the service."""
    async with emulator(advance=ByClock(100.0)) as service, client(service, max_in_flight=1) as kling:
        weather(service)
        first = asyncio.create_task(kling.image2video.generate(request(0)))
        await asyncio.sleep(after)
        first.cancel()
        await settled()
        second = await kling.image2video.generate(request(1))
        first_made, second_made = service.tasks
        assert second.task_id == second_made.task_id
        assert first_made.ended <= second_made.created


async def test_a_job_that_lost_patience_keeps_its_slot():
    """Its timeout is the caller's; the task goes on, and so does its slot."""
    async with emulator(advance=ByClock(100.0)) as service, client(service, max_in_flight=1) as kling:
        with pytest.raises(TaskTimeoutError):
            await kling.image2video.generate(request(0), timeout=10)
        assert 1 == kling.slots.held
        await kling.image2video.generate(request(1))
        assert service.tasks[0].ended <= service.tasks[1].created


async def test_an_unknown_create_keeps_its_slot_while_nothing_can_be_learnt():
    """Polls fail for ten minutes; its task, made long ago, is then seen to have ended."""
    async with emulator(advance=ByClock(900.0)) as service, client(service, max_in_flight=1) as kling:
        service.fault("create", "reset-after")
        service.fault("get", "error-before", times=None)
        with pytest.raises(SubmissionUnknownError):
            await kling.image2video.generate(request(0))
        service.clear_faults()
        await kling.image2video.generate(request(1))
        assert service.tasks[0].ended <= service.tasks[1].created


async def test_a_cancelled_batch_keeps_its_slots():
    """All of them, until their tasks have ended."""
    async with emulator(advance=ByClock(100.0)) as service, client(service, max_in_flight=3) as kling:
        async with kling.image2video.generate_many(requests(9)) as outcomes:
            await asyncio.sleep(20)
            assert 3 == service.in_flight
            del outcomes
        assert 3 == kling.slots.held
        told = await kling.image2video.generate_all(requests(3))
        assert {None} == {each.error for each in told}
        assert (
            max(made.ended for made in service.tasks[:3])
            <= min(made.created for made in service.tasks[3:]) + 6
        )
        assert (0, 0) == (kling.slots.held, kling.slots.waiting)


async def through_all_points(attempt):
    """Calls `attempt(CancelledAt(n))` for n = 1, 2, … until one runs through; gives the number of points."""
    for number in range(1, MOST):
        before = asyncio.all_tasks()
        struck = await attempt(CancelledAt(number))
        await asyncio.sleep(0.01)
        assert [] == others(before)
        if not struck:
            return number - 1
    raise AssertionError(f"more than {MOST} suspension points")


@pytest.mark.parametrize("weather", WEATHER, ids=lambda weather: weather.__name__)
async def test_generate_cancelled_at_every_point_leaks_nothing(weather):
    """At most one task, a slot for it as long as it runs, and none after it."""

    async def attempt(cancelling):
        async with emulator(advance=ByClock(20.0)) as service:
            weather(service)
            async with client(service, max_in_flight=2) as kling:
                struck = await cancelling.strikes(kling.image2video.generate(request()))
                await asyncio.sleep(0.1)
                assert service.in_flight <= kling.slots.held <= 1
                await asyncio.sleep(6.0)  # for what the cancelled request still does at the service
                assert service.in_flight <= kling.slots.held <= 1
                await asyncio.sleep(120)
                assert (0, 0, 0) == (service.in_flight, kling.slots.held, kling.slots.waiting)
            assert len(service.tasks) <= 1
            return struck

    assert 3 < await through_all_points(attempt)


@pytest.mark.parametrize("weather", [calm, lost, full], ids=lambda weather: weather.__name__)
async def test_generate_many_cancelled_at_every_point_leaks_nothing(weather):
    """Three jobs on two slots."""

    async def attempt(cancelling):
        async with emulator(advance=ByClock(20.0)) as service:
            weather(service)
            async with client(service, max_in_flight=2) as kling:
                struck = await cancelling.strikes(kling.image2video.generate_all(requests(3, named=True)))
                await asyncio.sleep(1.0)
                assert service.in_flight <= kling.slots.held <= 2
                await asyncio.sleep(120)
                assert (0, 0, 0) == (service.in_flight, kling.slots.held, kling.slots.waiting)
            assert len(service.tasks) <= 3
            assert {1} >= set(service.account.created.values())
            return struck

    assert 2 < await through_all_points(attempt)


async def test_a_wait_cancelled_at_every_point_leaks_nothing():
    """The task is untouched, and can be waited for again."""

    async def attempt(cancelling):
        async with emulator(advance=ByClock(8.0)) as service, client(service) as kling:
            made = await kling.image2video.create(request())
            struck = await cancelling.strikes(kling.image2video.wait_for_task(made))
            assert (await kling.image2video.wait_for_task(made)).succeeded
            return struck

    assert 1 <= await through_all_points(attempt)


async def test_closing_the_client_ends_jobs_at_every_stage():
    """One waits for its task, one for its create, three for a slot: all end soon, with an error, and no task is left."""
    before = asyncio.all_tasks()
    async with emulator() as service:
        service.fault("create", "hang", after=1)
        kling = client(service, max_in_flight=2)
        jobs = [asyncio.create_task(kling.image2video.generate(one)) for one in requests(5)]
        await asyncio.sleep(5)
        await kling.aclose()
        ended = await asyncio.wait_for(asyncio.gather(*jobs, return_exceptions=True), 60)
        assert all(isinstance(each, KlingError) for each in ended)
        await settled()
        assert (0, 0) == (kling.slots.held, kling.slots.waiting)
    await asyncio.sleep(0.1)
    assert [] == others(before)


async def test_a_client_closed_by_the_callers_timeout_lets_its_other_jobs_go():
    """The holder of the only slot is cancelled and the client closed in one breath; who waits for the slot ends too."""
    waiting = []

    async def script(service):
        async with client(service, max_in_flight=1) as kling, asyncio.timeout(10):
            start = asyncio.get_running_loop().call_later
            start(1, lambda: waiting.append(asyncio.ensure_future(kling.image2video.generate(request(1)))))
            await kling.image2video.generate(request(0))

    async with emulator() as service:
        with pytest.raises(TimeoutError):
            await script(service)
        (ended,) = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 600)
        assert isinstance(ended, KlingError)


@pytest.mark.parametrize("call", ["wait", "generate", "create", "get"])
def test_a_second_loop_in_another_thread_gets_an_error(call):
    """While the first loop waits on with the same client: a `ConfigurationError`, and nobody hangs."""
    caught, ready, done = [], threading.Event(), threading.Event()

    async def first():
        async with Emulator(render=False, advance=ByClock(1000.0)) as service:
            keys = (service.access_key, service.secret_key)
            async with KlingClient(*keys, base_url=service.url, max_in_flight=1) as kling:
                job = asyncio.create_task(kling.image2video.generate(request(0)))
                while not service.tasks:  # noqa: ASYNC110 - the emulator tells nobody
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.05)
                shared.append((kling, service.tasks[0].task_id))
                ready.set()
                while not done.is_set():  # noqa: ASYNC110 - another thread's event
                    await asyncio.sleep(0.01)
                job.cancel()

    async def second():
        kling, task_id = shared[0]
        calls = {
            "wait": lambda: kling.image2video.wait_for_task(task_id),
            "generate": lambda: kling.image2video.generate(request(1)),
            "create": lambda: kling.image2video.create(request(1)),
            "get": lambda: kling.image2video.get(task_id),
        }
        try:
            async with asyncio.timeout(1.0):
                await calls[call]()
        except Exception as error:  # noqa: BLE001 - it is the result
            caught.append(error)

    shared = []
    thread = threading.Thread(target=asyncio.run, args=(first(),))
    thread.start()
    try:
        assert ready.wait(10)
        asyncio.run(second())
    finally:
        done.set()
        thread.join(10)
    assert [ConfigurationError] == [type(each) for each in caught]
    assert "event loop" in str(caught[0])
