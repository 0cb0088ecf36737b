"""Events: each class from where the thing happens, in order, with the ids and without secrets; a hook never ends a job."""

import asyncio
import logging

import attrs
import pytest
from lifecycle.lifecycle_helpers import ids, polls
from made_pictures import png
from rooms_helpers import client, request, requests

from kling_async import AccountError, DownloadError, Image2VideoRequest, TaskFailedError, events
from kling_async.events import (
    DownloadDone,
    JobAbandoned,
    JobAccepted,
    JobEnded,
    JobQueued,
    JobRefused,
    PollDone,
    SlotChanged,
    TaskChanged,
)

pytestmark = pytest.mark.anyio

PATH = "/v1/videos/image2video"
CLASSES = [
    JobQueued, JobAccepted, JobRefused, TaskChanged, JobEnded, JobAbandoned, PollDone, SlotChanged, DownloadDone,
]  # fmt: skip


def of(seen, *kinds):
    """The events of these classes."""
    return [event for event in seen if isinstance(event, kinds)]


async def test_a_jobs_events_come_in_order(service):
    """Queued, slot, accepted, polls and changes, slot, ended."""
    seen = []
    async with client(service, max_in_flight=2, on_event=seen.append) as kling:
        await kling.image2video.generate(request(external_task_id="mine", model_name="kling-v1-5"))
    kinds = [type(event) for event in seen if not isinstance(event, PollDone)]
    assert [JobQueued, SlotChanged, JobAccepted, TaskChanged, TaskChanged, SlotChanged, JobEnded] == kinds
    queued, slot, accepted, first, last, freed, ended = [e for e in seen if not isinstance(e, PollDone)]
    task_id = ids(service)[0]
    assert ("mine", PATH, "kling-v1-5") == (queued.external_task_id, queued.path, queued.model)
    assert ("video", 1, 0, 2) == (slot.kind, slot.held, slot.waiting, slot.limit)
    assert ("mine", task_id, False) == (accepted.external_task_id, accepted.task_id, accepted.adopted)
    assert [("processing", task_id), ("succeed", task_id)] == [(e.status, e.task_id) for e in (first, last)]
    assert (0, 0) == (freed.held, freed.waiting)
    assert (True, None, None) == (ended.succeeded, ended.error, ended.code)
    assert 120 <= ended.seconds <= 130
    assert accepted.seconds < 1


async def test_a_failed_and_a_refused_job_end_with_their_errors(service):
    """The class by name, and the service's code if an answer ended the job."""
    seen = []
    async with client(service, on_event=seen.append) as kling:
        service.fail_next("no reason")
        with pytest.raises(TaskFailedError):
            await kling.image2video.generate(request(0))
        service.fault("create", "account", code=1102)
        with pytest.raises(AccountError):
            await kling.image2video.generate(request(1, external_task_id="mine"))
    failed, refused = of(seen, JobEnded)
    assert (False, "TaskFailedError", None, ids(service)[0]) == (
        failed.succeeded,
        failed.error,
        failed.code,
        failed.task_id,
    )
    assert (False, "AccountError", 1102, None) == (
        refused.succeeded,
        refused.error,
        refused.code,
        refused.task_id,
    )
    (refusal,) = of(seen, JobRefused)
    assert ("mine", 1102, PATH) == (refusal.external_task_id, refusal.code, refusal.path)
    assert seen.index(refusal) < seen.index(refused)


@pytest.mark.parametrize("how", ["lost answer", "same id", "look_up_first"])
async def test_an_adopted_task_is_told_as_adopted(service, how):
    """Its job did not create it, or cannot know that it did."""
    seen = []
    one = request(external_task_id="mine")
    if how == "lost answer":
        service.fault("create", "reset-after")
    else:
        async with client(service) as kling:
            await kling.image2video.create(one)
    async with client(service, on_event=seen.append) as kling:
        await kling.image2video.generate(one, look_up_first=how == "look_up_first")
    (accepted,) = of(seen, JobAccepted)
    assert (True, ids(service)[0]) == (accepted.adopted, accepted.task_id)


async def test_each_poll_is_an_event(service):
    """With its kind, how long it took, how many tasks it showed, and its error."""
    seen = []
    async with client(service, on_event=seen.append) as kling:
        service.fault("get", "error-before", times=1)
        await kling.image2video.generate_all(requests(30))
    done = of(seen, PollDone)
    assert polls(service) == len(done)
    assert {"get", "list"} >= {event.call for event in done}
    assert all(event.seconds >= 0 and PATH == event.path for event in done)
    assert 1 <= len([event for event in done if event.error is not None]) <= 2
    assert any(event.tasks for event in done)


