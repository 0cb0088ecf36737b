"""Time moved on: tasks of minutes end in milliseconds, and their callbacks are sent."""

import asyncio
import math

import pytest
from aiohttp import web

from kling_async.emulator import ByClock, ByPolls, Emulator

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


def statuses(emulator):
    """The statuses of all tasks, in their order."""
    return [str(task.status) for task in emulator.tasks]


async def test_tasks_are_as_old_as_if_time_had_passed(emulate):
    """Half the time, then the rest; what is created later has its own time."""
    async with emulate(advance=ByClock(120, processing=0.5)) as wire:
        await wire.created()
        await wire.emulator.fast_forward(59)
        assert ["submitted"] == statuses(wire.emulator)
        await wire.emulator.fast_forward(2)
        assert ["processing"] == statuses(wire.emulator)
        await wire.created()
        await wire.emulator.fast_forward(60)
        assert ["succeed", "processing"] == statuses(wire.emulator)
        assert 1 == wire.emulator.in_flight
        task = wire.emulator.tasks[0]
        assert 120 <= task.ended - task.created < 130


async def test_tasks_go_on_by_the_clock_afterwards(emulate):
    """What was left of the time passes by itself."""
    async with emulate(advance=ByClock(60.05)) as wire:
        await wire.created()
        await wire.emulator.fast_forward(60)
        assert ["processing"] == statuses(wire.emulator)
        await asyncio.sleep(0.1)
        assert ["succeed"] == statuses(wire.emulator)


async def test_tasks_that_move_by_polls_stay(emulate):
    """Only the clock's tasks are moved."""
    async with emulate(advance=ByPolls()) as wire:
        await wire.created()
        await wire.emulator.fast_forward(10_000)
        assert ["submitted"] == statuses(wire.emulator)


async def test_hidden_tasks_appear(emulate):
    """A task that lags is found when its time has passed."""
    async with emulate() as wire:
        wire.emulator.fault("create", "lagging", seconds=60)
        task_id = await wire.created()
        assert 400 == (await wire.get(task_id))[0]
        await wire.emulator.fast_forward(61)
        assert 200 == (await wire.get(task_id))[0]


async def test_callbacks_are_sent_when_it_returns(emulate):
    """Both changes have been posted and answered."""
    got = []

    async def take(request):
        got.append((await request.json())["task_status"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with emulate(advance=ByClock(300)) as wire:
        await wire.created(callback_url=f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
        await wire.emulator.fast_forward(300)
        assert ["processing", "succeed"] == sorted(got)
        assert [200, 200] == [one.http for one in wire.emulator.callbacks]
    await runner.cleanup()


async def test_another_thread_can_move_time(emulate):
    """The synchronous form waits until it is done."""
    async with emulate(advance=ByClock(3600)) as wire:
        await wire.created()
        await asyncio.to_thread(wire.emulator.fast_forward_sync, 3600)
        assert ["succeed"] == statuses(wire.emulator)


async def test_time_can_be_moved_over_the_wire(emulate):
    """For other languages and processes."""
    async with emulate(advance=ByClock(3600)) as wire:
        await wire.created()
        status, payload, _ = await wire.send("POST", "/_emulator/fast-forward", body={"seconds": 3600})
        assert (200, {"in_flight": 0}) == (status, payload)


async def test_the_synchronous_form_refuses_its_own_thread(emulate):
    """It would wait for itself."""
    async with emulate() as wire:
        with pytest.raises(RuntimeError, match="own thread"):
            wire.emulator.fast_forward_sync(1)


def test_the_synchronous_form_needs_a_running_emulator():
    """Before the start there is nobody to ask."""
    with pytest.raises(RuntimeError, match="does not run"):
        Emulator().fast_forward_sync(1)


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, "x"])
async def test_senseless_seconds_are_refused(seconds, emulate):
    """Time passes forwards, by a finite number."""
    async with emulate() as wire:
        with pytest.raises(ValueError, match="seconds"):
            await wire.emulator.fast_forward(seconds)
        with pytest.raises(ValueError, match="seconds"):
            wire.emulator.fill(seconds)
