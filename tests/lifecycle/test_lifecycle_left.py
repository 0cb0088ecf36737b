"""A client or a stream that is left by a cancellation closes all that it opened, shielded from whatever comes meanwhile."""

import asyncio
import gc

import aiohttp
import anyio
import pytest
from lifecycle.lifecycle_helpers import ids
from rooms_helpers import client, others, request, requests, settled, until

from kling_async import JobState, JournalError
from kling_async import client as client_module
from kling_async.emulator import ByClock

pytestmark = pytest.mark.anyio


def open_sessions():
    """All of aiohttp's sessions that are open in this process."""
    return [each for each in gc.get_objects() if isinstance(each, aiohttp.ClientSession) and not each.closed]


async def anyio_scope(script):
    """A scope of anyio, which cancels again at each step of the closing."""
    with anyio.move_on_after(5.0) as scope:
        await script()
    assert scope.cancelled_caught


async def anyio_group(script):
    """A task group of anyio."""
    async with anyio.create_task_group() as group:
        group.start_soon(script)
        await anyio.sleep(5.0)
        group.cancel_scope.cancel()


async def native(script):
    """`Task.cancel()`, twice."""
    job = asyncio.create_task(script())
    await asyncio.sleep(5.0)
    job.cancel()
    await asyncio.sleep(0)
    job.cancel()
    await asyncio.wait([job])
    assert job.cancelled()


async def timeout(script):
    """`asyncio.timeout`."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5.0):
            await script()


LEAVE = [anyio_scope, anyio_group, native, timeout]


def name(leave):
    """For ids."""
    return leave.__name__


@pytest.mark.parametrize("leave", LEAVE, ids=name)
@pytest.mark.parametrize("stage", ["wait", "create", "slot", "batch"])
async def test_a_client_that_is_left_is_closed(service, journal, leave, stage):
    """Sessions closed, no task of ours left, and the journal free for the next client, which goes on with the job."""
    before = asyncio.all_tasks()
    if stage == "create":
        service.fault("create", "hang")

    async def script():
        async with client(service, journal=journal, max_in_flight=1) as kling:
            if stage == "batch":
                await kling.image2video.generate_all(requests(3))
                return
            if stage == "slot":
                await kling.image2video.submit(request(0))
            await kling.image2video.generate(request(1))

    await leave(script)
    assert [] == open_sessions()
    await settled()
    assert [] == others(before)
    async with client(service, journal=journal) as kling:
        assert 1 <= len(await kling.journal.entries())
        async with kling.image2video.resume(cancelled=True) as outcomes:
            told = [outcome async for outcome in outcomes]
    assert all(each.error is None for each in told)
    assert sorted(ids(service)) == sorted(each.task.task_id for each in told)
    assert {1} == set(service.account.created.values())


@pytest.mark.parametrize("leave", LEAVE, ids=name)
async def test_a_cancelled_closing_still_closes(service, journal, leave):
    """The cancellation comes while `aclose` is at work, or before it."""

    async def script():
        async with client(service, journal=journal) as kling:
            job = await kling.image2video.submit(request())
            try:
                await job.wait()
            finally:
                await kling.aclose()

    await leave(script)
    assert [] == open_sessions()
    async with client(service, journal=journal) as kling:
        assert {JobState.RUNNING: 1} == {state: n for state, n in (await kling.journal.counts()).items() if n}


@pytest.mark.parametrize("leave", LEAVE, ids=name)
async def test_the_end_of_a_stream_is_shielded(service, leave):
    """When the block is left, its jobs have ended, each with its slot given back or kept for its task."""
    service.advance = ByClock(60.0)
    ended_at_exit = []

    async def script(kling, before):
        try:
            async with kling.image2video.generate_many(requests(6)):
                await asyncio.sleep(3600)
        finally:
            running = [one for one in others(before) if "_job" in getattr(one.get_coro(), "__qualname__", "")]
            ended_at_exit.append(running)

    async with client(service, max_in_flight=2) as kling:
        before = asyncio.all_tasks()
        await leave(lambda: script(kling, before))
        assert [[]] == ended_at_exit
        assert (2, 0) == (kling.slots.held, kling.slots.waiting)
        await until(lambda: 0 == kling.slots.held)
        assert 0 == service.in_flight
    assert 2 == len(service.tasks)


class Source:
    """An async generator of requests, and whether it was closed."""

    def __init__(self):
        self.closed = 0

    async def requests(self, count=10_000, error=None):
        """So many requests, each after a while."""
        try:
            for number in range(count):
                await asyncio.sleep(0.5)
                yield request(number)
            if error is not None:
                raise error
        finally:
            await asyncio.sleep(0.5)  # its end takes a while, and is waited for
            self.closed += 1


@pytest.mark.parametrize("leave", LEAVE, ids=name)
async def test_an_async_generator_is_closed_when_the_block_is_cancelled(service, leave):
    """Its own `finally` runs to the end before the block is left."""
    source = Source()
    closed_at_exit = []

    async def script(kling):
        try:
            await kling.image2video.generate_all(source.requests())
        finally:
            closed_at_exit.append(source.closed)

    async with client(service, max_in_flight=2) as kling:
        await leave(lambda: script(kling))
    assert [1] == closed_at_exit


@pytest.mark.parametrize("how", ["break", "error", "end", "source fails"])
async def test_an_async_generator_is_closed_however_the_block_is_left(service, how):
    """By the consumer, by its error, by the generator's end or error."""
    source = Source()

    async def script(kling):
        count = 3 if how in {"end", "source fails"} else 10_000
        error = RuntimeError("the source") if how == "source fails" else None
        async with kling.image2video.generate_many(source.requests(count, error)) as outcomes:
            async for _ in outcomes:
                if how == "break":
                    break
                if how == "error":
                    raise RuntimeError("the consumer")

    async with client(service, max_in_flight=2) as kling:
        if how in {"error", "source fails"}:
            with pytest.raises(RuntimeError, match="the"):
                await script(kling)
        else:
            await script(kling)
        assert 1 == source.closed


async def test_control_without_the_shield_the_journal_stays_locked(service, journal, monkeypatch):
    """With the shield away, a scope of anyio leaves the client open, and the next one finds the journal locked."""

    async def unshielded(closing):
        await closing

    kept = []
    monkeypatch.setattr(client_module, "finished_whatever_comes", unshielded)

    async def script():
        kling = client(service, journal=journal, max_in_flight=1)
        kept.append(kling)
        async with kling:
            await kling.image2video.submit(request(0))
            await kling.image2video.generate(request(1))

    await anyio_scope(script)
    monkeypatch.undo()
    with pytest.raises(JournalError):
        async with client(service, journal=journal):
            pass
    await kept[0].aclose()
