"""What the poller makes of odd pages, of both kinds of id, of ends without results, and of tasks that are not found."""

import asyncio

import pytest
from rooms_helpers import row

from kling_async import ResultMissingError, TaskNotFoundError
from kling_async.polling.singles import AT_ONCE
from kling_async.schema.task import read_task

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


def now():
    return asyncio.get_running_loop().time()


async def test_tasks_that_pages_do_not_show_are_polled(seam):
    """Half of them are on no page; everybody gets its own."""
    ids = seam.add(40)
    seam.hidden_from_pages = set(ids[::2])
    got = await seam.finish(seam.start(ids))
    assert ids == [each.task_id for each in got]
    assert set(ids[::2]) <= {task_id for _, task_id in seam.polls}
    assert seam.most_under_way <= AT_ONCE


@pytest.mark.parametrize("rows", ["nothing", "foreign", "garbage"])
async def test_pages_of_no_use_cost_little(seam, rows):
    """They show none of ours: single polls serve everyone, no later, and pages are tried ever less."""
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
    """Numbers for text, unknown fields, rows that are not tasks."""
    ids = seam.add(12)
    seam.shows = lambda one: (
        {**one, "task_id": int(one["task_id"])} if one["task_id"] in ids[::3] else {**one, "new": 1}
    )
    got = await seam.finish(seam.start(ids))
    assert ids == [each.task_id for each in got]


async def test_two_waits_on_one_task_both_end(seam):
    """By its id, by its external id and by the task; one poll serves all."""
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
    assert len(seam.polls) <= 30 / 15
    for number in range(20):
        seam.rows[str(number)] = row(str(number), "succeed", external_id=f"shot-{number}")
    assert [str(number) for number in range(20)] == [each.task_id for each in await asyncio.gather(*jobs)]


@pytest.mark.parametrize("status", ["succeed", "succeeded"])
@pytest.mark.parametrize("count", [1, 20])
async def test_an_end_without_its_result_on_the_page_is_confirmed(seam, status, count):
    """The list shows no videos, a single poll does."""
    ids = seam.add(count)
    seam.shows = lambda one: {key: value for key, value in one.items() if key != "task_result"}
    jobs = seam.start(ids, timeout=3600)
    await asyncio.sleep(20)
    seam.move(status, *ids)
    got = await asyncio.gather(*jobs)
    assert all(each.videos for each in got)


@pytest.mark.parametrize("status", ["succeed", "succeeded"])
@pytest.mark.parametrize("count", [1, 20])
async def test_an_end_whose_result_comes_late_is_seen(seam, status, count):
    """Neither list nor single poll shows a video at first; three seconds later they do."""
    ids = seam.add(count)
    jobs = seam.start(ids, timeout=3600)
    await asyncio.sleep(20)
    seam.move(status, *ids, video=False)
    await asyncio.sleep(3)
    seam.move(status, *ids)
    begun = now()
    got = await asyncio.gather(*jobs)
    assert all(each.videos for each in got)
    assert now() - begun <= 12


@pytest.mark.parametrize("status", ["succeed", "succeeded"])
@pytest.mark.parametrize("count", [1, 20])
async def test_an_end_that_never_shows_its_result_is_an_error(seam, status, count):
    """Soon, not at the deadline of an hour."""
    ids = seam.add(count)
    jobs = seam.start(ids, timeout=3600)
    await asyncio.sleep(20)
    seam.move(status, *ids, video=False)
    begun = now()
    for ended in await asyncio.gather(*jobs, return_exceptions=True):
        assert isinstance(ended, ResultMissingError)
    assert 5 <= now() - begun <= 60


async def test_a_task_that_was_not_found_long_ago_may_be_not_found_again(seam):
    """A minute counts from the last time it was seen, on a page too."""
    ids = seam.add(10)
    jobs = [asyncio.create_task(seam.wait(one, target=read_task(seam.rows[one]))) for one in ids]
    await asyncio.sleep(12)
    for _ in range(3):
        seam.hidden_from_pages = seam.hidden_from_polls = {"0"}
        await asyncio.sleep(10)
        seam.hidden_from_pages = seam.hidden_from_polls = set()
        await asyncio.sleep(60)
    assert not jobs[0].done()
    await seam.finish(jobs)


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
    await seam.finish(jobs[1:])
