"""Proof 4: a journalled job is cancelled at each of its suspension points, one after the other.

After each, the same request is run again with the same journal: the ledger has one task for it, the result is there,
and nothing is left behind: no task of the loop, no thread, no slot.
"""

import asyncio
import threading

import pytest
from proof_helpers import client, emulating, judge_lost, judge_twice, lagging, requests, unguarded
from rooms_helpers import CancelledAt

from kling_async.emulator import ByClock
from kling_async.emulator.videos.gallery import FIXED_VIDEO

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

MOST = 400
"""A job with more suspension points than these is a defect of the proof."""


def slow_to_create(emulator):
    """Creates five seconds after the request came, as often as it comes."""
    unguarded(emulator)
    emulator.fault("create", "delay", seconds=5.0, before=True)


def answer_lost(emulator):
    """The first create's answer is lost, and the task is not seen for ten seconds; each create makes one."""
    unguarded(emulator)
    lagging(emulator, 10.0)
    emulator.fault("create", "reset-after")


def full(emulator):
    """Refuses twice for lack of slots."""
    emulator.fault("create", "concurrency", times=2)


def calm(_emulator):
    """No trouble."""


WEATHER = [calm, slow_to_create, answer_lost, full]


def left_behind(before):
    """The loop's tasks and the journal's threads that were not there before."""
    tasks = [task for task in asyncio.all_tasks() if task not in before]
    return tasks, [thread.name for thread in threading.enumerate() if thread.name == "kling-journal"]


async def through_all_points(attempt):
    """Calls `attempt(CancelledAt(n))` for n = 1, 2, … until one runs through; gives the number of points."""
    for number in range(1, MOST):
        before = asyncio.all_tasks()
        struck = await attempt(CancelledAt(number))
        await asyncio.sleep(0.01)
        assert ([], []) == left_behind(before)
        if not struck:
            return number - 1
    raise AssertionError(f"more than {MOST} suspension points")


@pytest.mark.parametrize("weather", WEATHER, ids=lambda weather: weather.__name__)
async def test_a_script_cancelled_anywhere_and_run_again_pays_once(weather, tmp_path):
    """The client is closed after the cancellation, and the next one finds its job in the journal."""
    (request,) = requests(1)

    async def attempt(cancelling):
        journal = tmp_path / f"{cancelling.number}.sqlite"
        async with emulating(advance=ByClock(20.0)) as emulator:
            weather(emulator)
            async with client(emulator, journal=journal, max_in_flight=1) as kling:
                struck = await cancelling.strikes(kling.image2video.generate(request))
                limiter = kling.slots
            assert (0, 0) == (limiter.held, limiter.waiting)
            async with client(emulator, journal=journal) as kling:
                task = await kling.image2video.generate(request)
            judge_twice(emulator, 1)
            judge_lost(emulator, {task.task_id})
            return struck

    points = await through_all_points(attempt)
    print(f"\n{weather.__name__}: {points} suspension points")  # noqa: T201 - the proof's figures
    assert 8 < points


@pytest.mark.parametrize("weather", WEATHER, ids=lambda weather: weather.__name__)
async def test_a_job_cancelled_anywhere_and_run_again_by_the_same_client_pays_once(weather, tmp_path):
    """The only slot comes free when the task has ended, or when there is none; the second run gets it."""
    (request,) = requests(1, named=True)

    async def attempt(cancelling):
        journal = tmp_path / f"{cancelling.number}.sqlite"
        async with emulating(advance=ByClock(20.0)) as emulator:
            weather(emulator)
            async with client(emulator, journal=journal, max_in_flight=1) as kling:
                struck = await cancelling.strikes(kling.image2video.generate(request))
                task = await kling.image2video.generate(request)
                await asyncio.sleep(120)  # whoever holds the cancelled job's slot polls meanwhile
                assert (0, 0) == (kling.slots.held, kling.slots.waiting)
            judge_twice(emulator, 1)
            judge_lost(emulator, {task.task_id})
            return struck

    assert 8 < await through_all_points(attempt)


async def test_a_batch_cancelled_anywhere_and_run_again_pays_once_for_each(tmp_path):
    """The suspension points of the block that draws three jobs' outcomes."""
    batch = requests(3)

    async def attempt(cancelling):
        journal = tmp_path / f"{cancelling.number}.sqlite"
        async with emulating(advance=ByClock(20.0)) as emulator:
            async with client(emulator, journal=journal, max_in_flight=2) as kling:
                struck = await cancelling.strikes(kling.image2video.generate_all(batch))
            async with client(emulator, journal=journal) as kling:
                told = await kling.image2video.generate_all(batch)
            judge_twice(emulator, len(batch))
            judge_lost(emulator, {outcome.unwrap().task_id for outcome in told})
            return struck

    assert 2 < await through_all_points(attempt)


async def test_a_download_cancelled_anywhere_leaves_a_whole_file_or_none(tmp_path):
    """No `.part` stays; the next download brings the file."""
    (request,) = requests(1)

    async def attempt(cancelling):
        path = tmp_path / f"{cancelling.number}.mp4"
        async with emulating(advance=ByClock(20.0)) as emulator, client(emulator) as kling:
            task = await kling.image2video.generate(request)
            struck = await cancelling.strikes(kling.download(task.videos[0], path))
            assert path.read_bytes() == FIXED_VIDEO if path.exists() else struck
            assert [] == list(tmp_path.glob(".*.part*"))
            await kling.download(task.videos[0], path)
            assert FIXED_VIDEO == path.read_bytes()
            return struck

    assert 5 < await through_all_points(attempt)
