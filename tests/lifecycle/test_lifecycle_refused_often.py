"""Ten refusals for lack of capacity (1303) cost one preparation, one warning and hardly a write to the journal."""

import logging

import pytest
from lifecycle.lifecycle_helpers import ids
from rooms_helpers import client, request

from kling_async import Image2VideoRequest
from kling_async.events import JobRefused
from kling_async.jobs import job as job_module
from kling_async.jobs import store

pytestmark = pytest.mark.anyio

REFUSALS = 10


@pytest.fixture
def prepared(monkeypatch):
    """What was prepared for sending, one entry for each time."""
    seen = []
    prepare = job_module.prepare

    async def counted(one):
        seen.append(one)
        return await prepare(one)

    monkeypatch.setattr(job_module, "prepare", counted)
    return seen


@pytest.fixture
def writes(monkeypatch):
    """The journal's pieces of work, one entry for each."""
    seen = []
    run = store.Store.run

    async def counted(self, *args, **options):
        seen.append(args)
        return await run(self, *args, **options)

    monkeypatch.setattr(store.Store, "run", counted)
    return seen


async def test_the_picture_is_prepared_once(service, picture, prepared):
    """The body is sent eleven times, and laid out once."""
    service.fault("create", "concurrency", times=REFUSALS)
    async with client(service, max_in_flight=1) as kling:
        task = await kling.image2video.generate(Image2VideoRequest(image=picture))
    assert REFUSALS + 1 == service.counts["create"]
    assert 1 == len(prepared)
    assert [task.task_id] == ids(service)
    assert picture.stat().st_size == service.tasks[0].body["image"]["bytes"]


async def test_the_capability_warning_comes_once(service, caplog):
    """The check belongs to the call, not to the create."""
    caplog.set_level(logging.WARNING, "kling_async.endpoints.base")
    service.capabilities = False
    service.fault("create", "concurrency", times=REFUSALS)
    one = request(mode="4k", model_name="kling-v1-5")
    async with client(service, capabilities="warn") as kling:
        await kling.image2video.generate(one)
    warned = [each for each in caplog.records if "probably refuse" in each.getMessage()]
    assert REFUSALS + 1 == service.counts["create"]
    assert len({each.getMessage() for each in warned}) == len(warned) >= 1


async def test_the_journal_is_written_twice_more_at_most(service, journal, writes):
    """Beside a job that was taken at once."""
    costs = []
    for refusals in (0, REFUSALS):
        path = journal.with_name(f"{refusals}.sqlite")
        service.fault("create", "concurrency", times=refusals)
        async with client(service, journal=path) as kling:
            before = len(writes)
            await kling.image2video.generate(request(refusals))
            costs.append(len(writes) - before)
            (entry,) = await kling.journal.entries()
            assert "ready" == str(entry.state)
        service.clear_faults()
    assert 0 < costs[0]
    assert costs[1] - costs[0] <= 2


async def test_each_refusal_is_an_event(service):
    """With its code, and no job fails by it."""
    seen = []
    service.fault("create", "concurrency", times=REFUSALS)
    async with client(service, on_event=seen.append) as kling:
        assert (await kling.image2video.generate(request())).succeeded
    assert [1303] * REFUSALS == [each.code for each in seen if isinstance(each, JobRefused)]


async def test_control_a_preparation_for_each_create_is_seen(service, picture, prepared, monkeypatch):
    """With a create that is refused and begun anew by the caller, each has its preparation."""
    service.fault("create", "moderation", times=2)
    async with client(service) as kling:
        for _ in range(2):
            with pytest.raises(Exception, match="1301"):
                await kling.image2video.generate(Image2VideoRequest(image=picture))
    assert 2 == len(prepared)
