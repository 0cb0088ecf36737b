"""Waits against the emulator: how many polls they cost and how late an end is noticed, on the loop's clock."""

import asyncio

import pytest
from rooms_helpers import client, emulator, requests

from kling_async import ServerError, TaskFailedError, TaskTimeoutError
from kling_async.emulator import AtOnce, ByClock, ByPolls

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


def now():
    return asyncio.get_running_loop().time()


def polls(service):
    """All requests that are not creates."""
    return service.counts["get"] + service.counts["list"]


async def created(kling, count):
    """So many tasks, made one after the other."""
    return [await kling.image2video.create(one) for one in requests(count)]


async def noticed(kling, service, targets, **options):
    """Waits for all targets; gives the delays of noticing, in seconds."""
    delays = []

    async def one(target):
        task = await kling.image2video.wait_for_task(target, **options)
        ended = {made.task_id: made.ended for made in service.tasks}
        delays.append(now() - ended[task.task_id])

    await asyncio.gather(*(one(target) for target in targets))
    return delays


async def test_three_hundred_jobs_cost_few_polls():
    """120 s each, 100 in flight: a twentieth of one poll per job and 5 s, and noticed no later than by that."""
    async with emulator(capacity=100) as service, client(service, max_in_flight=100) as kling:
        delays = []
        async with kling.image2video.generate_many(requests(300)) as outcomes:
            async for outcome in outcomes:
                task_id = outcome.unwrap().task_id
                delays += [now() - made.ended for made in service.tasks if made.task_id == task_id]
        assert polls(service) <= 360
        assert 300 == service.counts["create"] == len(delays)
        assert sum(delays) / 300 <= 2.5
        assert max(delays) <= 6


@pytest.mark.parametrize("count", [1, 3])
async def test_few_tasks_are_polled_one_by_one(count):
    """No list page is asked for."""
    async with emulator() as service, client(service) as kling:
        delays = await noticed(kling, service, await created(kling, count))
        assert 0 == service.counts["list"]
        assert max(delays) <= 5.1
        assert polls(service) <= count * 30


@pytest.mark.parametrize("order", ["newest", "oldest", "random"])
async def test_the_order_of_pages_decides_nothing_but_economy(order):
    """Sixty tasks among a thousand old ones: everyone's end is noticed in time."""
    async with emulator(advance=AtOnce(), list_order=order) as service, client(service) as kling:
        for number in range(1000):
            service.account.settle(service.account.create(f"old-{number}", {}, None, None))
        service.advance = ByClock(lambda number: 60.0 + number % 60)
        tasks = await created(kling, 60)
        begun = polls(service)
        delays = await noticed(kling, service, tasks)
        assert max(delays) <= 7
        assert polls(service) - begun <= 60 * 30


async def test_tasks_missing_from_pages_are_found():
    """A list that leaves out every second task."""
    async with emulator() as service, client(service) as kling:
        page = service.account.page
        service.account.page = lambda *where: [one for one in page(*where) if one.number % 2]
        delays = await noticed(kling, service, await created(kling, 40))
        assert 40 == len(delays)
        assert max(delays) <= 6


@pytest.mark.parametrize(
    "kind",
    [
        "error-before",
        "html-before",
        "redirect",
        "not-json",
        "empty",
        "truncate",
        "reset-before",
        "rate-limit",
    ],
)
async def test_a_broken_list_falls_back_to_single_polls(kind):
    """Whatever the list answers, without end: everyone gets its task, most of them in time."""
    async with emulator() as service, client(service) as kling:
        tasks = await created(kling, 20)
        service.fault("list", kind, times=None)
        delays = sorted(await noticed(kling, service, tasks))
        assert 20 == len(delays)
        assert delays[10] <= 10
        assert delays[-1] <= 60


async def test_an_outage_of_minutes_ends_no_wait():
    """Nothing is answered for ten minutes, over the end of all tasks."""
    async with emulator() as service, client(service) as kling:
        tasks = await created(kling, 20)
        asyncio.get_running_loop().call_later(60, lambda: service.fault("any", "reset-before", times=None))
        asyncio.get_running_loop().call_later(660, service.clear_faults)
        delays = await noticed(kling, service, tasks)
        assert 20 == len(delays)
        assert max(delays) <= 660 - 120 + 45


