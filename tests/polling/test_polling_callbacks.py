"""Callbacks at the poller: what they have polled and how soon, how polls slow down meanwhile, and that none is needed."""

import asyncio
import itertools

import pytest
from rooms_helpers import row, settled

from kling_async import ServerError, TaskFailedError
from kling_async.polling.notices import REMEMBERED
from kling_async.polling.schedule import Experience
from kling_async.polling.told import CALLBACK_GAP, CALLED_GAP
from kling_async.polling.wait import until_end
from kling_async.schema.task import read_task

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


def now():
    return asyncio.get_running_loop().time()


def told(seam, task_id, status=None, job=None):
    """Has the poller hear a callback: a true one, or one that tells another status."""
    status = status or seam.rows[task_id]["task_status"]
    return seam.poller.told(job or f"job-{task_id}", read_task(row(task_id, status)))


async def wait(seam, task_id, *, gap=None, called_back=True, timeout=4000.0, on_update=None):
    """A job that was just created."""
    watching = seam.poller.watching(
        task_id,
        gap or seam.gap,
        timeout,
        poll_now=False,
        known=True,
        job=f"job-{task_id}",
        called_back=called_back,
    )
    with watching as watch:
        return await until_end(watch, on_update)


def start(seam, ids, **options):
    """Jobs for all of them."""
    return [asyncio.create_task(wait(seam, task_id, **options)) for task_id in ids]


def requests(seam):
    """Requests so far."""
    return len(seam.polls) + len(seam.pages)


@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize("status", ["succeed", "failed"])
async def test_an_end_is_noticed_at_once(seam, count, status):
    """By one single GET for each, also within a second of another poll."""
    ids = seam.add(count)
    jobs = start(seam, ids)
    await asyncio.sleep(7.3)
    before = len(seam.polls)
    for task_id in ids:
        seam.move(status, task_id)
        assert told(seam, task_id)
    begun = now()
    got = await asyncio.gather(*jobs, return_exceptions=True)
    assert {"Task" if status == "succeed" else "TaskFailedError"} == {type(each).__name__ for each in got}
    assert now() - begun < 0.1
    assert count == len(seam.polls) - before


async def test_a_forged_end_changes_nothing(seam):
    """The body is not believed: the task is polled, and goes on."""
    (one,) = seam.add(1)
    (job,) = start(seam, [one])
    await asyncio.sleep(3)
    for status in ("succeed", "failed", "exploded"):
        assert told(seam, one, status)
        await asyncio.sleep(1)
        assert not job.done()
    (got,) = await seam.finish([job])
    assert got.succeeded


@pytest.mark.parametrize("status", ["succeed", "processing"])
async def test_a_flood_costs_one_poll_in_five_seconds(seam, status):
    """Repeated or forged with the right token, for half a minute; the schedule's own polls are not among them."""
    (one,) = seam.add(1)
    (job,) = start(seam, [one], gap=lambda _: 1000.0)
    await asyncio.sleep(10)
    for _ in range(120):
        told(seam, one, status)
        await asyncio.sleep(0.25)
    times = [time for time, _ in seam.polls]
    assert len(times) <= 30 / CALLBACK_GAP + 2
    gaps = [second - first for first, second in itertools.pairwise(times)]
    assert CALLBACK_GAP == pytest.approx(min(gaps[1:]), abs=0.3)
    await settled()
    seam.move("succeed", one)
    await job


async def test_within_five_seconds_a_callback_waits_for_their_end(seam):
    """One that tells of no end; it is polled when they are over."""
    (one,) = seam.add(1)
    (job,) = start(seam, [one], gap=lambda _: 1000.0)
    await asyncio.sleep(2)
    begun = now()
    seam.move("processing", one)
    told(seam, one)
    await asyncio.sleep(10)
    assert [begun - 2 + CALLBACK_GAP] == pytest.approx([time for time, _ in seam.polls])
    seam.move("succeed", one)
    told(seam, one)
    await job


