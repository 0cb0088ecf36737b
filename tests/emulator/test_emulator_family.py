"""The other endpoints: created, found and shown under their own paths, with results of the right kind."""

import io
import wave

import pytest

from kling_async.emulator import AtOnce
from kling_async.emulator.service.products import FAMILY
from kling_async.emulator.service.synchronous import PRESETS, SYNCHRONOUS
from kling_async.emulator.videos.sound import mp3, mp3_seconds, wav

pytestmark = pytest.mark.anyio

BODIES = {
    "/v1/videos/image2video": {"image": "http://127.0.0.1:9/a.png"},
    "/v1/videos/text2video": {"prompt": "a cat"},
}
OTHERS = [path for path in FAMILY if path != "/v1/videos/video-extend"]


async def create(wire, path, **fields):
    """POST a create to a path and give the task object at its end."""
    status, payload, _ = await wire.send("POST", path, body={**BODIES.get(path, {}), **fields})
    assert (200, 0) == (status, payload["code"]), payload
    return (await wire.send("GET", f"{path}/{payload['data']['task_id']}"))[1]["data"]


async def file(wire, url):
    """Status, bytes and type of a result's file."""
    async with wire.session.get(url) as response:
        return response.status, await response.read(), response.headers["Content-Type"]


@pytest.mark.parametrize("path", OTHERS)
async def test_every_endpoint_creates_finds_and_lists(path, emulate):
    """By task id, by external id where there is one, and on its own list."""
    async with emulate(advance=AtOnce()) as wire:
        task = await create(wire, path, external_task_id="mine")
        assert "succeed" == task["task_status"]
        assert set(FAMILY[path].results) == set(task["task_result"])
        found, _, _ = await wire.send("GET", f"{path}/mine")
        assert (200 if FAMILY[path].external_ids else 400) == found
        rows = (await wire.send("GET", path))[1]["data"]
        assert [task["task_id"]] == [row["task_id"] for row in rows]


async def test_a_task_is_found_under_its_own_path_alone(emulate):
    """Neither its ids nor the list of another endpoint shows it."""
    async with emulate() as wire:
        await create(wire, "/v1/videos/omni-video", external_task_id="mine")
        for target in ("/v1/videos/image2video/mine", "/v1/images/generations/mine"):
            status, payload, _ = await wire.send("GET", target)
            assert (400, 1201) == (status, payload["code"])
        assert [] == (await wire.list())[1]["data"]


async def test_an_external_id_is_unique_across_the_family(emulate):
    """The namespace is the whole account."""
    async with emulate() as wire:
        await create(wire, "/v1/images/generations", external_task_id="mine")
        status, payload, _ = await wire.create(external_task_id="mine")
        assert (400, "External_task_id mine already exists") == (status, payload["message"])


async def test_lip_sync_has_no_external_id(emulate):
    """The field is ignored: two creates are two tasks."""
    async with emulate() as wire:
        tasks = [await create(wire, "/v1/videos/lip-sync", external_task_id="mine") for _ in range(2)]
        assert 2 == len({task["task_id"] for task in tasks})
        assert 0 == wire.emulator.created_count("mine")


@pytest.mark.parametrize("path", OTHERS)
async def test_common_rules_hold_everywhere(path, emulate):
    """A callback that is no URL, an id that no path can carry, a body that is no object."""
    async with emulate() as wire:
        for fields in ({"callback_url": "x"}, {"external_task_id": ".."}, {"watermark_info": 1}):
            status, payload, _ = await wire.send("POST", path, body={**BODIES.get(path, {}), **fields})
            assert (400, 1201) == (status, payload["code"])
        assert 1200 == (await wire.send("POST", path, body=[]))[1]["code"]


@pytest.mark.parametrize(
    ("asked", "expected"), [({}, 1), ({"n": 4}, 4), ({"n": "9"}, 9), ({"n": "x"}, 1), ({"n": 99}, 9)]
)
async def test_images_come_in_the_number_asked_for(asked, expected, emulate):
    """Each has its index from 0 and its own file."""
    async with emulate(advance=AtOnce()) as wire:
        task = await create(wire, "/v1/images/generations", prompt="a cat", **asked)
        images = task["task_result"]["images"]
        assert list(range(expected)) == [image["index"] for image in images]
        for image in images:
            status, data, kind = await file(wire, image["url"])
            assert (200, b"\x89PNG\r\n\x1a\n", "image/png") == (status, data[:8], kind)
        beyond = images[0]["url"].replace("-0.png", f"-{expected}.png") if expected < 9 else None
        if beyond:
            assert 404 == (await file(wire, beyond))[0]


async def test_audio_lasts_what_it_says(emulate):
    """A WAV of the asked length, and an MP3 of whole frames."""
    async with emulate(advance=AtOnce()) as wire:
        task = await create(wire, "/v1/audio/text-to-audio", prompt="rain", duration=3.5)
        (audio,) = task["task_result"]["audios"]
        assert {"id", "url_mp3", "url_wav", "duration_mp3", "duration_wav"} == set(audio)
        status, data, kind = await file(wire, audio["url_wav"])
        assert (200, "audio/wav", "3.5") == (status, kind, audio["duration_wav"])
        with wave.open(io.BytesIO(data)) as sound:
            assert 3.5 == pytest.approx(sound.getnframes() / sound.getframerate(), abs=1e-4)
        status, data, kind = await file(wire, audio["url_mp3"])
        assert (200, "audio/mpeg", b"ID3") == (status, kind, data[:3])
        assert 3.5 == pytest.approx(float(audio["duration_mp3"]), abs=0.02)


