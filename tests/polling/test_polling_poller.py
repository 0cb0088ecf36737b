"""The shared wait loop against a fake seam: what it does with odd pages, answers that are errors, and waiters that come and go."""

import asyncio
import gc
import itertools
import logging

import pytest
from rooms_helpers import row, settled

from kling_async import (
    AccountError,
    APIError,
    BadRequestError,
    ClientClosedError,
    MalformedResponseError,
    PermissionDeniedError,
    ServerError,
    TaskNotFoundError,
    TaskTimeoutError,
)
from kling_async.polling.pages import LARGEST_PAGE
from kling_async.polling.plan import FEW
from kling_async.polling.poller import Poller
from kling_async.polling.schedule import Experience
from kling_async.polling.singles import AT_ONCE
from kling_async.polling.wait import until_end
from kling_async.polling.watch import Watch
from kling_async.schema.task import read_task

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


def now():
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("count", [1, FEW])
async def test_a_few_waiters_are_polled_one_by_one(seam, count):
    """Each on its own schedule; no page is asked for."""
    ids = seam.add(count)
    jobs = [
        asyncio.create_task(seam.wait(one, gap=lambda _, gap=3.0 + number: gap))
        for number, one in enumerate(ids)
    ]
    await seam.finish(jobs)
    assert [] == seam.pages
    for number, one in enumerate(ids):
        times = [time for time, task_id in seam.polls if task_id == one]
        gaps = {round(second - first, 1) for first, second in itertools.pairwise(times)}
        assert {3.0 + number} == gaps