async def test_an_unknown_task_costs_nothing(seam):
    """Neither another job's nor one that nobody waits for any more; what is remembered of them is bounded."""
    ids = seam.add(3)
    jobs = start(seam, ids[:2], gap=lambda _: 1000.0)
    await asyncio.sleep(1)
    for number in range(3 * REMEMBERED):
        assert not told(seam, ids[2], job=f"other-{number}")
    assert not told(seam, ids[0], job="job-1x")  # another job's token on this task
    assert not told(seam, ids[2], "succeed")
    await asyncio.sleep(20)
    assert [] == seam.polls
    assert len(seam.poller._notices._early) <= REMEMBERED
    for job in jobs:
        job.cancel()
    await settled()
    assert not told(seam, ids[0], "succeed")
    assert [] == seam.polls


async def test_a_callback_can_come_before_the_task_is_waited_for(seam):
    """It may overtake the create's answer; the task is polled as soon as somebody waits for it."""
    (one,) = seam.add(1, "failed")
    assert not told(seam, one)
    begun = now()
    (job,) = start(seam, [one], gap=lambda _: 1000.0)
    with pytest.raises(TaskFailedError):
        await job
    assert now() - begun < 0.1
    assert 1 == len(seam.polls)


async def test_twins_share_a_poll_and_inherit_it(seam):
    """Two waits for one task: one poll serves both; if the one for which it was planned goes, the other has it."""
    (one,) = seam.add(1)
    first, second = start(seam, [one, one], gap=lambda _: 1000.0)
    await asyncio.sleep(2)
    told(seam, one, "processing")
    first.cancel()
    await asyncio.sleep(10)
    assert 1 == len(seam.polls)
    seam.move("succeed", one)
    told(seam, one)
    assert (await second).succeeded
    third, fourth = start(seam, [one, one], gap=lambda _: 1000.0)
    await asyncio.sleep(2)
    before = len(seam.polls)
    told(seam, one)
    assert ["succeed"] * 2 == [str(each.status) for each in await asyncio.gather(third, fourth)]
    assert 1 == len(seam.polls) - before


@pytest.mark.parametrize("seam", ["paced"], indirect=True)
async def test_an_end_that_the_service_shows_late_is_not_forgotten(seam):
    """Read after write lags: the poll after the callback still shows the task running."""
    ids = seam.add(2)
    jobs = start(seam, ids)
    await run(seam, ids, "processing")
    await asyncio.sleep(60)
    told(seam, ids[0], "succeed")
    await asyncio.sleep(1)
    seam.move("succeed", ids[0])
    begun = now()
    await jobs[0]
    assert now() - begun <= 5.1
    await seam.finish([jobs[1]])


async def test_errors_of_polls_do_not_lose_a_callback(seam):
    """An outage just then: the task is polled when it is over, and not much later."""
    ids = seam.add(20)
    jobs = start(seam, ids)
    await run(seam, ids, "processing")
    await asyncio.sleep(40)
    seam.poll_error = seam.page_error = ServerError(5001, "maintenance", http_status=503)
    seam.move("succeed", *ids)
    for task_id in ids:
        told(seam, task_id)
    await asyncio.sleep(20)
    seam.poll_error = seam.page_error = None
    begun = now()
    await asyncio.gather(*jobs)
    assert now() - begun <= 35


async def run(seam, ids, status):
    """Lets tasks take on a status one after the other, each with its callback."""
    for task_id in ids:
        seam.move(status, task_id)
        told(seam, task_id)
        await asyncio.sleep(0.01)