async def test_each_job_of_a_batch_begins_and_ends_once(service):
    """And the slots never hold more than the limit."""
    seen = []
    async with client(service, max_in_flight=3, on_event=seen.append) as kling:
        await kling.image2video.generate_all(requests(10, named=True))
    names = sorted(f"shot-{number}" for number in range(10))
    for kind in (JobQueued, JobAccepted, JobEnded):
        assert names == sorted(event.external_task_id for event in of(seen, kind))
    assert 3 == max(event.held for event in of(seen, SlotChanged))
    last = of(seen, SlotChanged)[-1]
    assert (0, 0) == (last.held, last.waiting)


async def test_a_download_is_an_event(service, tmp_path):
    """With the task, its length and its time; or with its error."""
    seen = []
    async with client(service, on_event=seen.append) as kling:
        task = await kling.image2video.generate(request())
        path = await kling.download(task, tmp_path / "video.mp4")
        with pytest.raises(DownloadError):
            await kling.download(task, tmp_path / "missing" / "video.mp4")
    good, bad = of(seen, DownloadDone)
    assert (task.task_id, path.stat().st_size, None) == (good.task_id, good.size, good.error)
    assert (task.task_id, None, "DownloadError") == (bad.task_id, bad.size, bad.error)
    assert 0 <= good.seconds < 60


async def everything(service, tmp_path, hook, journal=None):
    """A life with an event of each class."""
    async with client(service, max_in_flight=1, on_event=hook, journal=journal) as kling:
        service.fault("create", "concurrency")
        one = Image2VideoRequest(image=png(), prompt="a secret plan", negative_prompt="no spies")
        task = await kling.image2video.generate(one)
        await kling.download(task, tmp_path / "video.mp4")
        job = asyncio.create_task(kling.image2video.generate(request(1, prompt="another secret plan")))
        await asyncio.sleep(5)
        job.cancel()
        await asyncio.wait([job])
    return task


async def test_events_hold_no_secret(service, tmp_path):
    """Neither keys nor prompts, pictures or URLs; each of the nine classes is among them, frozen."""
    seen = []
    task = await everything(service, tmp_path, seen.append)
    assert {kind.__name__ for kind in CLASSES} == {type(event).__name__ for event in seen}
    shown = "\n".join(repr(event) for event in seen)
    for secret in (
        service.secret_key,
        service.access_key,
        "secret plan",
        "no spies",
        "://",
        task.videos[0].url,
    ):
        assert secret not in shown
    for event in seen:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            event.anything = 1


async def test_all_classes_are_in_the_union():
    """`Event` names each of them; the one of callbacks is tested where a receiver is."""
    assert {*CLASSES, events.CallbackReceived} == set(events.Event.__args__)


async def test_a_hook_that_raises_is_logged_once(service, tmp_path, caplog):
    """And no job ends by it."""
    calls = []

    def hook(event):
        calls.append(event)
        raise RuntimeError("of the hook")

    task = await everything(service, tmp_path, hook)
    assert task.succeeded
    assert 10 < len(calls)
    logged = [each for each in caplog.records if "kling_async.events" == each.name]
    assert 1 == len(logged)
    assert logging.ERROR == logged[0].levelno
    assert "JobQueued" in logged[0].getMessage()


async def test_slots_tell_what_is_held_and_who_waits(service):
    """For metrics and tests; the events say the same."""
    seen = []
    async with client(service, max_in_flight=2, on_event=seen.append) as kling:
        assert (0, 0, 2) == (kling.slots.held, kling.slots.waiting, kling.slots.limit)
        jobs = [asyncio.create_task(kling.image2video.generate(one)) for one in requests(5)]
        await asyncio.sleep(5)
        assert (2, 3, 2) == (kling.slots.held, kling.slots.waiting, kling.slots.limit)
        last = of(seen, SlotChanged)[-1]
        assert (2, 3, 2) == (last.held, last.waiting, last.limit)
        kling.max_in_flight = 5
        await asyncio.sleep(1)
        assert (5, 0, 5) == (kling.slots.held, kling.slots.waiting, kling.slots.limit)
        await asyncio.gather(*jobs)
        assert (0, 0) == (kling.slots.held, kling.slots.waiting)
    last = of(seen, SlotChanged)[-1]
    assert (0, 0) == (last.held, last.waiting)
    assert "held=0" in repr(kling.slots)


async def test_a_lone_client_has_no_limit(service):
    """`limit` is None; what is held is counted all the same."""
    async with client(service) as kling:
        job = asyncio.create_task(kling.image2video.generate(request()))
        await asyncio.sleep(5)
        assert (1, 0, None) == (kling.slots.held, kling.slots.waiting, kling.slots.limit)
        await job
        assert 0 == kling.slots.held