@pytest.mark.parametrize("count", [10, 100, 700])
async def test_many_waiters_share_pages(seam, count):
    """A page or two each round; next to no single polls."""
    jobs = seam.start(seam.add(count))
    got = await seam.finish(jobs)
    assert [str(number) for number in range(count)] == [each.task_id for each in got]
    assert len(seam.polls) <= FEW + 30 / 15
    rounds = 31 if isinstance(seam.gap, Experience) else 7
    assert len(seam.pages) <= rounds * (1 + count // LARGEST_PAGE) + 1
    assert all(1 <= size <= LARGEST_PAGE for _, _, size in seam.pages)


@pytest.mark.parametrize(
    "error",
    [
        ServerError(5001, "maintenance", http_status=503),
        MalformedResponseError("html", http_status=502),
        MalformedResponseError("no such route", http_status=404),
        PermissionDeniedError(1103, "", http_status=403),
        BadRequestError(1202, "wrong method", http_status=404),
        APIError(429, "slow down", http_status=429),
    ],
    ids=["5001", "html", "404", "1103", "1202", "unknown"],
)
async def test_a_broken_list_alone_falls_back_to_single_polls(seam, error):
    """The end is noticed all the same, within a minute."""
    ids = seam.add(20)
    seam.page_error = error
    jobs = seam.start(ids)
    await asyncio.sleep(100)
    seam.move("succeed", *ids)
    begun = now()
    await asyncio.gather(*jobs)
    assert now() - begun <= 60


async def test_a_list_that_hangs_and_fails_holds_nobody_long(seam):
    """Pages never come within the transport's 30 s; the end is noticed within two of those."""
    ids = seam.add(20)
    seam.page_takes = 30.0
    seam.page_error = ServerError(5002, "timeout", http_status=504)
    jobs = seam.start(ids)
    await asyncio.sleep(200)
    seam.move("succeed", *ids)
    begun = now()
    await asyncio.gather(*jobs)
    assert now() - begun <= 60


async def test_an_outage_of_minutes_ends_no_wait(seam):
    """Polls slow down together meanwhile, and go on after it."""
    ids = seam.add(20)
    jobs = seam.start(ids, timeout=3600)
    await asyncio.sleep(20)
    seam.poll_error = seam.page_error = ServerError(5001, "maintenance", http_status=503)
    seen = len(seam.polls) + len(seam.pages)
    await asyncio.sleep(600)
    assert len(seam.polls) + len(seam.pages) - seen < 800
    assert not any(job.done() for job in jobs)
    seam.poll_error = seam.page_error = None
    seam.move("succeed", *ids)
    begun = now()
    await asyncio.gather(*jobs)
    assert now() - begun <= 35


@pytest.mark.parametrize("count", [1, 20])
async def test_permanent_errors_end_waits(seam, count):
    """An account error, from single polls and from pages."""
    ids = seam.add(count)
    seam.poll_error = seam.page_error = AccountError(1102, "no balance", http_status=429)
    for job in seam.start(ids):
        with pytest.raises(AccountError):
            await job


async def test_deadlines_bound_a_poll_that_hangs(seam):
    """To the moment, each waiter its own."""
    (one,) = seam.add(1)
    seam.poll_takes = 1e6
    begun = now()
    jobs = [asyncio.create_task(seam.wait(one, timeout=5.0 + number)) for number in range(5)]
    for number, job in enumerate(jobs):
        with pytest.raises(TaskTimeoutError):
            await job
        assert 5.0 + number == pytest.approx(now() - begun, abs=0.1)


async def test_a_cancelled_waiter_touches_no_other(seam):
    """Neither those on the same task nor the rest."""
    ids = seam.add(10)
    jobs, twins = seam.start(ids), seam.start(ids)
    await asyncio.sleep(12)
    for job in jobs[::2]:
        job.cancel()
    await settled()
    assert all(job.cancelled() for job in jobs[::2])
    got = await seam.finish([*jobs[1::2], *twins])
    assert [*ids[1::2], *ids] == [each.task_id for each in got]


async def test_cancelling_during_a_poll_touches_no_other(seam):
    """The waiter whose poll is in flight goes; its twin is served by a poll."""
    (one,) = seam.add(1)
    seam.poll_takes = 3.0
    first, second = seam.start([one, one])
    await asyncio.sleep(1)
    first.cancel()
    (got,) = await seam.finish([second])
    assert one == got.task_id


async def test_a_late_joiner_is_served_at_once(seam):
    """Its first poll is due when it comes, whatever the others' ticks."""
    ids = seam.add(20)
    jobs = seam.start(ids, gap=lambda _: 600.0)
    await asyncio.sleep(100)
    seam.move("succeed", ids[0])
    begun = now()
    assert ids[0] == (await seam.wait(ids[0])).task_id
    assert now() - begun < 1
    assert await jobs[0]
    seam.move("succeed", *ids)
    await asyncio.gather(*jobs)


async def test_the_last_one_out_stops_the_loop(seam):
    """No task is left, also if polls are in flight; and the next waiter starts it again."""
    before = asyncio.all_tasks()
    seam.poll_takes = seam.page_takes = 10.0
    for count in (1, 20):
        jobs = seam.start(seam.add(count))
        await asyncio.sleep(1)
        for job in jobs:
            job.cancel()
        await settled()
        assert asyncio.all_tasks() == before
    seam.move("succeed", "0")
    assert "0" == (await seam.wait("0")).task_id


async def test_a_schedule_that_goes_wrong_ends_its_own_wait(seam):
    """With its own error; the rest is served."""
    ids = seam.add(6)

    def wrong(_):
        raise ZeroDivisionError

    bad = asyncio.create_task(seam.wait(ids[0], gap=wrong))
    jobs = seam.start(ids)
    with pytest.raises(ZeroDivisionError):
        await bad
    await seam.finish(jobs)


async def test_a_defect_of_single_polls_ends_waits_instead_of_hanging_them(seam):
    """A foreign exception of the seam comes out, each waiter's own, with a note that names its task."""
    ids = seam.add(20)
    seam.poll_error = ZeroDivisionError()
    seam.hidden_from_pages = set(ids)
    for task_id, ended in zip(
        ids, await asyncio.gather(*seam.start(ids), return_exceptions=True), strict=True
    ):
        assert isinstance(ended, ZeroDivisionError)
        (note,) = ended.__notes__
        assert f"task {task_id}," in note


async def test_a_defect_of_the_list_leaves_waits_to_single_polls(seam, caplog):
    """It is logged, and everybody gets its own task."""
    ids = seam.add(20)
    seam.page_error = ZeroDivisionError()
    got = await seam.finish(seam.start(ids))
    assert ids == [each.task_id for each in got]
    assert "could not be read" in caplog.text


async def test_a_poll_that_falls_due_as_all_others_end_is_made(seam):
    """At the very moment at which every worker has finished and none has been counted out yet."""
    ids = seam.add(AT_ONCE + 1, "succeed")
    seam.page_error, seam.page_takes = MalformedResponseError("no such route", http_status=404), 0.0
    answered = asyncio.Event()
    asyncio.get_running_loop().call_at(now() + 2.0, answered.set)

    async def one(task_id):
        await answered.wait()
        return read_task(seam.rows[task_id])

    async def last():
        with seam.poller.watching(ids[-1], lambda _: 2.0, 600, poll_now=False) as watch:
            return await until_end(watch, None)

    seam.one_by_one = one
    got = await asyncio.gather(*seam.start(ids[:-1]), last())
    assert ids == [each.task_id for each in got]


async def test_thousands_of_waiters_cost_a_few_timers(seam):
    """Deadlines and polls of 3,000 waiters are the poller's; the loop has its timer for them."""
    ids = seam.add(3000)
    jobs = seam.start(ids, timeout=3600)
    loop, most = asyncio.get_running_loop(), 0
    for _ in range(20):
        await asyncio.sleep(1)
        most = max(most, sum(not timer.cancelled() for timer in loop._scheduled))
    assert most <= AT_ONCE + 10
    await seam.finish(jobs, 1)


async def test_waiters_that_come_and_go_leave_nothing_in_the_queues(seam):
    """Hundreds of them with long deadlines, while one waits on."""
    gc.collect()
    before = sum(isinstance(one, Watch) for one in gc.get_objects())  # other tests' reports may hold some
    ids = seam.add(1)
    (last,) = seam.start(ids, timeout=1e6)
    for _ in range(300):
        (job,) = seam.start(ids, timeout=1e6)
        await asyncio.sleep(0.02)
        job.cancel()
        await settled(3)
    gc.collect()
    assert sum(isinstance(one, Watch) for one in gc.get_objects()) - before < 150
    await seam.finish([last])


async def test_closing_ends_every_wait(seam):
    """With an error that says so and names the task."""
    jobs = seam.start(seam.add(20))
    await asyncio.sleep(1)
    seam.poller.close()
    for ended in await asyncio.gather(*jobs, return_exceptions=True):
        assert isinstance(ended, ClientClosedError)
        assert ended.task_id in str(ended)


async def test_an_age_is_the_tasks(seam):
    """A schedule is asked with the seconds since the task was created, where that is known."""
    ages = []

    def gap(age):
        ages.append(age)
        return 5.0

    seam.rows["0"] = {
        **row("0", "processing"),
        "created_at": 1_790_000_000_000,
        "updated_at": 1_790_000_100_000,
    }
    known = read_task(seam.rows["0"])
    job = asyncio.create_task(seam.wait("0", gap=gap, target=known))
    await seam.finish([job], 11)
    assert 100 <= min(ages)


async def test_each_request_is_told_to_the_hook(seam, caplog):
    """Its kind, how long it took, what it failed with and how many tasks it showed; a hook that raises ends nothing."""
    told = []

    def hook(*what):
        told.append(what)
        raise ValueError("hook")

    poller = Poller(seam.one, seam.page, lambda: 0.5, on_poll=hook)
    ids = seam.add(10)

    async def wait(task_id):
        with poller.watching(task_id, seam.gap, 600.0) as watch:
            return await until_end(watch, None)

    jobs = [asyncio.create_task(wait(task_id)) for task_id in ids]
    await asyncio.sleep(2.5)
    seam.page_error = seam.poll_error = ServerError(5001, "unavailable", http_status=503)
    await asyncio.sleep(10)
    seam.page_error = seam.poll_error = None
    await seam.finish(jobs)
    assert {("list", 0.01, None, 10), ("get", 0.01, None, 1)} <= {
        (kind, round(seconds, 3), error, tasks) for kind, seconds, error, tasks in told
    }
    assert len(seam.pages) == sum(kind == "list" for kind, *_ in told)
    assert len(seam.polls) == sum(kind == "get" for kind, *_ in told)
    assert any(isinstance(error, ServerError) and tasks == 0 for _, _, error, tasks in told)
    assert "on_poll raised" in caplog.text


@pytest.mark.parametrize("known", [True, False, None])
async def test_an_id_that_is_known_to_exist_may_be_not_found_for_a_minute(seam, known):
    """A caller's id from a journal, say; any other is not found at once."""
    begun = now()
    with seam.poller.watching("nosuch", seam.gap, 600.0, known=known) as watch:
        with pytest.raises(TaskNotFoundError):
            await until_end(watch, None)
    assert (60 if known else 0) <= now() - begun <= (70 if known else 1)


@pytest.mark.parametrize("own_id", [True, False])
async def test_an_answer_without_the_services_own_id_is_another_tasks(seam, own_id):
    """An id that can be the caller's may be answered by a task that does not repeat it."""
    seam.rows["7"] = row("8", "succeed")
    with seam.poller.watching("7", seam.gap, 30.0, own_id=own_id) as watch:
        if own_id:
            with pytest.raises(TaskTimeoutError):
                await until_end(watch, None)
        else:
            assert "8" == (await until_end(watch, None)).task_id


async def test_tasks_are_polled_in_the_order_in_which_their_waiters_came(seam):
    """In every run, whatever the addresses of objects; a simulation relies on it."""
    ids = seam.add(200)
    seam.page_error = MalformedResponseError("no such route", http_status=404)
    jobs = seam.start(ids)
    await seam.finish(jobs)
    first = list(dict.fromkeys(task_id for _, task_id in seam.polls))
    assert ids == first


async def test_the_repr_tells_the_state(seam, caplog):
    """How many wait, and how many polls are under way."""
    with caplog.at_level(logging.INFO):
        jobs = seam.start(seam.add(2))
        await settled()
        assert "waiting=2, polling=2" in repr(seam.poller)
        await seam.finish(jobs)
    assert "waiting=0, polling=0" in repr(seam.poller)
