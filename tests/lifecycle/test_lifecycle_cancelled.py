"""A caller who goes away knows the ids: by a note on the cancellation, a WARNING record and a `JobAbandoned` event."""

import asyncio
import logging

import anyio
import pytest
from lifecycle.lifecycle_helpers import ids, now
from rooms_helpers import client, request, requests, until

from kling_async import TaskTimeoutError
from kling_async.events import JobAbandoned
from kling_async.jobs.observed import Observers

pytestmark = pytest.mark.anyio

GOES_ON, MAY_EXIST, NEVER_SENT = "goes on at the service", "may have been created", "never sent"
LOGGER = "kling_async.jobs.observed"


class Caller:
    """Awaits something, and keeps the cancellation that came out of it."""

    def __init__(self, awaitable):
        self.awaitable = awaitable
        self.seen = None

    async def __call__(self):
        try:
            return await self.awaitable
        except asyncio.CancelledError as error:
            self.seen = error
            raise

    @property
    def notes(self):
        return getattr(self.seen, "__notes__", [])


async def by_cancel(caller, seconds):
    """`Task.cancel()` of asyncio."""
    job = asyncio.create_task(caller())
    await asyncio.sleep(seconds)
    job.cancel()
    await asyncio.wait([job])
    assert job.cancelled()


async def by_timeout(caller, seconds):
    """`asyncio.timeout`."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await caller()


async def by_wait_for(caller, seconds):
    """`asyncio.wait_for`."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(caller(), seconds)


async def by_move_on(caller, seconds):
    """`anyio.move_on_after`, which swallows the cancellation."""
    with anyio.move_on_after(seconds) as scope:
        await caller()
    assert scope.cancelled_caught


async def by_fail_after(caller, seconds):
    """`anyio.fail_after`."""
    with pytest.raises(TimeoutError):
        with anyio.fail_after(seconds):
            await caller()


async def by_group(caller, seconds):
    """A task group of asyncio in which another task fails."""

    async def failing():
        await asyncio.sleep(seconds)
        raise RuntimeError("another one")

    async def grouped():
        async with asyncio.TaskGroup() as group:
            group.create_task(caller())
            group.create_task(failing())

    with pytest.raises(ExceptionGroup):
        await grouped()


async def by_anyio_group(caller, seconds):
    """A task group of anyio whose scope is cancelled."""
    async with anyio.create_task_group() as group:
        group.start_soon(caller)
        await anyio.sleep(seconds)
        group.cancel_scope.cancel()


LEAVE = [by_cancel, by_timeout, by_wait_for, by_move_on, by_fail_after, by_group, by_anyio_group]


def told(caller, caplog, events):
    """The one note, the one WARNING record and the one event."""
    (note,) = caller.notes
    (record,) = [each for each in caplog.records if each.name == LOGGER]
    (event,) = [each for each in events if isinstance(each, JobAbandoned)]
    assert logging.WARNING == record.levelno
    return note, record.getMessage(), event


@pytest.mark.parametrize("leave", LEAVE)
async def test_a_running_job_is_told_with_both_ids(service, caplog, leave):
    """The task goes on at the service; all three channels have its ids."""
    events = []
    async with client(service, on_event=events.append) as kling:
        caller = Caller(kling.image2video.generate(request(external_task_id="mine")))
        await leave(caller, 5.0)
        note, line, event = told(caller, caplog, events)
        for text in (note, line):
            assert GOES_ON in text
            assert "mine" in text
            assert ids(service)[0] in text
        assert (ids(service)[0], "mine", GOES_ON) == (event.task_id, event.external_task_id, event.state)
        assert (await kling.image2video.wait_for_task(event.task_id)).succeeded
    assert 1 == service.counts["create"]


@pytest.mark.parametrize("leave", LEAVE)
async def test_a_create_on_its_way_may_exist(service, caplog, leave):
    """Only the job's own id is known, and by it the task is found."""
    events = []
    service.fault("create", "hang")
    async with client(service, on_event=events.append) as kling:
        caller = Caller(kling.image2video.generate(request()))
        await leave(caller, 5.0)
        note, line, event = told(caller, caplog, events)
        external_id = service.tasks[0].external_task_id
        for text in (note, line):
            assert MAY_EXIST in text
            assert external_id in text
        assert (None, external_id, MAY_EXIST) == (event.task_id, event.external_task_id, event.state)
        assert ids(service)[0] == (await kling.image2video.wait_for_task(event.external_task_id)).task_id


@pytest.mark.parametrize("leave", LEAVE)
@pytest.mark.parametrize("reason", ["slot", "1303"])
async def test_a_job_without_a_create_was_never_sent(service, caplog, leave, reason):
    """It waited for a slot, or was refused for lack of capacity."""
    events = []
    async with client(service, on_event=events.append, max_in_flight=1) as kling:
        handle = None
        if reason == "slot":
            handle = await kling.image2video.submit(request(0))
        else:
            service.capacity, service.strangers = 1, 1
        caller = Caller(kling.image2video.generate(request(1, external_task_id="mine")))
        await leave(caller, 5.0)
        note, line, event = told(caller, caplog, events)
        for text in (note, line):
            assert NEVER_SENT in text
            assert "mine" in text
        assert (None, "mine", NEVER_SENT) == (event.task_id, event.external_task_id, event.state)
        assert 0 == service.created_count("mine")
        if handle is not None:
            await handle.wait()
        assert (0, 0) == (kling.slots.held, kling.slots.waiting)


