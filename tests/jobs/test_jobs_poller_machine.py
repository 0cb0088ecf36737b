"""The poller under every sequence of events: no waiter forgotten, ends sticky, each waiter its own task."""

import asyncio
import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from rooms_helpers import row, settled
from virtual_time import VirtualLoop

from kling_async import ServerError, TaskFailedError, TaskNotFoundError
from kling_async.polling.poller import Poller
from kling_async.polling.schedule import Experience
from kling_async.polling.wait import until_end
from kling_async.schema.task import read_task

DOWN = ServerError(5001, "maintenance", http_status=503)
GAPS = (1.0, 5.0, 40.0)
STEPS = ("submitted", "processing", "succeed")


class Waiter:
    """One wait for one task."""

    def __init__(self, poller, target, task_id, gap):
        self.task_id = task_id
        self.heard = []
        self.job = asyncio.get_running_loop().create_task(self._run(poller, target, gap))

    async def _run(self, poller, target, gap):
        with poller.watching(target, gap, None) as watch:
            return await until_end(watch, self.heard.append)


class Polled(RuleBasedStateMachine):
    """A service of made-up tasks, whose list is as odd as the rules make it."""

    def __init__(self):
        super().__init__()
        self.loop = VirtualLoop()
        self.loop._jumping.patience = 0
        self.chance = random.Random(0)
        self.poller = Poller(self.one, self.page, lambda: 0.5)
        self.experience = Experience()
        self.truth, self.statuses, self.waiters = {}, {}, []
        self.hidden, self.stale, self.empty = set(), False, False
        self.order = "oldest"
        self.page_down = self.poll_down = False
        self.foreign = 0

    async def one(self, key):
        await asyncio.sleep(0.05)
        if self.poll_down:
            raise DOWN
        task_id = key.removeprefix("x")
        if task_id not in self.truth:
            raise TaskNotFoundError(1201, "Task not found", http_status=400)
        return read_task(self.shown(task_id, stale=False))

    async def page(self, number, size):
        await asyncio.sleep(0.05)
        if self.page_down:
            raise DOWN
        rows = [self.shown(task_id, stale=self.stale) for task_id in self.truth if task_id not in self.hidden]
        rows += [row(f"f{n}", "succeed", external_id=f"y{n}") for n in range(self.foreign)]
        if self.order == "newest":
            rows.reverse()
        if self.order == "random":
            self.chance.shuffle(rows)
        return rows[(number - 1) * size : number * size]

    def shown(self, task_id, *, stale):
        """A row; a stale one has any status that the task had before."""
        seen = self.statuses[task_id]
        status = self.chance.choice(seen) if stale else seen[-1]
        shown = row(task_id, status, external_id=f"x{task_id}", video=not (self.empty and stale))
        return {**shown, "created_at": 1_790_000_000_000 + 1000 * int(task_id)}

    def run(self, action, seconds=0.0):
        """Does something inside the loop; then time passes."""

        async def go():
            action()
            await settled(5)
            if seconds:
                await asyncio.sleep(seconds)

        self.loop.run_until_complete(go())

    @rule(
        count=st.sampled_from([1, 2, 6, 12]),
        kind=st.sampled_from(["id", "external", "task"]),
        gap=st.sampled_from([*GAPS, None]),
    )
    def submit(self, count, kind, gap):
        def begin():
            for _ in range(count):
                task_id = str(len(self.truth))
                self.truth[task_id], self.statuses[task_id] = "submitted", ["submitted"]
                self.wait(task_id, kind, gap)

        self.run(begin)

    def wait(self, task_id, kind, gap):
        target = {"id": task_id, "external": f"x{task_id}"}.get(kind) or read_task(
            row(task_id, self.truth[task_id])
        )
        schedule = self.experience if gap is None else lambda _: gap
        self.waiters.append(Waiter(self.poller, target, task_id, schedule))

    @rule(place=st.integers(0, 99), kind=st.sampled_from(["id", "external", "task"]))
    def wait_again(self, place, kind):
        if self.truth:
            task_id = list(self.truth)[place % len(self.truth)]
            self.run(lambda: self.wait(task_id, kind, None))

    @rule(places=st.lists(st.integers(0, 99), max_size=6), fails=st.booleans())
    def move_on(self, places, fails):
        for place in places:
            if self.truth:
                task_id = list(self.truth)[place % len(self.truth)]
                step = self.truth[task_id]
                if step in STEPS[:2]:
                    following = STEPS[STEPS.index(step) + 1]
                    self.truth[task_id] = "failed" if fails and following == "succeed" else following
                    self.statuses[task_id].append(self.truth[task_id])

    @rule(places=st.lists(st.integers(0, 99), min_size=1, max_size=4))
    def cancel(self, places):
        living = [waiter for waiter in self.waiters if not waiter.job.done()]
        self.run(lambda: [living[place % len(living)].job.cancel() for place in places if living])

    @rule(places=st.lists(st.integers(0, 99), max_size=30))
    def hide_rows(self, places):
        ids = list(self.truth)
        self.hidden = {ids[place % len(ids)] for place in places} if ids else set()

    @rule(
        stale=st.booleans(),
        empty=st.booleans(),
        order=st.sampled_from(["newest", "oldest", "random"]),
        foreign=st.sampled_from([0, 5, 600]),
    )
    def weather(self, stale, empty, order, foreign):
        self.stale, self.empty, self.order, self.foreign = stale, empty, order, foreign

    @rule(page_down=st.booleans(), poll_down=st.booleans())
    def trouble(self, page_down, poll_down):
        self.page_down, self.poll_down = page_down, poll_down

    @rule(seconds=st.sampled_from([0.06, 1.0, 7.0, 50.0]))
    def time_passes(self, seconds):
        self.run(lambda: None, seconds)

    @invariant()
    def nobody_is_forgotten_or_counted_twice(self):
        living = sum(not waiter.job.done() for waiter in self.waiters)
        assert f"waiting={living}," in repr(self.poller)

    @invariant()
    def who_ended_got_its_own_tasks_end(self):
        for waiter in self.waiters:
            assert all(seen.task_id == waiter.task_id for seen in waiter.heard)
            ends = [seen for seen in waiter.heard if seen.is_terminal]
            assert ends == waiter.heard[len(waiter.heard) - len(ends) :]
            assert len(ends) <= 1
            if waiter.job.done() and not waiter.job.cancelled():
                assert self.told(waiter) == self.truth[waiter.task_id]

    def told(self, waiter):
        """What a wait ended with, as a status."""
        error = waiter.job.exception()
        if error is None:
            assert waiter.job.result().task_id == waiter.task_id
            assert waiter.job.result().videos
            return "succeed"
        assert isinstance(error, TaskFailedError), error
        assert error.task.task_id == waiter.task_id
        return "failed"

    def teardown(self):
        """The sun comes out, every task ends, and every waiter with it."""
        self.hidden, self.stale, self.page_down, self.poll_down = set(), False, False, False
        for task_id in self.truth:
            if self.truth[task_id] in STEPS[:2]:
                self.truth[task_id] = "succeed"
                self.statuses[task_id].append("succeed")
        try:
            self.run(lambda: None, 120.0)
            assert [] == [waiter.task_id for waiter in self.waiters if not waiter.job.done()]
            self.who_ended_got_its_own_tasks_end()
            assert set() == asyncio.all_tasks(self.loop)
        finally:
            for waiter in self.waiters:
                waiter.job.cancel()
            self.run(lambda: None, 1.0)
            self.loop.close()


TestPolled = Polled.TestCase
TestPolled.settings = settings(derandomize=True, max_examples=100, stateful_step_count=40, deadline=None)
