"""The other endpoints of the family through the public API: the same promises, without a line of their own."""

import asyncio
import logging

import pytest
from rooms_helpers import client, emulator, request

from kling_async import (
    ConfigurationError,
    ConnectionFailedError,
    SubmissionUnknownError,
    Text2VideoRequest,
    ValidationError,
    VideoExtendRequest,
)

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

IMAGES = "/v1/images/generations"
LIP_SYNC = "/v1/videos/lip-sync"


async def test_text_becomes_a_video():
    """A request class, keywords, and a body in the API's own names."""
    async with emulator() as service, client(service) as kling:
        task = await kling.text2video.generate(prompt="rain", model_name="kling-v2-6", aspect_ratio="9:16")
        again = await kling.text2video.generate(Text2VideoRequest(prompt="rain", model_name="kling-v2-6"))
    assert (1, 1) == (len(task.videos), len(again.videos))
    assert {"/v1/videos/text2video"} == {each.path for each in service.requests if each.call == "create"}
    assert {"prompt": "rain", "model_name": "kling-v2-6", "aspect_ratio": "9:16"}.items() <= service.tasks[
        0
    ].body.items()


async def test_a_video_is_made_longer():
    """By the id of a video; its model is the source's."""
    async with emulator(capabilities=False) as service, client(service) as kling:
        source = await kling.text2video.generate(prompt="rain", model_name="kling-v1-6")
        longer = await kling.video_extend.generate(VideoExtendRequest(video_id=source.videos[0].id))
    assert 1 == len(longer.videos)


async def test_images_of_one_task_take_as_many_slots_as_they_are():
    """An image task with `n` holds n slots of the images, and none of the videos."""
    async with emulator() as service, client(service, max_in_flight={"video": 1, "image": 4}) as kling:
        job = await kling.endpoint(IMAGES).submit({"prompt": "cats", "n": 3})
        images = kling.slots.of("image")
        assert (3, 4, 0, 1) == (images.held, images.limit, kling.slots.held, kling.slots.limit)
        second = asyncio.create_task(kling.endpoint(IMAGES).generate({"prompt": "dogs", "n": 2}))
        await asyncio.sleep(1)
        assert (3, 1) == (images.held, images.waiting)
        assert 3 == len((await job.wait()).images)
        assert 2 == len((await second).images)
        assert (0, 0) == (images.held, images.waiting)


async def test_every_result_of_a_task_is_downloaded(tmp_path):
    """`download` takes a task with one result, `download_all` any."""
    async with emulator() as service, client(service) as kling:
        several = await kling.endpoint(IMAGES).generate({"prompt": "cats", "n": 3})
        one = await kling.endpoint(IMAGES).generate({"prompt": "a cat"})
        with pytest.raises(ValidationError, match=r"3 results.*download_all"):
            await kling.download(several, tmp_path / "cats.png")
        files = await kling.download_all(several, tmp_path / "new" / "folder")
        alone = await kling.download(one, tmp_path / "cat.png")
    assert [f"{several.task_id}-{number}.png" for number in (1, 2, 3)] == [file.name for file in files]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in [*files, alone])


@pytest.mark.parametrize("kind", ["reset-after", "error-after", "late-creation", "duplicate", "rate-limit"])
async def test_a_mapping_is_created_once(kind):
    """Lost answers are looked up by the id that the mapping got, under its own path."""
    async with emulator() as service, client(service) as kling:
        service.fault("create", kind)
        task = await kling.endpoint(IMAGES).generate({"prompt": "cats"})
    assert [task.task_id] == [made.task_id for made in service.tasks]
    assert task.external_task_id.startswith("ka-")


async def test_without_an_id_an_unclear_create_is_never_sent_again():
    """Old lip-sync takes no `external_task_id`: none is sent, and the outcome stays unknown."""
    async with emulator() as service, client(service) as kling:
        service.fault("create", "reset-after")
        with pytest.raises(SubmissionUnknownError, match="not sent again"):
            await kling.endpoint(LIP_SYNC).generate({"input": {"video_id": "7", "mode": "text2video"}})
        await asyncio.sleep(600)
    assert (1, 1) == (service.counts["create"], len(service.tasks))
    assert "external_task_id" not in service.tasks[0].body


async def test_a_journal_goes_on_with_every_endpoint(tmp_path):
    """The same script again meets the tasks of each path, and `resume` those of its own."""
    journal = tmp_path / "jobs.sqlite"
    fields = {"prompt": "cats", "n": 2}
    async with emulator() as service:
        for _ in range(2):
            async with client(service, journal=journal) as kling:
                await kling.endpoint(IMAGES).create(fields)
                await kling.text2video.create(prompt="rain", model_name="kling-v3")
        async with client(service, journal=journal) as kling:
            async with kling.endpoint(IMAGES).resume() as outcomes:
                images = [outcome.unwrap() async for outcome in outcomes]
            async with kling.text2video.resume() as outcomes:
                videos = [outcome.unwrap() async for outcome in outcomes]
    assert (2, 2, 1) == (service.counts["create"], len(images[0].images), len(videos[0].videos))


async def test_a_synchronous_call_is_made_once():
    """Its answer's data comes back; after a lost answer nothing is repeated."""
    async with emulator() as service, client(service) as kling:
        answer = await kling.call("/v1/audio/tts", {"text": "hello", "voice_id": "v"})
        assert "succeed" == answer["task_status"]
        service.fault("any", "reset-before")
        with pytest.raises(ConnectionFailedError):
            await kling.call("/v1/audio/tts", {"text": "hello", "voice_id": "v"})
    assert 2 == service.counts["call"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("videos/omni-video", "starts with /v1/"),
        ("/v2/videos/omni-video", "starts with /v1/"),
        ("https://other.example/v1/videos/x", "starts with /v1/"),
        ("/v1/audio/tts", "KlingClient.call"),
        (None, "starts with /v1/"),
    ],
)
async def test_a_path_that_is_no_endpoint_is_refused(path, says):
    """Before anything is sent, with what to use instead."""
    async with emulator() as service, client(service) as kling:
        with pytest.raises(ValidationError, match=says):
            kling.endpoint(path)
    assert 0 == len(service.requests)


async def test_a_field_of_another_endpoint_says_where_it_belongs():
    """A picture for text2video, and an old name for the model."""
    async with emulator() as service, client(service) as kling:
        with pytest.raises(ValidationError, match="image2video"):
            await kling.text2video.generate(prompt="rain", image="https://pictures.example/a.png")
        with pytest.raises(ValidationError, match="model_name"):
            await kling.text2video.generate(prompt="rain", model="kling-v3")
        with pytest.raises(ValidationError, match="mapping"):
            await kling.endpoint(IMAGES).generate(request())
    assert 0 == len(service.requests)


async def test_a_limit_for_an_unknown_kind_is_refused():
    """The text names the kinds."""
    async with emulator() as service:
        with pytest.raises(ConfigurationError, match="video, image, audio"):
            client(service, max_in_flight={"films": 3})


async def test_a_model_that_ends_is_said_once_for_each_client(caplog):
    """With the date and what replaces it, and never as an error."""
    async with emulator() as service:
        for _ in range(2):
            async with client(service) as kling:
                with caplog.at_level(logging.WARNING):
                    for number in range(3):
                        await kling.image2video.create(request(number))
                        await kling.text2video.create(prompt="rain", model_name="kling-v2-6")
    said = [record.getMessage() for record in caplog.records if "announced to end" in record.getMessage()]
    assert 2 == len(said)
    assert "2026-09-15" in said[0]
    assert "kling-v2-6" in said[0]
