"""An id that is used again with another request: an error where our own record shows it, otherwise a warning."""

import asyncio
import hashlib
import logging

import pytest
from lifecycle.lifecycle_helpers import ids
from made_pictures import png
from rooms_helpers import client, request

from kling_async import ContentPolicyError, Image2VideoRequest, JournalError, ValidationError
from kling_async.jobs.known import KnownJobs

pytestmark = pytest.mark.anyio

SUBMISSION = "kling_async.jobs.submission"


def adoptions(caplog):
    """The warnings that say that an earlier task was adopted."""
    return [
        each.getMessage()
        for each in caplog.records
        if each.name == SUBMISSION and each.levelno == logging.WARNING and "adopted" in each.getMessage()
    ]


@pytest.mark.parametrize("call", ["generate", "submit", "create"])
@pytest.mark.parametrize("when", ["while it runs", "after its end"])
async def test_this_clients_memory_shows_it(service, call, when):
    """A `ValidationError` that names the id; nothing more is sent."""
    async with client(service) as kling:
        first = asyncio.create_task(kling.image2video.generate(request(0, external_task_id="mine")))
        await asyncio.sleep(5 if when == "while it runs" else 600)
        before = service.counts["create"]
        with pytest.raises(ValidationError, match="mine"):
            await getattr(kling.image2video, call)(request(1, external_task_id="mine"))
        assert before == service.counts["create"] == 1
        assert (await first).succeeded


async def test_two_requests_at_once_with_one_id(service):
    """The second is refused, the first brings its video."""
    async with client(service) as kling:
        first, second = await asyncio.gather(
            kling.image2video.generate(request(0, external_task_id="mine")),
            kling.image2video.generate(request(1, external_task_id="mine")),
            return_exceptions=True,
        )
    assert first.succeeded
    assert isinstance(second, ValidationError)
    assert 1 == service.counts["create"]


@pytest.mark.parametrize("when", ["one client", "another client"])
async def test_the_journal_shows_it(service, journal, when):
    """A `JournalError` that names the id; nothing is sent."""
    async with client(service, journal=journal) as kling:
        await kling.image2video.generate(request(0, external_task_id="mine"))
        if when == "one client":
            with pytest.raises((JournalError, ValidationError), match="mine"):
                await kling.image2video.generate(request(1, external_task_id="mine"))
    if when == "another client":
        async with client(service, journal=journal) as kling:
            with pytest.raises(JournalError, match="mine"):
                await kling.image2video.generate(request(1, external_task_id="mine"))
    assert 1 == service.counts["create"]


async def test_elsewhere_it_is_a_warning_that_names_both(service, caplog):
    """Another process used the id: its task is adopted, and the warning says which."""
    async with client(service) as kling:
        await kling.image2video.create(request(0, external_task_id="mine"))
    async with client(service) as kling:
        task = await kling.image2video.generate(request(1, external_task_id="mine"))
    assert [task.task_id] == ids(service)
    (line,) = adoptions(caplog)
    assert "mine" in line
    assert task.task_id in line


async def test_look_up_first_expects_it(service, caplog):
    """No warning: the caller asked for the task of an earlier process."""
    async with client(service) as kling:
        await kling.image2video.create(request(0, external_task_id="mine"))
    async with client(service) as kling:
        task = await kling.image2video.generate(request(0, external_task_id="mine"), look_up_first=True)
    assert [task.task_id] == ids(service)
    assert [] == adoptions(caplog)


@pytest.mark.parametrize("fault", ["reset-after", "hang", "error-after"])
async def test_our_own_lost_create_is_no_surprise(service, caplog, fault):
    """Its answer was lost, and its task found: nothing of an earlier use."""
    service.fault("create", fault)
    async with client(service) as kling:
        await kling.image2video.generate(request(0, external_task_id="mine"))
    assert [] == adoptions(caplog)
    assert 1 == service.counts["create"]


@pytest.mark.parametrize("again", ["the same object", "an equal one"])
async def test_the_same_request_again_meets_its_task(service, caplog, again):
    """No error, no warning, no second create."""
    first = request(0, external_task_id="mine")
    second = first if again == "the same object" else request(0, external_task_id="mine")
    async with client(service) as kling:
        one = await kling.image2video.generate(first)
        two = await kling.image2video.generate(second)
    assert one.task_id == two.task_id
    assert 1 == service.counts["create"]
    assert [] == adoptions(caplog)


async def test_another_callback_url_is_no_other_request(service):
    """It belongs to neither the fingerprint nor the key."""
    async with client(service) as kling:
        one = await kling.image2video.generate(request(0, external_task_id="mine"))
        two = await kling.image2video.generate(
            request(0, external_task_id="mine", callback_url="https://callbacks.example/done")
        )
    assert one.task_id == two.task_id


async def test_a_refused_id_may_be_used_for_another_request(service):
    """Nothing can have been created under it."""
    service.fault("create", "moderation")
    async with client(service) as kling:
        with pytest.raises(ContentPolicyError):
            await kling.image2video.generate(request(0, external_task_id="mine"))
        assert (await kling.image2video.generate(request(1, external_task_id="mine"))).succeeded
    assert ["shot 1"] == [task.body["prompt"] for task in service.tasks]


@pytest.mark.parametrize("given", ["file", "bytes"])
async def test_without_a_journal_pictures_are_not_hashed(service, picture, monkeypatch, given):
    """Requests are told apart by where their pictures are and how long; control: a journal hashes them."""
    hashed = []
    sha256 = hashlib.sha256

    class Counting:
        def __init__(self, data=b"", **options):
            self._inner = sha256(**options)
            self.update(data)

        def update(self, data):
            hashed.append(len(data))
            self._inner.update(data)

        def __getattr__(self, name):
            return getattr(self._inner, name)

    picture.write_bytes(png(padding=100_000))
    size = picture.stat().st_size
    image = picture if given == "file" else picture.read_bytes()
    monkeypatch.setattr(hashlib, "sha256", Counting)
    async with client(service) as kling:
        await kling.image2video.generate(Image2VideoRequest(image=image, external_task_id="mine"))
    assert sum(hashed) < size / 10
    async with client(service, journal=picture.with_name("jobs.sqlite")) as kling:
        await kling.image2video.create(Image2VideoRequest(image=image, external_task_id="other"))
    assert size <= sum(hashed)


async def test_control_without_a_memory_the_old_task_is_handed_out(service, monkeypatch):
    """With the memory away, another request gets the first one's video."""
    remember = KnownJobs.remember

    def forgetful(self, one, external_id, *, named):
        self._jobs.pop(external_id, None)
        return remember(self, one, external_id, named=named)

    monkeypatch.setattr(KnownJobs, "remember", forgetful)
    async with client(service) as kling:
        first = await kling.image2video.generate(request(0, external_task_id="mine"))
        second = await kling.image2video.generate(request(1, external_task_id="mine"))
    assert first.task_id == second.task_id
