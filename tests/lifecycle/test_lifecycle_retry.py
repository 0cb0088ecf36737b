"""`generate` again after `TaskTimeoutError`, as the error invites: the same object pays once."""

import asyncio
import gc
import weakref

import attrs
import pytest
from lifecycle.lifecycle_helpers import ids
from rooms_helpers import client, request

from kling_async import SubmissionUnknownError, TaskTimeoutError
from kling_async.jobs.known import KnownJobs

pytestmark = pytest.mark.anyio

JOURNALS = [False, True]
LIMITS = [None, 1]


def options_of(with_journal, limit, journal):
    """The client's options."""
    return {"max_in_flight": limit, **({"journal": journal} if with_journal else {})}


@pytest.mark.parametrize("with_journal", JOURNALS)
@pytest.mark.parametrize("limit", LIMITS)
async def test_one_after_the_other(service, journal, with_journal, limit):
    """Three times out of patience, and then the video of the one task."""
    one = request()
    async with client(service, **options_of(with_journal, limit, journal)) as kling:
        for _ in range(3):
            with pytest.raises(TaskTimeoutError) as caught:
                await kling.image2video.generate(one, timeout=10)
            assert ids(service) == [caught.value.task_id]
        assert ids(service) == [(await kling.image2video.generate(one)).task_id]
        assert 0 == kling.slots.held
    assert 1 == service.counts["create"]


@pytest.mark.parametrize("with_journal", JOURNALS)
@pytest.mark.parametrize("limit", LIMITS)
async def test_at_once(service, journal, with_journal, limit):
    """Two callers with one object, each of whom tries again."""
    one = request()

    async def patient(kling):
        for _ in range(50):
            try:
                return await kling.image2video.generate(one, timeout=10)
            except TaskTimeoutError:
                continue
        raise AssertionError("it never ended")

    async with client(service, **options_of(with_journal, limit, journal)) as kling:
        first, second = await asyncio.gather(patient(kling), patient(kling))
        assert 0 == kling.slots.held
    assert ids(service) == [first.task_id]
    assert first.task_id == second.task_id
    assert 1 == service.counts["create"]


@pytest.mark.parametrize("with_journal", JOURNALS)
@pytest.mark.parametrize("call", ["create", "submit"])
async def test_by_other_calls_too(service, journal, with_journal, call):
    """The object keeps its id for the client's life, whichever call it is given to."""
    one = request()
    async with client(service, **options_of(with_journal, None, journal)) as kling:
        with pytest.raises(TaskTimeoutError):
            await kling.image2video.generate(one, timeout=10)
        again = await getattr(kling.image2video, call)(one)
        assert ids(service) == [again.task_id]
    assert 1 == service.counts["create"]


async def test_after_a_create_of_unknown_outcome(service):
    """It is looked up first, and adopted."""
    one = request()
    async with client(service, submit_timeout=90) as kling:  # longer than any wait after errors
        service.fault("create", "reset-after")
        service.fault("get", "error-before", times=None)
        with pytest.raises(SubmissionUnknownError):
            await kling.image2video.generate(one)
        service.clear_faults()
        assert ids(service) == [(await kling.image2video.generate(one)).task_id]
    assert 1 == service.counts["create"]


async def test_after_a_cancellation(service):
    """The caller was cancelled after acceptance, or while the create was on its way."""
    for number, seconds in enumerate((2.0, 10.0)):
        one = request(number)
        service.fault("create", "delay", seconds=5.0)
        async with client(service) as kling:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(kling.image2video.generate(one), seconds)
            assert ids(service)[number] == (await kling.image2video.generate(one)).task_id
        service.clear_faults()
    assert 2 == service.counts["create"]


@pytest.mark.parametrize("given", ["keywords", "an equal object", "evolved"])
async def test_another_object_is_another_job(service, given):
    """Even an equal one; the error's text says to wait for the task instead."""
    async with client(service) as kling:
        one = request()
        fields = {"image": "https://pictures.example/a.png", "prompt": "shot 0"}
        first = {
            "keywords": lambda **o: kling.image2video.generate(**fields, **o),
            "an equal object": lambda **o: kling.image2video.generate(request(), **o),
            "evolved": lambda **o: kling.image2video.generate(attrs.evolve(one), **o),
        }[given]
        with pytest.raises(TaskTimeoutError, match=r"wait for .* again") as caught:
            await first(timeout=10)
        assert caught.value.task_id in str(caught.value)
        await first()
    assert 2 == service.counts["create"] == len(service.tasks)


async def test_an_object_is_not_kept_alive(service):
    """The memory is bounded by the caller's own."""
    async with client(service) as kling:
        one = request()
        with pytest.raises(TaskTimeoutError):
            await kling.image2video.generate(one, timeout=10)
        kept = weakref.ref(one)
        del one
        gc.collect()  # the error's traceback and its frames
        assert kept() is None


async def test_control_without_a_memory_the_retry_pays_again(service, monkeypatch):
    """With the memory of objects away there are two tasks."""
    monkeypatch.setattr(KnownJobs, "id_of", lambda _self, _request: None)
    one = request()
    async with client(service) as kling:
        with pytest.raises(TaskTimeoutError):
            await kling.image2video.generate(one, timeout=10)
        await kling.image2video.generate(one)
    assert 2 == len(service.tasks)