@pytest.mark.parametrize("format_", ["mp3", "wav"])
def test_sounds_can_be_decoded(format_):
    """A decoder that knows nothing of the emulator finds the length that is told."""
    av = pytest.importorskip("av")
    data, seconds = {"mp3": (mp3(3.5), mp3_seconds(3.5)), "wav": (wav(3.5), 3.5)}[format_]
    with av.open(io.BytesIO(data)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
        assert seconds == pytest.approx(samples / container.streams.audio[0].rate, abs=0.06)


async def test_video_to_audio_brings_both_kinds(emulate):
    """A video with sound, the sound alone, and the video that it began with."""
    async with emulate(advance=AtOnce()) as wire:
        task = await create(wire, "/v1/audio/video-to-audio", video_url="https://a.example/b.mp4")
        assert ["videos", "audios"] == list(task["task_result"])
        assert "https://a.example/b.mp4" == task["task_info"]["parent_video"]["url"]


async def test_image_tasks_hold_as_many_slots_as_they_make_images(emulate):
    """Kinds have limits of their own; a number limits videos alone."""
    async with emulate(capacity={"image": 5}) as wire:
        await create(wire, "/v1/images/generations", n=4)
        status, payload, _ = await wire.send("POST", "/v1/images/generations", body={"n": 2})
        assert (429, 1303) == (status, payload["code"])
        await create(wire, "/v1/images/generations", n=1)
        await wire.created()
        wire.emulator.capacity = 1
        assert 1303 == (await wire.create())[1]["code"]
        await create(wire, "/v1/images/generations", n=9)


async def test_effects_tell_no_duration(emulate):
    """As the API reference of 2026 has it."""
    async with emulate(advance=AtOnce()) as wire:
        task = await create(wire, "/v1/videos/effects", effect_scene="hug_pro", input={"duration": "10"})
        assert {"id", "url"} == set(task["task_result"]["videos"][0])


async def test_voices_and_elements_have_their_lists(emulate):
    """Management tasks end with what they made."""
    async with emulate(advance=AtOnce()) as wire:
        voice = await create(wire, "/v1/general/custom-voices", voice_name="mine")
        assert "mine" == voice["task_result"]["voices"][0]["voice_name"]
        element = await create(wire, "/v1/general/advanced-custom-elements", element_name="cat")
        assert "cat" == element["task_result"]["elements"][0]["element_name"]


async def test_pictures_anywhere_are_kept_as_their_size_alone(emulate, pictures):
    """The ledger holds no picture, at whatever depth it was sent."""
    picture = pictures.png(300, 400)
    async with emulate() as wire:
        await create(
            wire, "/v1/videos/omni-video", image_list=[{"image_url": pictures.b64(picture)}], prompt="x"
        )
        shown = {"kind": "png", "bytes": len(picture), "width": 300, "height": 400}
        assert [{"image_url": shown}] == wire.emulator.tasks[0].body["image_list"]


@pytest.mark.parametrize("path", sorted(SYNCHRONOUS))
async def test_synchronous_calls_answer_at_once(path, emulate):
    """One POST, one answer, no task; what it points at can be fetched."""
    async with emulate() as wire:
        status, payload, _ = await wire.send("POST", path, body={"video_id": "1"})
        assert (200, 0) == (status, payload["code"])
        assert ([], 1) == (wire.emulator.tasks, wire.emulator.counts["call"])
        assert 1200 == (await wire.send("POST", path, body=[]))[1]["code"]


async def test_a_synchronous_answers_file_can_be_fetched(emulate):
    """Speech is an MP3."""
    async with emulate() as wire:
        _, payload, _ = await wire.send("POST", "/v1/audio/tts", body={"text": "hello", "voice_id": "1"})
        (audio,) = payload["data"]["task_result"]["audios"]
        assert (200, b"ID3") == ((got := await file(wire, audio["url"]))[0], got[1][:3])


@pytest.mark.parametrize("path", sorted(PRESETS))
async def test_presets_are_empty_lists(path, emulate):
    """The service's own voices and elements are not emulated."""
    async with emulate() as wire:
        assert (200, []) == ((answer := await wire.send("GET", path))[0], answer[1]["data"])


async def test_synchronous_calls_can_be_struck(emulate):
    """Trouble can be planned for them too."""
    async with emulate() as wire:
        wire.emulator.fault("call", "error-before", code=5000)
        assert 500 == (await wire.send("POST", "/v1/audio/tts", body={}))[0]
        assert {("call", "error-before"): 1} == wire.emulator.injected


async def test_account_costs_tell_what_is_left(emulate):
    """Double wrapped; tasks that succeeded are deducted, others are not."""
    async with emulate(advance=AtOnce(), clock=lambda: 1e9) as wire:
        await wire.ended(mode="pro", duration="10")
        wire.emulator.fail_next("no")
        await wire.ended()
        status, payload, _ = await wire.send("GET", "/account/costs?start_time=0&end_time=1")
        assert (200, 0) == (status, payload["data"]["code"])
        (pack,) = payload["data"]["resource_pack_subscribe_infos"]
        assert 7.0 == pack["total_quantity"] - pack["remaining_quantity"]
        assert (401, 1) == (
            (await wire.send("GET", "/account/costs", headers={"Authorization": "x"}))[0],
            wire.emulator.counts["costs"] - 1,
        )


async def test_units_are_told_as_text_on_success_alone(emulate):
    """What the task cost; a failure costs nothing and tells nothing."""
    async with emulate(advance=AtOnce()) as wire:
        assert "3.5" == (await wire.ended(mode="pro"))["final_unit_deduction"]
        wire.emulator.fail_next("no")
        assert "final_unit_deduction" not in await wire.ended()
