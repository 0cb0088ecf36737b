"""The other endpoints of the family through the public API: the same promises, without a line of their own."""

import asyncio
import logging
from pathlib import Path

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
from kling_async.emulator.service import synchronous as emulated
from kling_async.emulator.service.products import FAMILY
from kling_async.schema.family import ASYNCHRONOUS, SYNCHRONOUS

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


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (
            "/v1/videos/omni-video",
            r"makes a task; send it with KlingClient\.endpoint\('/v1/videos/omni-video'\)",
        ),
        ("/v1/videos/image2video", r"makes a task; send it with KlingClient\.image2video"),
        ("/v1/videos/video-extend", r"makes a task; send it with KlingClient\.video_extend"),
        ("/v1/audio/tts/", "without a slash at the end"),
        ("/v2/audio/tts", "starts with /v1/"),
    ],
)
async def test_a_path_that_makes_tasks_is_no_call(path, says):
    """A create without an id of its own and without a slot would be paid for and lost."""
    async with emulator() as service, client(service) as kling:
        with pytest.raises(ValidationError, match=says):
            await kling.call(path, {"prompt": "rain", "image": "https://pictures.example/a.png"})
    assert 0 == len(service.requests)


def test_every_path_of_the_emulators_family_is_known():
    """Which of them make tasks is stated twice, and both agree."""
    assert set(FAMILY) == ASYNCHRONOUS
    assert set(emulated.SYNCHRONOUS) == SYNCHRONOUS


@pytest.mark.parametrize(
    ("endpoint", "fields", "says"),
    [
        ("text2video", {"prompt": "x", "image": "https://pictures.example/a.png"}, "made by image2video"),
        ("text2video", {"prompt": "x", "video_id": "v"}, "made longer by video_extend"),
        (
            "text2video",
            {"prompt": "x", "n": 2},
            "belongs to /v1/images/generations, which KlingClient.endpoint",
        ),
        (
            "image2video",
            {"image": "https://pictures.example/a.png", "aspect_ratio": "1:1"},
            "text2video takes it",
        ),
        ("image2video", {"image_list": []}, "belongs to /v1/videos/omni-video, which KlingClient.endpoint"),
        ("video_extend", {"video_id": "v", "model_name": "kling-v3"}, "those of the source video"),
        ("video_extend", {"video_id": "v", "image_tail": "x"}, "made by image2video"),
        ("video_extend", {"video_id": "v", "sound": "on"}, "belongs to image2video and text2video"),
        ("video_extend", {"video_id": "v", "video_url": "https://a.example/a.mp4"}, "by its id"),
        ("text2video", {"prompt": "x", "model": "kling-v3"}, "model_name"),
    ],
)
async def test_a_field_of_another_endpoint_says_where_it_belongs(endpoint, fields, says):
    """The text names what to use instead; nothing is sent."""
    async with emulator() as service, client(service) as kling:
        with pytest.raises(ValidationError, match=says):
            await getattr(kling, endpoint).generate(**fields)
    assert 0 == len(service.requests)


@pytest.mark.parametrize("picture", [b"\x89PNG", Path("a.png")], ids=["bytes", "path"])
async def test_a_picture_where_text_is_wanted_is_refused(picture):
    """By the request classes and in mappings, at any depth, with the field's path."""
    async with emulator() as service, client(service) as kling:
        tries = [
            ("prompt", kling.text2video.create(prompt=picture)),
            ("prompt", kling.image2video.create(image=picture, prompt=picture)),
            ("video_id", kling.video_extend.create(video_id=picture)),
            ("prompt", kling.endpoint(IMAGES).create({"prompt": picture})),
            (
                r"multi_prompt\[0\].prompt",
                kling.endpoint("/v1/videos/omni-video").create({"multi_prompt": [{"prompt": picture}]}),
            ),
            ("text", kling.call("/v1/audio/tts", {"text": picture})),
        ]
        for path, call in tries:
            with pytest.raises(ValidationError, match=f"{path}: .*must be text, not a picture or a file"):
                await call
    assert 0 == len(service.requests)


async def test_a_request_of_another_class_is_refused():
    """Each endpoint takes its own, and the others of the family mappings."""
    async with emulator() as service, client(service) as kling:
        with pytest.raises(ValidationError, match="must be of type Text2VideoRequest"):
            await kling.text2video.generate(request())
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
