"""Single GETs: one at a time for each id, whoever waits under it."""

import asyncio

import pytest
from rooms_helpers import row

from kling_async import ServerError, TaskNotFoundError
from kling_async.polling.brake import Brake
from kling_async.polling.index import Index
from kling_async.polling.singles import Singles
from kling_async.polling.watch import Watch
from kling_async.schema.task import read_task

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


async def test_two_waits_of_one_task_share_each_get(seam):
    """Both are told its end by the same answers; no moment has two GETs."""
    jobs = seam.start(seam.add(1) * 2)
    first, second = await seam.finish(jobs)
    times = [moment for moment, _ in seam.polls]
    assert first.succeeded
    assert second.succeeded
    assert len(set(times)) == len(times)
    assert seam.most_under_way == 1


async def test_a_wait_that_begins_during_a_get_is_served_by_its_answer(seam):
    """It sends none of its own."""
    seam.add(1, "succeed")
    seam.poll_takes = 1.0
    first = asyncio.create_task(seam.wait("0"))
    await asyncio.sleep(0.5)
    assert (await seam.wait("0")).succeeded
    assert (await first).succeeded
    assert len(seam.polls) == 1


async def test_not_found_ends_both_waits_by_one_get(seam):
    """Each with an error of its own."""
    jobs = seam.start(["7", "7"])
    errors = await asyncio.gather(*jobs, return_exceptions=True)
    assert [TaskNotFoundError, TaskNotFoundError] == [type(error) for error in errors]
    assert errors[0] is not errors[1]
    assert len(seam.polls) == 1


async def test_a_transient_error_puts_both_waits_off(seam):
    """They go on as soon as the service does."""
    seam.poll_error = ServerError(5000, "later", http_status=500)
    jobs = seam.start(seam.add(1) * 2)
    await asyncio.sleep(20)
    seam.poll_error = None
    assert all(task.succeeded for task in await seam.finish(jobs))
    assert seam.most_under_way == 1


class Told:
    """Who is told; notes whose turn is over."""

    def __init__(self):
        self.done = []

    def single_answered(self, task, before):
        """Notes nothing."""

    def single_begun(self, watch, now):
        """Notes nothing."""

    def single_done(self, watch):
        """Notes the turn."""
        self.done.append(watch)

    def polled(self, kind, begun, error, tasks):
        """Notes nothing."""


async def test_a_forced_get_is_not_the_one_that_began_before_it():
    """What it asks for may have happened since; it follows the GET that is under way."""
    loop, index, told, sent = asyncio.get_running_loop(), Index(), Told(), []

    async def fetch(task_id):
        sent.append(loop.time())
        await asyncio.sleep(1.0)
        return read_task(row(task_id, "processing"))

    singles = Singles(fetch, index, Brake(lambda: 0.5), told)
    now = loop.time()
    watches = [
        Watch(key="1", gap=lambda _: 5.0, begun=now, born=now, deadline=now + 60, due=now) for _ in range(3)
    ]
    for watch in watches:
        index.add(watch)
    singles.add(watches[0])
    await asyncio.sleep(0.1)
    singles.add(watches[1])
    singles.add(watches[2], forced=True)
    await asyncio.sleep(3.0)
    assert [0.0, 1.0] == [round(moment - now, 3) for moment in sent]
    assert watches == told.done
