"""Slots under every sequence of events: none lost, none granted twice, first come first served, everyone at last."""

import asyncio
import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from rooms_helpers import settled
from virtual_time import VirtualLoop

from kling_async import AccountError, ConfigurationError, NotSubmittedError
from kling_async.jobs.slots import FIRST_PROBE, LAST_PROBE, Slots

BROKE = AccountError(1102, "no balance", http_status=429)


class Job:
    """One job's life, as orders come."""

    def __init__(self, limiter, number):
        self.number = number
        self.slot = limiter.slot()
        self.orders = asyncio.Queue()
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self):
        async with self.slot as slot:
            while True:
                order, value = await self.orders.get()
                if order == "finish":
                    return
                if order == "refused":
                    await slot.refused(value)
                else:
                    slot.accepted()

    @property
    def alive(self):
        return not self.task.done()

    @property
    def holds(self):
        return self.slot.held


class Limited(RuleBasedStateMachine):
    """A limiter and its jobs on a loop of their own, whose clock jumps."""

    def __init__(self):
        super().__init__()
        self.loop = VirtualLoop()
        self.loop._jumping.patience = 0
        self.jobs = []
        self.limiter = Slots(2, lambda: 0.5)
        self.before = 0

    def run(self, action):
        """Does something inside the loop, and lets all follow that follows at once."""
        self.before = self.limiter.held
        waited = [job for job in self.jobs if job.alive and not job.holds]

        async def go():
            action()
            await settled(8)

        self.loop.run_until_complete(go())
        self.check_order(waited)

    def check_order(self, waited):
        """Who was granted a slot came before all who wait on."""
        granted = [job.number for job in waited if job.holds]
        waiting = [job.number for job in self.jobs if job.alive and not job.holds]
        assert max(granted, default=-1) < min(waiting, default=math.inf)

    def some(self, place, *, holding):
        """A living job."""
        fitting = [job for job in self.jobs if job.alive and job.holds == holding]
        return fitting[place % len(fitting)] if fitting else None

    @rule(count=st.sampled_from([1, 3, 6]))
    def submit(self, count):
        self.run(lambda: [self.jobs.append(Job(self.limiter, len(self.jobs))) for _ in range(count)])

    @rule(place=st.integers(0, 50))
    def finish(self, place):
        job = self.some(place, holding=True)
        if job is not None:
            self.run(lambda: job.orders.put_nowait(("finish", None)))

    @rule(place=st.integers(0, 50), asked=st.sampled_from([0.0, 7.0, 300.0]))
    def refuse(self, place, asked):
        job = self.some(place, holding=True)
        if job is not None:
            self.run(lambda: job.orders.put_nowait(("refused", asked)))

    @rule(place=st.integers(0, 50))
    def accept(self, place):
        job = self.some(place, holding=True)
        if job is not None:
            self.run(lambda: job.orders.put_nowait(("accepted", None)))

    @rule(place=st.integers(0, 50), holding=st.booleans())
    def cancel(self, place, holding):
        job = self.some(place, holding=holding)
        if job is not None:
            self.run(job.task.cancel)
            assert job.task.cancelled()

    @rule(place=st.integers(0, 50), other=st.integers(0, 50))
    def finish_and_cancel_at_once(self, place, other):
        """The slot that comes free is granted to one whose cancellation is under way, or not."""
        done, gone = self.some(place, holding=True), self.some(other, holding=False)
        if done is not None and gone is not None:
            self.run(lambda: (done.orders.put_nowait(("finish", None)), gone.task.cancel()))

    @rule(place=st.integers(0, 50), other=st.integers(0, 50))
    def grant_and_cancel_at_once(self, place, other):
        """The slot is granted, and its job is cancelled before it knows."""
        done, gone = self.some(place, holding=True), self.some(other, holding=False)
        if done is not None and gone is not None:
            self.run(lambda: (done.slot.release(), gone.task.cancel(), done.task.cancel()))

    @rule(limit=st.sampled_from([1, 2, 3, 8, None]))
    def change_limit(self, limit):
        self.run(lambda: setattr(self.limiter, "limit", limit))

    @rule()
    def fail_waiting(self):
        waiting = [job for job in self.jobs if job.alive and not job.holds]
        held = self.limiter.held
        self.run(lambda: self.limiter.fail_waiting(BROKE))
        for job in waiting:
            assert isinstance(job.task.exception(), NotSubmittedError)
            assert BROKE is job.task.exception().__cause__
        assert (held, 0) == (self.limiter.held, self.limiter.waiting)

    @rule(seconds=st.sampled_from([0.5, 3.0, 60.0]))
    def time_passes(self, seconds):
        waited = [job for job in self.jobs if job.alive and not job.holds]
        self.before = self.limiter.held
        self.loop.run_until_complete(asyncio.sleep(seconds))
        self.check_order(waited)

    @invariant()
    def the_books_are_right(self):
        living = [job for job in self.jobs if job.alive]
        assert sum(job.holds for job in living) == self.limiter.held
        assert sum(not job.holds for job in living) == self.limiter.waiting
        assert not any(job.holds for job in self.jobs if not job.alive)
        assert f"held={self.limiter.held}" in repr(self.limiter)

    @invariant()
    def no_slot_above_the_limit_is_granted(self):
        limit = math.inf if self.limiter.limit is None else self.limiter.limit
        assert self.limiter.held <= max(limit, self.before)

    @invariant()
    def a_free_slot_is_granted_or_probed_for(self):
        limit = math.inf if self.limiter.limit is None else self.limiter.limit
        if self.limiter.waiting and self.limiter.held < limit:
            assert self.limiter._probe is not None

    @precondition(lambda self: len(self.jobs) > 3)
    @rule()
    def all_goes_well(self):
        """Everyone is served within the time that the probes need."""
        for _ in range(400):
            living = [job for job in self.jobs if job.alive]
            if not living:
                break
            for job in living:
                if job.holds:
                    self.loop.call_soon(job.orders.put_nowait, ("accepted", None))
                    self.loop.call_soon(job.orders.put_nowait, ("finish", None))
            self.loop.run_until_complete(asyncio.sleep(LAST_PROBE / 4))
        assert not any(job.alive for job in self.jobs)
        assert (0, 0) == (self.limiter.held, self.limiter.waiting)

    def teardown(self):
        for job in self.jobs:
            job.task.cancel()
        if self.jobs:
            self.loop.run_until_complete(
                asyncio.gather(*(job.task for job in self.jobs), return_exceptions=True)
            )
        assert (0, 0) == (self.limiter.held, self.limiter.waiting)
        self.loop.close()


