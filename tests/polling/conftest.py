"""A fake seam for the poller: a service of made-up rows, whose list and single polls are as odd as a test wants them."""

import asyncio

import pytest
from rooms_helpers import row, settled

from kling_async import TaskNotFoundError
from kling_async.polling.poller import Poller
from kling_async.polling.schedule import Experience
from kling_async.polling.wait import until_end
from kling_async.schema.task import read_task


def now():
    return asyncio.get_running_loop().time()


class Seam:
    """Stands for the service: rows by id, what single polls and pages do, and when they came."""

    def __init__(self, gap):
        self.gap = gap
        self.rows = {}
        self.hidden_from_pages = set()
        self.hidden_from_polls = set()
        self.polls, self.pages = [], []
        self.poll_error = self.page_error = None
        self.poll_takes = self.page_takes = 0.01
        self.under_way = self.most_under_way = 0
        self.shows = dict
        self.one_by_one = None
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
        """A single poll."""
        if self.one_by_one is not None:
            return await self.one_by_one(task_id)
        self.polls.append((now(), task_id))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.poll_takes)
        finally:
            self.under_way -= 1
        if self.poll_error is not None:
            raise self.poll_error
        if task_id not in self.rows or task_id in self.hidden_from_polls:
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

    async def wait(self, task_id, timeout=4000.0, gap=None, on_update=None, target=None):
        """One waiter."""
        with self.poller.watching(target or task_id, gap or self.gap, timeout) as watch:
            return await until_end(watch, on_update)

    def start(self, ids, **options):
        """Waiters for all of them."""
        return [asyncio.create_task(self.wait(task_id, **options)) for task_id in ids]

    async def finish(self, jobs, after=30.0):
        """Lets everything succeed after a while; gives what the waiters got."""
        await asyncio.sleep(after)
        self.move("succeed", *self.rows)
        return await asyncio.gather(*jobs)


@pytest.fixture(params=["paced", "explicit"])
async def seam(request):
    """A seam whose waiters leave the pace to the poller, or have a schedule of five seconds of their own."""
    before = asyncio.all_tasks()
    made = Seam(Experience() if request.param == "paced" else lambda _: 5.0)
    yield made
    await settled()
    assert set() == {one for one in asyncio.all_tasks() if one.get_name() == "kling-poll"} - before
    assert "waiting=0, polling=0" in repr(made.poller)
