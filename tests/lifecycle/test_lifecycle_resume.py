"""`resume()` and a rerun of the script go on alike: by what is recorded, then by the external id, and only then anew."""

import asyncio

import pytest
from lifecycle.lifecycle_helpers import WAYS, begun, go_on, ids, left_running, left_unknown, now, polls
from made_pictures import png
from rooms_helpers import client, request, requests

from kling_async import Image2VideoRequest, JournalError, ValidationError
from kling_async.jobs import job as job_module
from kling_async.jobs.step import Step, next_step
from kling_async.jobs.submission import SETTLE

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("way", WAYS)
async def test_an_unknown_task_id_falls_back_to_the_external_id(service, journal, way):
    """The journal has an id that the service does not know; the task is found under the job's own."""
    service.fault("create", "wrong-types", field="data.task_id", value="999000")
    (handle,) = await begun(service, journal, [request()])
    assert "999000" == handle.task_id
    async with client(service, journal=journal) as kling:
        (outcome,) = await go_on(kling, [request()], way)
        assert ids(service) == [outcome.unwrap().task_id]
        assert 1 == service.counts["create"]
        entry = await kling.journal.find(handle.external_task_id)
    assert (ids(service)[0], "ready") == (entry.task_id, str(entry.state))


@pytest.mark.parametrize("way", WAYS)
async def test_an_unknown_outcome_is_looked_up_and_adopted(service, journal, picture, way):
    """No second create, and the task is found by the external id."""
    one = Image2VideoRequest(image=picture)
    await left_unknown(service, journal, one, made=True)
    async with client(service, journal=journal) as kling:
        (outcome,) = await go_on(kling, [one], way)
    assert [outcome.unwrap().task_id] == ids(service)
    assert 1 == service.counts["create"]


@pytest.mark.parametrize("fate", ["bytes", "changed", "gone"])
async def test_resume_looks_up_before_it_asks_for_the_picture(service, journal, picture, fate):
    """A look-up needs no picture: one given as bytes, changed or gone is no hindrance."""
    await left_unknown(
        service,
        journal,
        Image2VideoRequest(image=picture.read_bytes() if fate == "bytes" else picture),
        made=True,
    )
    if fate == "changed":
        picture.write_bytes(png(grey=0x20))
    picture.unlink() if fate == "gone" else None
    async with client(service, journal=journal) as kling:
        (outcome,) = await go_on(kling, [], "resume")
    assert [outcome.unwrap().task_id] == ids(service)
    assert 1 == service.counts["create"]


@pytest.mark.parametrize(
    ("fate", "error"), [("bytes", JournalError), ("changed", JournalError), ("gone", ValidationError)]
)
async def test_resume_asks_for_the_picture_once_it_has_to_be_sent(service, journal, picture, fate, error):
    """The look-ups found nothing for the settle time; what cannot be sent again is an error, and nothing is sent."""
    one = Image2VideoRequest(image=picture.read_bytes() if fate == "bytes" else picture)
    await left_unknown(service, journal, one, made=False)
    if fate == "changed":
        picture.write_bytes(png(grey=0x20))
    picture.unlink() if fate == "gone" else None
    async with client(service, journal=journal) as kling:
        began = now()
        (outcome,) = await go_on(kling, [], "resume")
        assert SETTLE <= now() - began
    assert isinstance(outcome.error, error)
    assert ([], 1) == (service.tasks, service.counts["create"])


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_not_found_is_sent_again_under_its_id(service, journal, picture, way):
    """After the settle time; one task comes of it."""
    one = Image2VideoRequest(image=picture)
    await left_unknown(service, journal, one, made=False)
    async with client(service, journal=journal) as kling:
        (outcome,) = await go_on(kling, [one], way)
        (entry,) = await kling.journal.entries()
    assert 1 == service.created_count(entry.key) == len(service.tasks)
    assert entry.key == outcome.unwrap().external_task_id


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", ["reset-before", "error-before", "html-before", "hang"])
async def test_an_outage_of_minutes_is_waited_out(service, journal, way, fault):
    """Running jobs of a journal wait like any other; nothing is created."""
    batch = requests(3)
    await left_running(service, journal, batch)
    for call in ("get", "list"):
        service.fault(call, fault, times=None)
    async with client(service, journal=journal) as kling:
        job = asyncio.create_task(go_on(kling, batch, way))
        await asyncio.sleep(600)
        assert not job.done()
        assert 5 < polls(service)
        service.clear_faults()
        told = await job
    assert sorted(ids(service)) == sorted(each.unwrap().task_id for each in told)
    assert 3 == service.counts["create"]


async def test_a_second_resume_has_nothing_left(service, journal):
    """What has ended is not gone on with, and nothing is asked for."""
    await begun(service, journal, requests(2))
    async with client(service, journal=journal) as kling:
        assert 2 == len([each.unwrap() for each in await go_on(kling, [], "resume")])
    before = polls(service)
    async with client(service, journal=journal) as kling:
        told = await go_on(kling, [], "resume")
        assert {"ready"} == {str(each.request.state) for each in told}
        assert before == polls(service)
    assert 2 == service.counts["create"]


async def test_control_without_the_look_up_the_task_is_not_adopted(service, journal, picture, monkeypatch):
    """With the decision broken, an unknown outcome is sent again: the ledger sees a second create."""

    def hasty(entry, known):
        step = next_step(entry, known)
        return Step.SEND if step is Step.LOOK_UP else step

    service.repeated_ids = "accept"
    await left_unknown(service, journal, Image2VideoRequest(image=picture), made=True)
    monkeypatch.setattr(job_module, "next_step", hasty)
    async with client(service, journal=journal) as kling:
        await go_on(kling, [], "resume")
    assert 2 == service.counts["create"] == len(service.tasks)
