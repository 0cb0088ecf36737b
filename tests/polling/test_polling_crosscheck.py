"""Lists that lie, lag or hang: single polls beside the pages find out, at a bounded rate."""

import asyncio

import pytest
from rooms_helpers import row

from kling_async.polling.crosscheck import CrossCheck
from kling_async.polling.plan import FEW

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


def now():
    return asyncio.get_running_loop().time()


async def delays(jobs):
    """Seconds from now until each waiter has its task, sorted."""
    begun, seen = now(), []
    for job in jobs:
        job.add_done_callback(lambda _: seen.append(now() - begun))
    await asyncio.gather(*jobs)
    return sorted(seen)


@pytest.mark.parametrize("count", [FEW + 1, 100, 1000])
async def test_rows_that_never_change_are_found_out(seam, count):
    """Every row stays "submitted" while single polls show success: everybody's end is noticed within a minute."""
    ids = seam.add(count)
    jobs = seam.start(ids, timeout=None)
    seam.shows = lambda one: {**row(one["task_id"], "submitted")}
    await asyncio.sleep(60)
    seam.move("succeed", *ids)
    assert (await delays(jobs))[-1] <= 60


async def test_a_few_rows_that_never_change_are_found_out(seam):
    """The others' ends are on the pages; those stuck are the oldest in the end, and are checked."""
    ids = seam.add(100)
    jobs = seam.start(ids, timeout=None)
    stuck = set(ids[40:46])
    seam.shows = lambda one: row(one["task_id"], "submitted") if one["task_id"] in stuck else dict(one)
    await asyncio.sleep(60)
    seam.move("succeed", *ids)
    seen = await delays(jobs)
    assert seen[93] <= 6
    assert seen[-1] <= 90


async def test_rows_that_lag_by_a_second_cost_a_check_a_second_at_most(seam):
    """A list a second behind is honest enough to be read on."""
    ids = seam.add(100)
    jobs = seam.start(ids)
    old = dict(seam.rows)
    seam.shows = lambda one: dict(old[one["task_id"]])
    for place, task_id in enumerate(ids):
        asyncio.get_running_loop().call_later(30 + place / 2, seam.move, "succeed", task_id)
        asyncio.get_running_loop().call_later(
            31 + place / 2, old.__setitem__, task_id, row(task_id, "succeed")
        )
    await asyncio.gather(*jobs)
    assert len(seam.polls) <= 55 + 30 / 15
    assert len(seam.pages) >= 80 / 5


async def test_a_true_list_costs_few_checks(seam):
    """One single poll in fifteen seconds, however many wait."""
    ids = seam.add(200)
    jobs = seam.start(ids)
    await seam.finish(jobs, after=300)
    assert len(seam.polls) <= 300 / 15 + FEW


async def test_a_page_that_hangs_holds_nobody(seam):
    """The ends are noticed within ten seconds, whatever the transport's timeout."""
    ids = seam.add(20)
    jobs = seam.start(ids)
    await asyncio.sleep(20)
    seam.page_takes = 1e6
    await asyncio.sleep(20)
    seam.move("succeed", *ids)
    assert (await delays(jobs))[-1] <= 10


async def test_a_list_that_hangs_from_the_first_page_on_holds_nobody(seam):
    """Those that wait for the round which hangs are polled by themselves."""
    ids = seam.add(20, "succeed")
    seam.page_takes = 1e6
    begun = now()
    assert ids == [task.task_id for task in await asyncio.gather(*seam.start(ids))]
    assert now() - begun <= 5


def test_disagreements_that_no_page_settles_are_forgotten():
    """A task that the pages do not show again keeps nobody alarmed."""
    check = CrossCheck(15.0)
    check.compare("1", "submitted", "succeed", 0.0)
    assert not check.is_stale([row("1", "submitted")] * 9, 1.0)
    assert check.is_stale([row("1", "submitted")] * 9, 2.0)
    assert check.due([], 0.0, 100.0) is None
    assert not check.is_stale([row("1", "submitted")] * 9, 102.0)