@pytest.mark.parametrize("call", ["wait_for_task", "watch", "job.wait", "job.watch", "job.download"])
async def test_every_wait_tells_the_ids(service, caplog, tmp_path, call):
    """Not only that of `generate`."""
    events = []
    async with client(service, on_event=events.append) as kling:
        handle = await kling.image2video.submit(request(external_task_id="mine"))

        async def drain(changes):
            async for _ in changes:
                pass

        waits = {
            "wait_for_task": lambda: kling.image2video.wait_for_task(handle.task_id),
            "watch": lambda: drain(kling.image2video.watch(handle.task_id)),
            "job.wait": handle.wait,
            "job.watch": lambda: drain(handle.watch()),
            "job.download": lambda: handle.download(tmp_path / "video.mp4"),
        }
        caller = Caller(waits[call]())
        await by_cancel(caller, 5.0)
        note, line, event = told(caller, caplog, events)
    for text in (note, line):
        assert GOES_ON in text
        assert handle.task_id in text
    assert (handle.task_id, GOES_ON) == (event.task_id, event.state)


async def test_gather_of_several_jobs_tells_each(service, caplog):
    """`gather` swallows the exceptions, the records and the events stay: one for each job."""
    events = []
    async with client(service, on_event=events.append) as kling:
        both = asyncio.gather(*(kling.image2video.generate(one) for one in requests(3)))
        await asyncio.sleep(5)
        both.cancel()
        with pytest.raises(asyncio.CancelledError):
            await both
    told_ids = {each.task_id for each in events if isinstance(each, JobAbandoned)}
    assert set(ids(service)) == told_ids
    lines = [each.getMessage() for each in caplog.records if each.name == LOGGER]
    assert all(any(task_id in line for line in lines) for task_id in ids(service))


async def test_a_left_batch_tells_each_job(service, caplog):
    """Those that run, and those that were never sent."""
    events = []
    async with client(service, on_event=events.append, max_in_flight=2) as kling:
        async with kling.image2video.generate_many(requests(4, named=True)):
            await asyncio.sleep(5)
        told_states = sorted(each.state for each in events if isinstance(each, JobAbandoned))
        assert [GOES_ON, GOES_ON, NEVER_SENT, NEVER_SENT] == told_states


async def test_a_caller_out_of_patience_is_told_by_the_error_and_an_event(service):
    """`TaskTimeoutError` holds the task and its id; the event says that the task goes on."""
    events = []
    async with client(service, on_event=events.append) as kling:
        with pytest.raises(TaskTimeoutError) as caught:
            await kling.image2video.generate(request(external_task_id="mine"), timeout=10)
        assert 1 == len([each for each in events if isinstance(each, JobAbandoned)])
    assert ids(service)[0] == caught.value.task_id == caught.value.task.task_id
    assert ids(service)[0] in str(caught.value)
    (event,) = [each for each in events if isinstance(each, JobAbandoned)]
    assert (ids(service)[0], "mine", GOES_ON) == (event.task_id, event.external_task_id, event.state)


@pytest.mark.parametrize("leave", [by_cancel, by_move_on])
@pytest.mark.parametrize("stage", ["create", "wait", "outage"])
async def test_a_cancelled_wait_ends_within_a_second(service, leave, stage):
    """Whatever is under way at that moment."""
    if stage == "create":
        service.fault("create", "hang")
    elif stage == "outage":
        for call in ("get", "list"):
            service.fault(call, "hang", times=None)
    async with client(service, max_in_flight=1) as kling:
        began = now()
        await leave(Caller(kling.image2video.generate(request())), 5.0)
        assert now() - began <= 6.0


async def test_a_job_that_has_ended_is_not_abandoned(service, caplog):
    """A cancellation of the caller that comes later has no note of ours."""
    events = []

    async def script(kling):
        await kling.image2video.generate(request())
        await asyncio.sleep(3600)

    async with client(service, on_event=events.append) as kling:
        caller = Caller(script(kling))
        await by_cancel(caller, 600)
    assert [] == caller.notes
    assert [] == [each for each in events if isinstance(each, JobAbandoned)]
    assert [] == [each for each in caplog.records if each.name == LOGGER]


@pytest.mark.parametrize("given", [{}, {"max_in_flight": 2}, {"journal": True}], ids=str)
async def test_a_background_watch_is_no_caller(service, caplog, journal, given):
    """Closing the client ends it without a note, a record or an event: nobody waited."""
    events = []
    options = {**given, "journal": journal} if given.get("journal") else given
    async with client(service, on_event=events.append, **options) as kling:
        await kling.image2video.submit(request())
        await asyncio.sleep(5)
    assert [] == [each for each in events if isinstance(each, JobAbandoned)]
    assert [] == [each for each in caplog.records if each.name == LOGGER]


async def test_control_without_the_note_the_ids_are_lost(service, monkeypatch, caplog):
    """With the observers silent, none of the channels has anything."""
    events = []
    monkeypatch.setattr(Observers, "abandoned", lambda *_: None)
    async with client(service, on_event=events.append) as kling:
        caller = Caller(kling.image2video.generate(request()))
        await by_cancel(caller, 5.0)
    with pytest.raises(ValueError, match="unpack"):
        told(caller, caplog, events)


async def test_a_cancelled_job_that_was_never_sent_is_cancelled_in_the_journal(service, journal):
    """`resume()` leaves it alone unless asked; the script queues it again."""
    async with client(service, journal=journal, max_in_flight=1) as kling:
        await kling.image2video.submit(request(0))
        await by_cancel(Caller(kling.image2video.generate(request(1))), 5.0)
        await until(lambda: 0 == kling.slots.held)
    async with client(service, journal=journal) as kling:
        async with kling.image2video.resume() as outcomes:
            assert 1 == len([outcome async for outcome in outcomes])
        assert 1 == service.counts["create"]
        async with kling.image2video.resume(cancelled=True) as outcomes:
            assert all([outcome.unwrap() async for outcome in outcomes])
    assert 2 == service.counts["create"] == len(service.tasks)
