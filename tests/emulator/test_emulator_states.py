"""How tasks move on: at once, by polls, by the clock."""

import asyncio

import pytest

from kling_async.emulator import AtOnce, ByClock, ByPolls
from kling_async.emulator.service.states import TRANSITIONS, Status, Task

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


async def statuses(wire, task_id, polls):
    """What so many polls show."""
    return [(await wire.get(task_id))[1]["data"]["task_status"] for _ in range(polls)]


async def test_at_once(emulate):
    """The first poll shows the end, and no slot is held."""
    async with emulate(advance=AtOnce(), capacity=1) as wire:
        task_id = await wire.created()
        assert 0 == wire.emulator.in_flight
        assert ["succeed"] == await statuses(wire, task_id, 1)


async def test_by_polls(emulate):
    """Each poll is counted; the table says at which one a task moves."""
    async with emulate(advance=ByPolls(2, 4)) as wire:
        task_id = await wire.created()
        expected = ["submitted", "processing", "processing", "succeed", "succeed"]
        assert expected == await statuses(wire, task_id, 5)


async def test_list_page_is_a_poll(emulate):
    """A page that shows a task polls it; one that does not, does not."""
    async with emulate() as wire:
        old, new = await wire.created(), await wire.created()
        await wire.list("?pageSize=1")
        await wire.list("?pageSize=1")
        polls = {task.task_id: task.polls for task in wire.emulator.tasks}
        assert {old: 0, new: 2} == polls


async def test_by_clock(emulate):
    """Tasks end by themselves, each at its own time."""
    async with emulate(advance=ByClock(lambda number: 0.02 if number == 0 else 60)) as wire:
        first, second = await wire.created(), await wire.created()
        assert 2 == wire.emulator.in_flight
        await asyncio.sleep(0.05)
        assert ["succeed", "submitted"] == [task.status for task in wire.emulator.tasks]
        assert 1 == wire.emulator.in_flight
        assert ["succeed"] == await statuses(wire, first, 1)
        assert ["submitted"] == await statuses(wire, second, 1)
        lasted = wire.emulator.tasks[0].ended - wire.emulator.tasks[0].created
        assert 0.02 == pytest.approx(lasted, abs=0.02)


async def test_advance_can_change_while_it_runs(emulate):
    """What is created from then on moves the new way."""
    async with emulate(advance=ByClock(60)) as wire:
        await wire.created()
        wire.emulator.advance = AtOnce()
        await wire.created()
        assert isinstance(wire.emulator.advance, AtOnce)
        assert ["submitted", "succeed"] == [task.status for task in wire.emulator.tasks]


async def test_failures_on_request(emulate):
    """Moderation ends the next tasks as failed, with its reason."""
    async with emulate() as wire:
        wire.emulator.fail_next("Failure to pass the risk control system", times=2)
        tasks = [await wire.ended() for _ in range(3)]
        assert ["failed", "failed", "succeed"] == [task["task_status"] for task in tasks]
        assert "Failure to pass the risk control system" == tasks[0]["task_status_msg"]
        assert "task_result" not in tasks[0]


async def test_failures_by_predicate(emulate):
    """A function of the body may decide."""

    def unsafe(body):
        return "unsafe" if "bomb" in body.get("prompt", "") else None

    async with emulate(fail_when=unsafe) as wire:
        assert "failed" == (await wire.ended(prompt="a bomb"))["task_status"]
        assert "succeed" == (await wire.ended(prompt="a cat"))["task_status"]


@pytest.mark.parametrize(("advance", "first", "second"), [(ByPolls, 3, 2), (ByPolls, -1, 2), (ByClock, 1, 2)])
def test_senseless_advances_are_refused(advance, first, second):
    """An end before its beginning is no schedule."""
    with pytest.raises(ValueError):
        advance(first, second)


SENSELESS = [-1, float("nan"), float("inf"), 10**400, "5", None, True]


@pytest.mark.parametrize("seconds", SENSELESS, ids=lambda seconds: str(seconds)[:5])
def test_senseless_seconds_are_refused(seconds):
    """A task takes a finite time, which is checked before a task exists."""
    with pytest.raises(ValueError, match="cannot take"):
        ByClock(seconds)


@pytest.mark.parametrize("seconds", SENSELESS, ids=lambda seconds: str(seconds)[:5])
def test_senseless_seconds_of_a_function_are_refused(seconds):
    """A function is asked for each task, and what it gives is checked then."""
    with pytest.raises(ValueError, match="cannot take"):
        ByClock(lambda _: seconds).steps(0)


def test_table_allows_no_way_back():
    """An end is final, and a status that may not follow is an error."""
    task = Task("1", None, 0, {}, 0, 0.0, AtOnce().steps(0))
    with pytest.raises(ValueError, match="never followed"):
        task.enter(Status.SUCCEED, 0.0, 0)
    assert [(), ()] == [TRANSITIONS[Status.SUCCEED], TRANSITIONS[Status.FAILED]]
