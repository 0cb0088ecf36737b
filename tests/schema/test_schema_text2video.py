"""Requests for text2video and video_extend: what they take, what they refuse, and where they point."""

import pytest

from kling_async.errors import ValidationError
from kling_async.schema.camera import CameraControl
from kling_async.schema.capabilities import capability_problems
from kling_async.schema.text2video import Text2VideoRequest
from kling_async.schema.video_extend import VideoExtendRequest

SHOTS = [{"index": 1, "prompt": "a", "duration": 5}]
CUSTOM = {"multi_shot": True, "shot_type": "customize", "multi_prompt": SHOTS}


def refused(build, **fields):
    """The problems of a request that is not built, by path."""
    with pytest.raises(ValidationError) as caught:
        build(**fields)
    return {problem.path: problem.message for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"prompt": "x" * 2500}, {"prompt": "x" * 2500}),
        ({"prompt": "x", "negative_prompt": "", "duration": 7}, {"prompt": "x", "duration": "7"}),
        (CUSTOM, {**CUSTOM, "multi_prompt": [{"index": 1, "prompt": "a", "duration": "5"}]}),
        (
            {"prompt": "x", "camera_control": CameraControl.zoom(5), "aspect_ratio": "9:16", "mode": "4k"},
            {
                "prompt": "x",
                "camera_control": {"type": "simple", "config": {"zoom": 5}},
                "aspect_ratio": "9:16",
                "mode": "4k",
            },
        ),
        (
            {
                "prompt": "x",
                "sound": "on",
                "voice_list": [{"voice_id": "a"}],
                "watermark_info": {"enabled": True},
            },
            {
                "prompt": "x",
                "sound": "on",
                "voice_list": [{"voice_id": "a"}],
                "watermark_info": {"enabled": True},
            },
        ),
        ({"prompt": "x", "extra": {"seed": 7}}, {"prompt": "x", "seed": 7}),
    ],
)
def test_text2video_takes(fields, sent):
    """Up to the bounds; what is left alone does not travel."""
    assert sent == Text2VideoRequest(**fields).document()


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"multi_shot": True, "shot_type": "intelligence"}, "prompt"),
        ({"prompt": "x" * 2501}, "prompt"),
        ({"prompt": "x", "negative_prompt": "x" * 2501}, "negative_prompt"),
        ({"prompt": "x", "aspect_ratio": "4:3"}, "aspect_ratio"),
        ({"prompt": "x", "cfg_scale": 1.1}, "cfg_scale"),
        ({"prompt": "x", "duration": "5.0"}, "duration"),
        ({"prompt": "x", "mode": ""}, "mode"),
        ({"prompt": "x", "camera_control": {"type": "spin"}}, "camera_control.type"),
        ({"prompt": "x", "voice_list": [{"voice_id": "a"}]}, "voice_list"),
        ({"prompt": "x", "watermark_info": {"enabled": "yes"}}, "watermark_info.enabled"),
        ({"prompt": "x", "callback_url": "a.example"}, "callback_url"),
        ({"prompt": "x", "external_task_id": ""}, "external_task_id"),
        ({"prompt": "x", "extra": {"mode": "pro"}}, "extra.mode"),
    ],
)
def test_text2video_refuses(fields, path):
    """One problem, at its field."""
    assert [path] == list(refused(Text2VideoRequest, **fields))


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, []),
        ({"model_name": "kling-v1-5"}, ["model_name"]),
        ({"model_name": "kling-v2-1"}, ["model_name"]),
        ({"model_name": "kling-v9", "duration": 60, "mode": "dream"}, []),
        ({"duration": 6}, ["duration"]),
        ({"camera_control": {"type": "forward_up"}}, []),
        ({"camera_control": {"type": "forward_up"}, "mode": "pro"}, ["camera_control"]),
        ({"model_name": "kling-v1-6", "camera_control": {"type": "forward_up"}}, ["camera_control"]),
        ({"model_name": "kling-v2-6", "sound": "on", "mode": "pro"}, []),
        ({"model_name": "kling-v2-6", "sound": "on"}, ["sound"]),
        ({"model_name": "kling-v3", "sound": "on", "duration": 15, "mode": "4k"}, []),
        ({"model_name": "kling-v3", "duration": 16}, ["duration"]),
        ({"model_name": "kling-v2-6", "multi_shot": True, "shot_type": "intelligence"}, ["multi_shot"]),
    ],
)
def test_the_map_has_rows_of_its_own_for_text2video(fields, paths):
    """Models that make videos from pictures alone are told apart from unknown ones."""
    request = Text2VideoRequest(prompt="x", **fields)
    assert paths == [problem.path for problem in capability_problems(request)]


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({}, {}),
        (
            {"prompt": "x", "negative_prompt": "y", "cfg_scale": 0},
            {"prompt": "x", "negative_prompt": "y", "cfg_scale": 0},
        ),
        ({"watermark_info": {"enabled": False}, "prompt": ""}, {"watermark_info": {"enabled": False}}),
    ],
)
def test_video_extend_takes(fields, sent):
    """The source's id and little else; the map has nothing to say about it."""
    request = VideoExtendRequest(video_id="v", **fields)
    assert {"video_id": "v", **sent} == request.document()
    assert ([], []) == (list(capability_problems(request)), list(request.pictures()))


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"video_id": ""}, "video_id"),
        ({"video_id": None}, "video_id"),
        ({"video_id": 7}, "video_id"),
        ({"prompt": "x" * 2501}, "prompt"),
        ({"cfg_scale": -0.1}, "cfg_scale"),
        ({"extra": []}, "extra"),
    ],
)
def test_video_extend_refuses(fields, path):
    """One problem, at its field."""
    assert [path] == list(refused(VideoExtendRequest, **{"video_id": "v", **fields}))


@pytest.mark.parametrize(
    ("request_class", "fields", "path", "says"),
    [
        (Text2VideoRequest, {"prompt": "x", "image": "https://a.example/a.png"}, "image", "image2video"),
        (Text2VideoRequest, {"prompt": "x", "video_id": "v"}, "video_id", "video_extend"),
        (VideoExtendRequest, {"video_id": "v", "duration": 5}, "duration", "source"),
        (VideoExtendRequest, {"video_id": "v", "promt": "x"}, "promt", "extra"),
        (VideoExtendRequest, {}, "video_id", "missing"),
    ],
)
def test_a_field_of_another_endpoint_is_refused_with_the_right_one(request_class, fields, path, says):
    """A manifest that was written for another endpoint learns where its field belongs."""
    found = refused(lambda **values: request_class.from_mapping(values), **fields)
    assert [path] == list(found)
    assert says in found[path]


def test_a_mapping_builds_the_same_request():
    """Names of the API reference, and its old field `model`, which has no effect."""
    assert Text2VideoRequest(prompt="x", duration="5") == Text2VideoRequest.from_mapping(
        {"prompt": "x", "duration": 5, "model": "kling-v2"}
    )
