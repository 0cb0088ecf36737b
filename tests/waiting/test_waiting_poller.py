"""The shared wait loop against a fake seam: what it does with odd pages, misses, and waiters that come and go."""

import asyncio
import gc
import itertools
import logging

import pytest
from rooms_helpers import row, settled
from virtual_time import VIRTUAL_TIME

from kling_async import (
    AccountError,
    ConfigurationError,
    MalformedResponseError,
    ResultMissingError,
    ServerError,
    TaskNotFoundError,
    TaskTimeoutError,
)
from kling_async.schema.task import read_task
from kling_async.waiting.poller import FEW, MAX_PAGE, SINGLE_LOOKS, Poller
from kling_async.waiting.wait import until_end
from kling_async.waiting.watch import Watch

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return VIRTUAL_TIME


def now():
    return asyncio.get_running_loop().time()


class Seam:
    """Stands for the service: rows by id, what single looks and pages do, and when they came."""

    def __init__(self):
        self.rows = {}
        self.hidden_from_pages = set()
        self.hidden_from_looks = set()
        self.looks, self.pages = [], []
        self.look_error = self.page_error = None
        self.look_takes = self.page_takes = 0.01
        self.under_way = self.most_under_way = 0
        self.shows = dict
        self.poller = Poller(self.one, self.page, lambda: 0.5)

    def add(self, count, status="submitted"):
        """Adds tasks 0, 1, …; gives their ids."""
        ids = [str(number) for number in range(count)]
        self.rows.update({task_id: row(task_id, status) for task_id in ids})
        return ids

    def move(self, status, *ids, **options):
        """Lets tasks take on a status."""
        for task_id in ids:
            self.rows[task_id] = row(task_id, status, **options)

    async def one(self, task_id):
        """A single look."""
        self.looks.append((now(), task_id))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.look_takes)
        finally:
            self.under_way -= 1
        if self.look_error is not None:
            raise self.look_error
        if task_id not in self.rows or task_id in self.hidden_from_looks:
            raise TaskNotFoundError(1201, "Task not found", http_status=400)
        return read_task(self.rows[task_id])

    async def page(self, number, size):
        """A page, oldest first."""
        self.pages.append((now(), number, size))
        await asyncio.sleep(self.page_takes)
        if self.page_error is not None:
            raise self.page_error
        shown = [self.shows(one) for key, one in self.rows.items() if key not in self.hidden_from_pages]
        return shown[(number - 1) * size : number * size]

    async def wait(self, task_id, timeout=4000.0, gap=lambda _: 5.0, on_update=None, target=None):
        """One waiter."""
        with self.poller.watching(target or task_id, gap, timeout) as watch:
            return await until_end(watch, on_update)

    def start(self, ids, **options):
        """Waiters for all of them."""
        return [asyncio.create_task(self.wait(task_id, **options)) for task_id in ids]


@pytest.fixture
async def seam():
    before = asyncio.all_tasks()
    made = Seam()
    yield made
    await settled()
    assert set() == {one for one in asyncio.all_tasks() if one.get_name() == "kling-poller"} - before
    assert "waiting=0, looking=0" in repr(made.poller)


async def finish(seam, jobs, after=30.0):
    """Lets everything succeed after a while; gives what the waiters got."""
    await asyncio.sleep(after)
    seam.move("succeed", *seam.rows)
    return await asyncio.gather(*jobs)


@pytest.mark.parametrize("count", [1, FEW])
async def test_a_few_waiters_look_one_by_one(seam, count):
    """Each on its own schedule; no page is asked for."""
    ids = seam.add(count)
    jobs = [
        asyncio.create_task(seam.wait(one, gap=lambda _, gap=3.0 + number: gap))
        for number, one in enumerate(ids)
    ]
    await finish(seam, jobs)
    assert [] == seam.pages
    for number, one in enumerate(ids):
        times = [time for time, task_id in seam.looks if task_id == one]
        gaps = {round(second - first, 1) for first, second in itertools.pairwise(times)}
        assert {3.0 + number} == gaps