async def lifetimes(seam, count, *, told_of=lambda _number, _status: True, called_back=True, spread=3.0):
    """Jobs of 120 s that start within `spread` seconds; gives how late each end was noticed, and the requests."""
    ids, late = seam.add(count), {}
    seam.rows.clear()

    async def life(number, task_id):
        await asyncio.sleep(spread * number / count)
        seam.move("submitted", task_id)
        job = asyncio.create_task(wait(seam, task_id, gap=gap, called_back=called_back))
        for seconds, status in ((12.0, "processing"), (108.0, "succeed")):
            await asyncio.sleep(seconds)
            seam.move(status, task_id)
            if told_of(number, status):
                told(seam, task_id)
        ended = now()
        await job
        late[number] = now() - ended

    gap = Experience()
    seam.poll_takes = seam.page_takes = 0.001
    await asyncio.gather(*(life(number, task_id) for number, task_id in enumerate(ids)))
    return [late[number] for number in range(count)], requests(seam)


@pytest.mark.parametrize("seam", ["paced"], indirect=True)
async def test_with_all_callbacks_there_is_little_else_to_poll(seam):
    """300 jobs of 120 s: one GET for each end and at most 20 requests more; 19 in 20 ends noticed within 0.1 s."""
    late, cost = await lifetimes(seam, 300)
    assert cost <= 300 + 20
    assert sorted(late)[285] <= 0.1


@pytest.mark.parametrize("seam", ["paced"], indirect=True)
@pytest.mark.parametrize("count", [2, 40])
async def test_with_no_callback_nothing_is_noticed_later_than_without_a_receiver(seam, count):
    """To the moment, at the same cost."""
    none = lambda _number, _status: False  # noqa: E731 - the same for both
    lost = await lifetimes(seam, count, told_of=none)
    without = await lifetimes(type(seam)(Experience()), count, told_of=none, called_back=False)
    assert without[0] == pytest.approx(lost[0], abs=1e-6)
    assert without[1] == lost[1]


@pytest.mark.parametrize("seam", ["paced"], indirect=True)
async def test_polls_go_back_to_the_schedule_when_callbacks_stop(seam):
    """Once one change was not told of: those that end later are noticed as without a receiver."""
    late, _ = await lifetimes(
        seam, 60, told_of=lambda number, status: number < 20 or status != "succeed", spread=120.0
    )
    assert max(late[:20]) < 0.1
    assert max(late) <= CALLED_GAP + 1
    assert max(late[45:]) <= 5.1


@pytest.mark.parametrize("seam", ["paced"], indirect=True)
async def test_one_that_is_lost_is_noticed_by_the_safety_net(seam):
    """Within half a minute, among many that arrive."""
    late, _ = await lifetimes(seam, 60, told_of=lambda number, _status: number != 7)
    assert late[7] <= CALLED_GAP + 1
    assert max(late[:7] + late[8:]) < 0.1


@pytest.mark.parametrize("seam", ["explicit"], indirect=True)
async def test_a_schedule_of_the_callers_own_is_kept_to(seam):
    """Its gaps of five seconds stay, however well callbacks arrive."""
    ids = seam.add(2)
    jobs = start(seam, ids)
    await run(seam, ids, "processing")
    await asyncio.sleep(100)
    for task_id in ids:
        assert 19 <= sum(polled == task_id for _, polled in seam.polls) <= 23
    await seam.finish(jobs)


async def test_500_waits_that_are_cancelled_at_once_leave_nothing(seam):
    """Some told of, some relied on, some with a poll to come; the poller is empty and polls no more."""
    ids = seam.add(500)
    jobs = start(seam, ids)
    await asyncio.sleep(1)
    await run(seam, ids[:300], "processing")
    await asyncio.sleep(10)
    for task_id in ids[200:400]:
        told(seam, task_id, "processing")
    for job in jobs:
        job.cancel()
    await asyncio.wait(jobs)
    await settled()
    notices = seam.poller._notices
    for left in (notices._of_job, notices._waiting, notices._relying, notices._untold):
        assert not left
    before = requests(seam)
    await asyncio.sleep(100)
    assert before == requests(seam)