async def test_an_outage_is_probed_by_few_polls(seam):
    """However many wait: what is down is not asked by all of them at once, and all are asked for once it is up."""
    jobs = seam.start(seam.add(200))
    await asyncio.sleep(30)
    seam.poll_error = seam.page_error = ServerError(5001, "unavailable", http_status=503)
    await asyncio.sleep(600)
    begun = now() - 500  # the first failures tell that it is an outage
    asked = [at for at, *_ in (*seam.pages, *seam.polls) if at >= begun]
    assert 20 <= len(asked) <= 60
    seam.poll_error = None
    seam.most_under_way = 0
    assert 200 == len(await seam.finish(jobs))
    assert 16 == seam.most_under_way


@pytest.mark.parametrize("count", [1, 10])
async def test_deadlines_bound_the_request_in_flight(count):
    """Every poll hangs; the wait ends to the moment, and its error holds the task."""
    async with emulator() as service, client(service) as kling:
        tasks = await created(kling, count)
        service.fault("any", "hang", times=None)
        begun = now()
        for task, ended in zip(
            tasks,
            await asyncio.gather(
                *(kling.image2video.wait_for_task(task, timeout=10) for task in tasks), return_exceptions=True
            ),
            strict=True,
        ):
            assert isinstance(ended, TaskTimeoutError)
            assert task.task_id == ended.task.task_id
        assert 10 == pytest.approx(now() - begun, abs=0.2)


async def test_one_of_many_is_cancelled():
    """The others get their own tasks."""
    async with emulator() as service, client(service) as kling:
        tasks = await created(kling, 10)
        jobs = [asyncio.create_task(kling.image2video.wait_for_task(task)) for task in tasks]
        await asyncio.sleep(30)
        jobs[4].cancel()
        got = await asyncio.gather(*jobs, return_exceptions=True)
        assert [one.task_id for one in tasks[:4] + tasks[5:]] == [one.task_id for one in got[:4] + got[5:]]
        assert jobs[4].cancelled()


async def test_waits_by_external_ids_share_pages_too():
    """Forty of them cost little more than by task ids."""
    async with emulator() as service, client(service) as kling:
        tasks = [await kling.image2video.create(one) for one in requests(40, named=True)]
        delays = await noticed(kling, service, [task.external_task_id for task in tasks])
        assert 40 == len(delays)
        assert polls(service) <= 150


async def test_a_wait_leaves_no_tasks_behind():
    """Whether it succeeded, failed, timed out or was cancelled."""
    async with emulator(advance=ByPolls(1, 3)) as service, client(service) as kling:
        tasks = await created(kling, 4)
        await kling.image2video.wait_for_task(tasks[0])
        names = {one.get_name() for one in asyncio.all_tasks()}
        service.fail_next("no")
        with pytest.raises(TaskFailedError):
            await kling.image2video.generate(requests(1)[0])
        service.advance = ByClock(1e5)
        hanging = await kling.image2video.create(requests(1)[0])
        with pytest.raises(TaskTimeoutError):
            await kling.image2video.wait_for_task(hanging, timeout=50)
        job = asyncio.create_task(kling.image2video.wait_for_task(hanging))
        await asyncio.sleep(20)
        job.cancel()
        await asyncio.sleep(0.1)
        left = {one.get_name() for one in asyncio.all_tasks()} - names
        assert not [name for name in left if name.startswith("kling")]


async def test_what_is_learnt_makes_polls_denser():
    """After five jobs of 200 s the sixth's end is noticed within the dense gap, for fewer polls than before."""
    async with emulator(advance=ByClock(200.0)) as service, client(service) as kling:
        costs, delays = [], []
        for one in requests(7):
            begun = polls(service)
            task = await kling.image2video.generate(one)
            costs.append(polls(service) - begun)
            delays += [now() - made.ended for made in service.tasks if made.task_id == task.task_id]
        assert delays[-1] <= 2.1
        assert costs[-1] < costs[0]