TestLimited = Limited.TestCase
TestLimited.settings = settings(derandomize=True, max_examples=100, stateful_step_count=50, deadline=None)


@pytest.mark.parametrize("limit", [0, -1, 1.0, "2", True, math.nan])
def test_a_limit_is_a_whole_number_from_one_on(limit):
    """When it is made and when it is changed; the old one stays."""
    with pytest.raises(ConfigurationError, match="max_in_flight"):
        Slots(limit, lambda: 0.5)
    limiter = Slots(3, lambda: 0.5)
    with pytest.raises(ConfigurationError, match="max_in_flight"):
        limiter.limit = limit
    assert 3 == limiter.limit


@pytest.mark.anyio
@pytest.mark.virtual_time
async def test_a_refused_job_is_next_and_the_limit_recovers_step_by_step():
    """Ten slots, five of which a stranger takes: after the refusal five, and one more after each probe."""
    limiter = Slots(10, lambda: 0.0)
    jobs = [Job(limiter, number) for number in range(20)]
    await settled()
    assert (10, 10) == (limiter.held, limiter.waiting)
    for job in jobs[5:10]:
        job.orders.put_nowait(("refused", 0.0))
    await settled()
    assert (5, 15) == (limiter.held, limiter.waiting)
    await asyncio.sleep(0.8 * FIRST_PROBE * 2**4 - 1)  # the fifth refusal in a row, without any jitter
    for held in range(5, 11):
        assert held == limiter.held
        assert list(range(held)) == [job.number for job in jobs if job.holds]
        await asyncio.sleep(FIRST_PROBE)
    assert 10 == limiter.held
    for job in jobs:
        job.task.cancel()
    await asyncio.gather(*(job.task for job in jobs), return_exceptions=True)


@pytest.mark.anyio
@pytest.mark.virtual_time
async def test_what_the_service_asked_to_wait_is_waited():
    """No probe before it."""
    limiter = Slots(1, lambda: 0.0)
    job = Job(limiter, 0)
    await settled()
    job.orders.put_nowait(("refused", 90.0))
    await asyncio.sleep(89)
    assert 0 == limiter.held
    await asyncio.sleep(4)
    assert 1 == limiter.held
    job.task.cancel()
    await asyncio.gather(job.task, return_exceptions=True)