@pytest.mark.parametrize("count", [10, 100, 700])
async def test_many_waiters_share_pages(seam, count):
    """A page or two each round; next to no single looks."""
    jobs = seam.start(seam.add(count))
    got = await finish(seam, jobs)
    assert [str(number) for number in range(count)] == [each.task_id for each in got]
    assert len(seam.looks) <= FEW
    assert len(seam.pages) <= 9 * (1 + count // MAX_PAGE)
    assert all(1 <= size <= MAX_PAGE for _, _, size in seam.pages)


async def test_tasks_that_pages_do_not_show_are_looked_at(seam):
    """Half of them are on no page; everybody gets its own."""
    ids = seam.add(40)
    seam.hidden_from_pages = set(ids[::2])
    got = await finish(seam, seam.start(ids))
    assert ids == [each.task_id for each in got]
    assert set(ids[::2]) <= {task_id for _, task_id in seam.looks}
    assert seam.most_under_way <= SINGLE_LOOKS


@pytest.mark.parametrize("rows", ["nothing", "foreign", "garbage"])
async def test_pages_of_no_use_cost_little(seam, rows):
    """They show none of ours: single looks serve everyone, no later, and pages are tried ever less."""
    ids = seam.add(30)
    seam.hidden_from_pages = set(ids)
    if rows == "foreign":
        seam.rows.update({f"f{n}": row(f"f{n}", "processing", external_id=f"x{n}") for n in range(400)})
    if rows == "garbage":
        seam.rows.update({f"g{n}": {} for n in range(40)})
        odd = [
            None,
            5,
            [],
            "x",
            {},
            {"task_id": []},
            {"task_id": {}, "task_status": []},
            {"task_id": True},
            {"task_id": None},
        ]
        seam.shows = lambda _: odd[len(seam.pages) % len(odd)]
    jobs = seam.start(ids)
    await asyncio.sleep(120)
    assert len(seam.pages) <= 24
    seam.move("succeed", *ids)
    begun = now()
    await asyncio.gather(*jobs)
    assert now() - begun <= 6


async def test_rows_may_be_odd_around_ours(seam):
    """Numbers for text, unknown fields, rows that are none."""
    ids = seam.add(12)
    seam.shows = lambda one: (
        {**one, "task_id": int(one["task_id"])} if one["task_id"] in ids[::3] else {**one, "new": 1}
    )
    got = await finish(seam, seam.start(ids))
    assert ids == [each.task_id for each in got]


@pytest.mark.parametrize(
    "error",
    [
        ServerError(5001, "maintenance", http_status=503),
        MalformedResponseError("html", http_status=502),
        AccountError(1103, "", http_status=403),
    ],
    ids=["5001", "html", "403"],
)
async def test_a_broken_list_alone_falls_back_to_looks(seam, error):
    """The end is noticed all the same, within a minute."""
    if isinstance(error, AccountError):
        error = MalformedResponseError("no such route", http_status=404)
    ids = seam.add(20)
    seam.page_error = error
    jobs = seam.start(ids)
    await asyncio.sleep(100)
    seam.move("succeed", *ids)
    begun = now()
    await asyncio.gather(*jobs)
    assert now() - begun <= 60


async def test_a_list_that_hangs_does_not_hold_looks_for_ever(seam):
    """Pages never come within the transport's 30 s; the end is noticed within two of those."""
    ids = seam.add(20)
    seam.page_takes = 30.0
    seam.page_error = ServerError(5002, "timeout", http_status=504)
    jobs = seam.start(ids)
    await asyncio.sleep(600)
    seam.move("succeed", *ids)
    begun = now()
    await asyncio.gather(*jobs)
    assert now() - begun <= 60


async def test_an_outage_of_minutes_ends_no_wait(seam):
    """Looks slow down together meanwhile, and go on after it."""
    ids = seam.add(20)
    jobs = seam.start(ids, timeout=3600)
    await asyncio.sleep(20)
    seam.look_error = seam.page_error = ServerError(5001, "maintenance", http_status=503)
    seen = len(seam.looks) + len(seam.pages)
    await asyncio.sleep(600)
    assert len(seam.looks) + len(seam.pages) - seen < 800
    assert not any(job.done() for job in jobs)
    seam.look_error = seam.page_error = None
    seam.move("succeed", *ids)
    begun = now()
    await asyncio.gather(*jobs)
    assert now() - begun <= 35


@pytest.mark.parametrize("count", [1, 20])
async def test_permanent_errors_end_waits(seam, count):
    """An account error, from single looks and from pages."""
    ids = seam.add(count)
    seam.look_error = seam.page_error = AccountError(1102, "no balance", http_status=429)
    for job in seam.start(ids):
        with pytest.raises(AccountError):
            await job


async def test_deadlines_bound_a_look_that_hangs(seam):
    """To the moment, each waiter its own."""
    (one,) = seam.add(1)
    seam.look_takes = 1e6
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
    got = await finish(seam, [*jobs[1::2], *twins])
    assert [*ids[1::2], *ids] == [each.task_id for each in got]


async def test_cancelling_in_a_look_touches_no_other(seam):
    """The only waiter whose look is in flight goes; its twin is served by a look."""
    (one,) = seam.add(1)
    seam.look_takes = 3.0
    first, second = seam.start([one, one])
    await asyncio.sleep(1)
    first.cancel()
    (got,) = await finish(seam, [second])
    assert one == got.task_id


async def test_a_late_joiner_is_served_at_once(seam):
    """Its first look is due when it comes, whatever the others' ticks."""
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
    """No task is left, also where looks are in flight; and the next waiter starts it again."""
    before = asyncio.all_tasks()
    seam.look_takes = seam.page_takes = 10.0
    for count in (1, 20):
        jobs = seam.start(seam.add(count))
        await asyncio.sleep(1)
        for job in jobs:
            job.cancel()
        await settled()
        assert asyncio.all_tasks() == before
    seam.move("succeed", "0")
    assert "0" == (await seam.wait("0")).task_id


async def test_two_waits_on_one_task_both_end(seam):
    """By its id, by its external id and by the task; one look serves all."""
    seam.rows["7"] = row("7", "processing", external_id="shot")
    seam.rows["shot"] = seam.rows["7"]
    jobs = [
        asyncio.create_task(seam.wait("7", target=target))
        for target in ("7", "shot", read_task(seam.rows["7"]))
    ]
    await asyncio.sleep(30)
    seam.rows["7"] = seam.rows["shot"] = row("7", "succeed", external_id="shot")
    assert ["7"] * 3 == [each.task_id for each in await asyncio.gather(*jobs)]


async def test_external_ids_are_found_on_pages(seam):
    """As soon as a row tells both ids, pages serve those who asked by their own."""
    for number in range(20):
        seam.rows[str(number)] = row(str(number), "processing", external_id=f"shot-{number}")
    jobs = seam.start([f"shot-{number}" for number in range(20)])
    await asyncio.sleep(30)
    assert [] == seam.looks
    for number in range(20):
        seam.rows[str(number)] = row(str(number), "succeed", external_id=f"shot-{number}")
    assert [str(number) for number in range(20)] == [each.task_id for each in await asyncio.gather(*jobs)]


@pytest.mark.parametrize("word", ["succeed", "succeeded"])
@pytest.mark.parametrize("count", [1, 20])
async def test_an_end_without_its_result_on_the_page_is_confirmed(seam, word, count):
    """The list shows no videos, a single look does."""
    ids = seam.add(count)
    seam.shows = lambda one: {key: value for key, value in one.items() if key != "task_result"}
    jobs = seam.start(ids, timeout=3600)
    await asyncio.sleep(20)
    seam.move(word, *ids)
    got = await asyncio.gather(*jobs)
    assert all(each.videos for each in got)


@pytest.mark.parametrize("word", ["succeed", "succeeded"])
@pytest.mark.parametrize("count", [1, 20])
async def test_an_end_whose_result_comes_late_is_seen(seam, word, count):
    """Neither list nor look show a video at first; three seconds later they do."""
    ids = seam.add(count)
    jobs = seam.start(ids, timeout=3600)
    await asyncio.sleep(20)
    seam.move(word, *ids, video=False)
    await asyncio.sleep(3)
    seam.move(word, *ids)
    begun = now()
    got = await asyncio.gather(*jobs)
    assert all(each.videos for each in got)
    assert now() - begun <= 12


@pytest.mark.parametrize("word", ["succeed", "succeeded"])
@pytest.mark.parametrize("count", [1, 20])
async def test_an_end_that_never_shows_its_result_is_an_error(seam, word, count):
    """Soon, not at the deadline of an hour."""
    ids = seam.add(count)
    jobs = seam.start(ids, timeout=3600)
    await asyncio.sleep(20)
    seam.move(word, *ids, video=False)
    begun = now()
    for ended in await asyncio.gather(*jobs, return_exceptions=True):
        assert isinstance(ended, ResultMissingError)
    assert 5 <= now() - begun <= 60


async def test_a_task_that_was_missing_long_ago_may_be_missing_again(seam):
    """A minute counts from the last time it was seen, on a page too."""
    ids = seam.add(10)
    jobs = [asyncio.create_task(seam.wait(one, target=read_task(seam.rows[one]))) for one in ids]
    await asyncio.sleep(12)
    for _ in range(3):
        seam.hidden_from_pages = seam.hidden_from_looks = {"0"}
        await asyncio.sleep(10)
        seam.hidden_from_pages = seam.hidden_from_looks = set()
        await asyncio.sleep(60)
    assert not jobs[0].done()
    await finish(seam, jobs)


async def test_a_known_task_that_is_gone_for_good_is_an_error(seam):
    """After its minute; the others are waited for."""
    ids = seam.add(10)
    jobs = [asyncio.create_task(seam.wait(one, target=read_task(seam.rows[one]))) for one in ids]
    await asyncio.sleep(12)
    del seam.rows["0"]
    begun = now()
    with pytest.raises(TaskNotFoundError):
        await jobs[0]
    assert 60 <= now() - begun <= 75
    await finish(seam, jobs[1:])


async def test_a_schedule_that_goes_wrong_ends_its_own_wait(seam):
    """With its own error; the rest is served."""
    ids = seam.add(6)

    def wrong(_):
        raise ZeroDivisionError

    bad = asyncio.create_task(seam.wait(ids[0], gap=wrong))
    jobs = seam.start(ids)
    with pytest.raises(ZeroDivisionError):
        await bad
    await finish(seam, jobs)


@pytest.mark.parametrize("where", ["look_error", "page_error"])
async def test_a_defect_ends_waits_instead_of_hanging_them(seam, where):
    """A foreign exception of the seam comes out."""
    ids = seam.add(20)
    setattr(seam, where, ZeroDivisionError())
    if where == "look_error":
        seam.hidden_from_pages = set(ids)
    for ended in await asyncio.gather(*seam.start(ids), return_exceptions=True):
        assert isinstance(ended, ZeroDivisionError)


async def test_a_look_that_falls_due_as_all_others_end_is_made(seam):
    """At the very moment at which every looker has finished and none has been counted out yet."""
    ids = seam.add(SINGLE_LOOKS + 1, "succeed")
    seam.page_error, seam.page_takes = MalformedResponseError("no such route", http_status=404), 0.0
    answered = asyncio.Event()
    asyncio.get_running_loop().call_at(now() + 2.0, answered.set)

    async def one(task_id):
        await answered.wait()
        return read_task(seam.rows[task_id])

    async def last():
        with seam.poller.watching(ids[-1], lambda _: 2.0, 600, look_now=False) as watch:
            return await until_end(watch, None)

    seam.poller._fetch_one = one
    got = await asyncio.gather(*seam.start(ids[:-1]), last())
    assert ids == [each.task_id for each in got]


async def test_thousands_of_waiters_cost_a_few_timers(seam):
    """Deadlines and looks of 3,000 waiters are the poller's; the loop has its timer for them."""
    ids = seam.add(3000)
    jobs = seam.start(ids, timeout=3600)
    loop, most = asyncio.get_running_loop(), 0
    for _ in range(20):
        await asyncio.sleep(1)
        most = max(most, sum(not timer.cancelled() for timer in loop._scheduled))
    assert most <= SINGLE_LOOKS + 10
    await finish(seam, jobs, 1)


async def test_waiters_that_come_and_go_leave_nothing_in_the_queues(seam):
    """Hundreds of them with long deadlines, while one waits on."""
    ids = seam.add(1)
    (last,) = seam.start(ids, timeout=1e6)
    for _ in range(300):
        (job,) = seam.start(ids, timeout=1e6)
        await asyncio.sleep(0.02)
        job.cancel()
        await settled(3)
    gc.collect()
    assert sum(isinstance(one, Watch) for one in gc.get_objects()) < 150
    await finish(seam, [last])


async def test_closing_ends_every_wait(seam):
    """With an error that says so."""
    jobs = seam.start(seam.add(20))
    await asyncio.sleep(1)
    seam.poller.close()
    for ended in await asyncio.gather(*jobs, return_exceptions=True):
        assert isinstance(ended, ConfigurationError)


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
    await finish(seam, [job], 11)
    assert 100 <= min(ages)


async def test_the_repr_tells_the_state(seam, caplog):
    """How many wait and look."""
    with caplog.at_level(logging.INFO):
        jobs = seam.start(seam.add(2))
        await settled()
        assert "waiting=2, looking=2" in repr(seam.poller)
        await finish(seam, jobs)
    assert "waiting=0, looking=0" in repr(seam.poller)
