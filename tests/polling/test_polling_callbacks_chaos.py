"""Worlds on seeds: callbacks are lost, late, forged, repeated and out of order, polls fail, waiters come and go."""

import asyncio
import random

import pytest
from rooms_helpers import row

from kling_async import ServerError, TaskFailedError
from kling_async.polling.schedule import Experience
from kling_async.polling.told import CALLED_GAP
from kling_async.polling.wait import until_end
from kling_async.schema.task import read_task

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

OUTAGE = 15.0
"""Seconds for which polls fail, at most."""

SLOWEST = CALLED_GAP + OUTAGE + 35.0
"""Seconds after which each end must have been noticed: the safety net's gap, an outage, and the wait after it."""


def now():
    return asyncio.get_running_loop().time()


class World:
    """One seed's jobs, and what becomes of their callbacks."""

    def __init__(self, seam, seed):
        self.seam, self.chance = seam, random.Random(seed)
        self.lost = self.chance.choice([0.0, 0.0, 0.1, 0.5, 0.9, 1.0])
        self.late = self.chance.choice([0.0, 1.0, 20.0])
        self.forged = self.chance.choice([0.0, 0.0, 0.5])
        self.outages = self.chance.random() < 0.4
        self.gap = Experience()
        self.delays = []

    def tell(self, task_id, status, job=None):
        """One post that reaches the poller, in a while."""
        told = read_task(row(task_id, status))
        delay = self.late * self.chance.random()
        asyncio.get_running_loop().call_later(delay, self.seam.poller.told, job or f"job-{task_id}", told)

    def change(self, task_id, status):
        """The service moves a task, and posts that or not, once or twice."""
        self.seam.move(status, task_id)
        for _ in range(self.chance.choice([1, 1, 1, 2])):
            if self.chance.random() >= self.lost:
                self.tell(task_id, status)
        if self.chance.random() < self.forged:
            self.tell(task_id, self.chance.choice(["submitted", "processing", "succeed", "failed", "odd"]))
            self.tell(task_id, "succeed", job="another")

    async def life(self, task_id):
        """One job from its creation to its end; some waiters leave and come again."""
        await asyncio.sleep(self.chance.uniform(0, 60))
        self.seam.move("submitted", task_id)
        waiter = asyncio.create_task(self.wait(task_id))
        await asyncio.sleep(self.chance.uniform(0, 20))
        self.change(task_id, "processing")
        if self.chance.random() < 0.2:
            waiter.cancel()
            await asyncio.wait([waiter])
            waiter = asyncio.create_task(self.wait(task_id))
        await asyncio.sleep(self.chance.uniform(0, 120))
        end = self.chance.choice(["succeed", "succeed", "failed"])
        self.change(task_id, end)
        begun = now()
        assert end == await waiter
        self.delays.append(now() - begun)

    async def wait(self, task_id):
        """What a waiter is told in the end."""
        poller = self.seam.poller
        job = f"job-{task_id}"
        with poller.watching(
            task_id, self.gap, 4000.0, poll_now=False, known=True, job=job, called_back=True
        ) as watch:
            try:
                return str((await until_end(watch, None)).status)
            except TaskFailedError as error:
                return str(error.task.status)

    async def trouble(self):
        """Polls fail for a while, now and then."""
        while self.outages:
            await asyncio.sleep(self.chance.uniform(20, 60))
            self.seam.poll_error = self.seam.page_error = ServerError(5001, "maintenance", http_status=503)
            await asyncio.sleep(self.chance.uniform(1, OUTAGE))
            self.seam.poll_error = self.seam.page_error = None


@pytest.mark.parametrize("seam", ["paced"], indirect=True)
@pytest.mark.parametrize("seed", range(8))
async def test_every_end_is_noticed_and_no_other(seam, seed):
    """Whatever becomes of callbacks: the right end, in time, and nothing is left."""
    world = World(seam, seed)
    count = world.chance.choice([2, 5, 40])
    trouble = asyncio.create_task(world.trouble())
    ids = seam.add(count)
    seam.rows.clear()
    await asyncio.gather(*map(world.life, ids))
    trouble.cancel()
    await asyncio.wait([trouble])
    assert max(world.delays) <= SLOWEST
    if not (world.lost or world.late or world.forged or world.outages):
        assert max(world.delays) < 0.5
    notices = seam.poller._notices
    for left in (notices._waiting, notices._relying, notices._of_job):
        assert not left
    await asyncio.sleep(world.late + 1)
