"""What a caller's `on_update` may do to its own wait: nothing but take until the deadline."""

import asyncio
import math

import pytest
from rooms_helpers import row, settled, task

from kling_async import ClientClosedError, TaskStatus, TaskTimeoutError
from kling_async.polling.poller import Poller
from kling_async.polling.wait import until_end
from kling_async.polling.watch import Watch
from kling_async.schema.task import read_task

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

S, P, OK = TaskStatus.SUBMITTED, TaskStatus.PROCESSING, TaskStatus.SUCCEED


def now():
    return asyncio.get_running_loop().time()


def watching(*statuses, timeout=100.0):
    """A watch that was shown some statuses, each a change that its waiter has not taken."""
    watch = Watch(key="1", gap=lambda _: 1.0, begun=now(), born=now(), deadline=now() + timeout, due=now())
    for status in statuses:
        watch.see(task("1", status), now())
    return watch


@pytest.mark.parametrize("plain", [True, False])
async def test_callbacks_hear_every_change_and_may_raise(caplog, plain):
    """Plain and async; an error of theirs is logged and goes no further."""
    heard = []

    def note(seen):
        heard.append(seen.status)
        raise ValueError("callback")

    async def note_later(seen):
        await asyncio.sleep(1)
        note(seen)

    assert OK is (await until_end(watching(S, P, OK), note if plain else note_later)).status
    assert [S, P, OK] == heard
    assert 3 == len(caplog.records)
    assert "ValueError: callback" in caplog.text


@pytest.mark.parametrize("plain", [True, False])
async def test_a_cancelled_task_inside_a_callback_does_not_end_the_wait(caplog, plain):
    """Its CancelledError is the callback's, since nobody has cancelled the waiter."""

    async def hang():
        await asyncio.sleep(1e6)

    def raise_at_once(_):
        raise asyncio.CancelledError

    async def await_something_cancelled(_):
        inner = asyncio.ensure_future(hang())
        inner.cancel()
        await inner

    ended = await until_end(watching(S, OK), raise_at_once if plain else await_something_cancelled)
    assert OK is ended.status
    assert 2 == len(caplog.records)


async def test_a_slow_callback_is_cut_off_at_the_deadline():
    """To the moment, with the wait's usual error; the callback is cancelled."""
    cancelled, begun = [], now()

    async def slow(_):
        try:
            await asyncio.sleep(1e6)
        except asyncio.CancelledError:
            cancelled.append(now())
            raise

    with pytest.raises(TaskTimeoutError, match="still submitted after a wait of 30 s") as caught:
        await until_end(watching(S, timeout=30.0), slow)
    await settled()
    assert [begun + 30.0] == pytest.approx(cancelled)
    assert ("1", S) == (caught.value.task_id, caught.value.task.status)


async def test_a_slow_callback_does_not_cost_a_result_that_is_there(caplog):
    """At the deadline it is cut off, and so is the next one; the task that was seen to succeed is returned."""
    begun = now()

    async def slow(_):
        await asyncio.sleep(1e6)

    assert OK is (await until_end(watching(S, OK, timeout=30.0), slow)).status
    assert begun + 30.0 == pytest.approx(now())
    assert 2 == len(caplog.records)


async def test_an_outer_cancellation_ends_the_wait_and_the_callback_at_once():
    """The waiter's cancellation is no business of the callback's."""
    cancelled, running = [], asyncio.Event()

    async def slow(_):
        running.set()
        try:
            await asyncio.sleep(1e6)
        finally:
            cancelled.append(now())

    waiter = asyncio.create_task(until_end(watching(S), slow))
    await running.wait()
    begun = now()
    waiter.cancel()
    await asyncio.wait([waiter])
    await settled()
    assert waiter.cancelled()
    assert [begun] == pytest.approx(cancelled)


async def test_a_callback_that_ignores_its_cancellation_holds_nobody():
    """The wait ends at its deadline all the same."""
    begun, done = now(), asyncio.Event()

    async def stubborn(_):
        try:
            await asyncio.sleep(1e6)
        except asyncio.CancelledError:
            await asyncio.sleep(50)
            done.set()

    with pytest.raises(TaskTimeoutError):
        await until_end(watching(S, timeout=30.0), stubborn)
    assert begun + 30.0 == pytest.approx(now())
    await done.wait()


async def test_closing_does_not_wait_for_a_callback():
    """A wait without limit whose callback hangs ends when the client is closed."""
    watch = watching(S, timeout=math.inf)

    async def slow(_):
        await asyncio.sleep(1e6)

    waiter = asyncio.create_task(until_end(watch, slow))
    await settled()
    watch.close()
    with pytest.raises(ClientClosedError):
        await waiter


async def test_a_slow_callback_delays_nobody_else():
    """While one waiter's callback sleeps, another's task is polled and its end delivered."""

    async def one(task_id):
        return read_task(row(task_id, "succeed" if task_id == "2" else "processing"))

    poller = Poller(one, None, lambda: 0.5)

    async def wait(task_id, on_update):
        with poller.watching(task_id, lambda _: 1.0, 60.0) as watch:
            return await until_end(watch, on_update)

    async def slow(_):
        await asyncio.sleep(1e6)

    begun = now()
    first = asyncio.create_task(wait("1", slow))
    assert OK is (await wait("2", None)).status
    assert now() - begun < 1
    with pytest.raises(TaskTimeoutError):
        await first
