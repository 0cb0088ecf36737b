"""`client.journal` is what users may read of the journal: nothing of it writes."""

import inspect

import attrs
import pytest
from rooms_helpers import client, request, requests

from kling_async import JobState, Journal

pytestmark = pytest.mark.anyio


async def test_without_a_journal_there_is_none(service):
    """None, rather than an empty one."""
    async with client(service) as kling:
        assert kling.journal is None


async def test_it_offers_reading_alone(service, journal):
    """Four public names."""
    async with client(service, journal=journal) as kling:
        assert isinstance(kling.journal, Journal)
        public = {name for name, _ in inspect.getmembers(kling.journal) if not name.startswith("_")}
        assert {"counts", "entries", "find", "path"} == public
        assert journal == kling.journal.path


async def test_it_tells_each_job(service, journal):
    """Entries in the order of their recording, one by its key, and how many are in each state."""
    service.fail_next("no reason")
    async with client(service, journal=journal) as kling:
        told = await kling.image2video.generate_all(requests(3, named=True), concurrency=1)
        entries = await kling.journal.entries()
        assert ["shot-0", "shot-1", "shot-2"] == [entry.key for entry in entries]
        assert [each.task.task_id for each in told] == [entry.task_id for entry in entries]
        assert [JobState.FAILED, JobState.READY, JobState.READY] == [entry.state for entry in entries]
        assert entries[1] == await kling.journal.find("shot-1")
        assert None is await kling.journal.find("unheard of")
        assert ["shot-0"] == [entry.key for entry in await kling.journal.entries(JobState.FAILED)]
        counts = await kling.journal.counts()
        assert (1, 2) == (counts[JobState.FAILED], counts[JobState.READY])


async def test_an_entry_cannot_be_changed(service, journal):
    """Neither its fields, nor the record by way of its request."""
    async with client(service, journal=journal) as kling:
        await kling.image2video.generate(request(external_task_id="mine"))
        entry = await kling.journal.find("mine")
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            entry.state = JobState.QUEUED
        entry.request.clear()
        assert (await kling.journal.find("mine")).request
        with pytest.raises(AttributeError):
            kling.journal = None


async def test_it_holds_no_keys(service, journal):
    """Nor does its repr."""
    async with client(service, journal=journal) as kling:
        await kling.image2video.generate(request())
        shown = repr(kling.journal) + repr(await kling.journal.entries())
    assert service.secret_key not in shown
    assert service.access_key not in shown
