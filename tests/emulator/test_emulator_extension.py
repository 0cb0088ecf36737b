"""Extended videos: longer, with a new id, and only of models that can."""

import pytest

from kling_async.emulator import AtOnce

pytestmark = pytest.mark.anyio

PATH = "/v1/videos/video-extend"


async def extended(wire, video_id, **fields):
    """POST an extension and give status and payload, with the task at its end on success."""
    status, payload, _ = await wire.send("POST", PATH, body={"video_id": video_id, **fields})
    if status != 200:
        return status, payload["message"]
    return status, (await wire.send("GET", f"{PATH}/{payload['data']['task_id']}"))[1]["data"]


async def test_an_extension_is_longer_and_can_be_extended(emulate):
    """The whole video with a new id, five seconds more each time, and its parent is told."""
    async with emulate(advance=AtOnce()) as wire:
        (first,) = (await wire.ended(model_name="kling-v1-6"))["task_result"]["videos"]
        status, task = await extended(wire, first["id"], prompt="on", external_task_id="mine")
        assert (200, {"parent_video": first, "external_task_id": "mine"}) == (status, task["task_info"])
        (second,) = task["task_result"]["videos"]
        assert ("10.1", True) == (second["duration"], second["id"] != first["id"])
        _, task = await extended(wire, second["id"])
        assert "15.1" == task["task_result"]["videos"][0]["duration"]


async def test_unknown_running_and_foreign_videos_are_refused(emulate):
    """Only a finished video of a text, an image or an extension."""
    async with emulate(advance=AtOnce()) as wire:
        assert (400, "video_id v is not found") == await extended(wire, "v")
        _, payload, _ = await wire.send("POST", "/v1/videos/omni-video", body={"prompt": "x"})
        _, payload, _ = await wire.send("GET", f"/v1/videos/omni-video/{payload['data']['task_id']}")
        (video,) = payload["data"]["task_result"]["videos"]
        assert 400 == (await extended(wire, video["id"]))[0]


async def test_models_decide_unless_the_map_is_off(emulate):
    """V1.0, V1.5 and V1.6 can be extended; kling-v1 takes no steering."""
    async with emulate(advance=AtOnce()) as wire:
        (old,) = (await wire.ended())["task_result"]["videos"]
        (new,) = (await wire.ended(model_name="kling-v3"))["task_result"]["videos"]
        expected = (400, "kling-v3 is not supported with video-extend")
        assert expected == await extended(wire, new["id"])
        assert 400 == (await extended(wire, old["id"], cfg_scale=0.5))[0]
        wire.emulator.capabilities = False
        assert [200, 200] == [
            (await extended(wire, new["id"]))[0],
            (await extended(wire, old["id"], cfg_scale=0.5))[0],
        ]


async def test_three_minutes_are_the_end(emulate):
    """The total length is bounded."""
    async with emulate(advance=AtOnce(), capabilities=False) as wire:
        (video,) = (await wire.ended(duration="176"))["task_result"]["videos"]
        assert (400, "The total duration is greater than 180 seconds") == await extended(wire, video["id"])


async def test_rules_of_the_request_come_first(emulate):
    """The fields are checked as any endpoint's."""
    async with emulate() as wire:
        assert (400, "video_id cannot be empty") == await extended(wire, "")
        assert (400, "cfg_scale is out of range [0, 1]") == await extended(wire, "v", cfg_scale=2)
