"""Proof 5, the clock: 48 virtual hours with clocks that disagree, step, and dates that say nothing or nonsense."""

import asyncio
import random

import pytest
from proof_helpers import client, emulating, requests
from virtual_time import wall_clock

from kling_async.errors import AuthenticationError

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

HOURS = 48
GAP = 300.0
"""Virtual seconds between two calls."""

ABSURD = (
    None,
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Sun, 31 Dec 2999 23:59:59 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "yesterday",
    "",
)


class SkewedClock:
    """The client's clock: the service's and a difference in seconds that tests set."""

    def __init__(self, skew=0.0):
        self.skew = skew

    def __call__(self):
        return wall_clock() + self.skew


async def two_days(emulator, kling, at_each_call):
    """Makes a call every five minutes; gives the number of calls and of those that the clock spoiled."""
    begun, calls, spoiled = wall_clock(), 0, 0
    task = await kling.image2video.create(requests(1)[0])
    while wall_clock() - begun < HOURS * 3600:
        at_each_call(calls, wall_clock() - begun)
        calls += 1
        try:
            await kling.image2video.get(task.task_id)
        except AuthenticationError:
            spoiled += 1
        await asyncio.sleep(GAP)
    return calls, spoiled


def extra(emulator, calls):
    """Requests beyond one for each call."""
    return emulator.counts.total() - calls - 1


@pytest.mark.parametrize("skew", [-7200, -1801, -600, -6, 0, 6, 600, 1801, 7200])
async def test_a_constant_skew_costs_one_extra_request_and_no_call(skew):
    """The first refusal tells the difference; it is kept."""
    async with emulating() as emulator, client(emulator, clock=SkewedClock(skew)) as kling:
        calls, spoiled = await two_days(emulator, kling, lambda *_: None)
        assert 0 == spoiled
        assert 570 < calls
        assert extra(emulator, calls) <= 1


@pytest.mark.parametrize("seed", range(4))
async def test_steps_of_the_clients_clock_cost_at_most_one_extra_request_each(seed):
    """Every few hours the client's clock jumps to anywhere within two hours of the service's."""
    chance, clock, steps = random.Random(seed), SkewedClock(), [0]

    def step(number, _elapsed):
        if chance.random() < 0.03:
            clock.skew = chance.uniform(-7200, 7200)
            steps[0] += 1

    async with emulating() as emulator, client(emulator, clock=clock) as kling:
        calls, spoiled = await two_days(emulator, kling, step)
        assert 0 == spoiled
        assert 5 < steps[0]
        assert extra(emulator, calls) <= steps[0]


@pytest.mark.parametrize("sign", [-1, 1])
async def test_a_clock_that_drifts_two_hours_costs_few_extra_requests(sign):
    """Two and a half minutes an hour; at most each new token, one in 25 minutes, has to be signed again."""
    clock = SkewedClock()

    def drift(_number, elapsed):
        clock.skew = sign * 7200 * elapsed / (HOURS * 3600)

    async with emulating() as emulator, client(emulator, clock=clock) as kling:
        calls, spoiled = await two_days(emulator, kling, drift)
        assert 0 == spoiled
        assert extra(emulator, calls) <= HOURS * 3600 / 1500 + 1


@pytest.mark.parametrize("date", ABSURD)
async def test_a_missing_or_absurd_date_does_no_harm_while_the_clocks_agree(date):
    """Half of the time the header says nothing of use; nobody asks it."""
    async with emulating() as emulator, client(emulator, clock=SkewedClock()) as kling:

        def change(number, _elapsed):
            emulator.date_header = date if number // 6 % 2 else "clock"

        calls, spoiled = await two_days(emulator, kling, change)
        assert 0 == spoiled
        assert 0 == extra(emulator, calls)


@pytest.mark.parametrize("date", ABSURD)
async def test_a_clock_that_was_wrong_and_is_set_right_needs_no_date(date):
    """The kept difference is wrong from then on, and the header is of no use: our own clock is tried."""
    clock = SkewedClock(7200)
    async with emulating() as emulator, client(emulator, clock=clock) as kling:

        def change(number, _elapsed):
            wrong = number // 12 % 2 == 0
            clock.skew = 7200 if wrong else 0
            emulator.date_header = "clock" if wrong else date

        calls, spoiled = await two_days(emulator, kling, change)
        assert 0 == spoiled
        assert extra(emulator, calls) <= 2 * calls / 12


@pytest.mark.parametrize("seed", range(4))
async def test_all_of_it_at_once_spoils_no_call(seed):
    """Skews and steps under honest dates; absurd and missing ones while the clocks agree."""
    chance, clock, changes = random.Random(seed), SkewedClock(), [0]
    async with emulating() as emulator, client(emulator, clock=clock) as kling:

        def change(_number, _elapsed):
            if chance.random() < 0.1:
                honest = chance.random() < 0.5
                clock.skew = chance.uniform(-7200, 7200) if honest else 0.0
                emulator.date_header = "clock" if honest else chance.choice(ABSURD)
                changes[0] += 1

        calls, spoiled = await two_days(emulator, kling, change)
        assert 0 == spoiled
        assert extra(emulator, calls) <= 2 * changes[0]
