"""What both sides take of what came after mid-2025, and what the client alone refuses, on purpose."""

import pytest
from agreement.refused import CUSTOM, ELEMENT, EXTEND, IMAGE, ON, TEXT, URL, VOICE, shots
from agreement.sides import clients_verdict, emulators_verdict, naive_json

from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.text2video import Text2VideoRequest
from kling_async.schema.video_extend import VideoExtendRequest


@pytest.mark.parametrize(
    ("request_class", "fields"),
    [
        (
            Image2VideoRequest,
            {"image": URL, "model_name": "kling-v3", "mode": "4k", "duration": "15", **ON, "image_tail": URL},
        ),
        (
            Image2VideoRequest,
            {"image": URL, "model_name": "kling-v2-6", "mode": "pro", **ON, "voice_list": [VOICE] * 2},
        ),
        (Image2VideoRequest, {**IMAGE, "mode": "dream", "duration": "60", "element_list": [ELEMENT] * 3}),
        (
            Image2VideoRequest,
            {**IMAGE, **CUSTOM, "duration": "6", "multi_prompt": shots(*"111111", prompt="x" * 512)},
        ),
        (
            Text2VideoRequest,
            {**CUSTOM, "model_name": "kling-v3", "duration": "3", "multi_prompt": shots("3")},
        ),
        (Text2VideoRequest, {"prompt": "x" * 2500, "camera_control": {"type": "forward_up"}}),
        (VideoExtendRequest, {**EXTEND, "prompt": "x" * 2500, "watermark_info": {"enabled": True}}),
    ],
    ids=range(7),
)
def test_requests_on_the_bounds_pass_on_both_sides(request_class, fields):
    """Both take it, and the emulator takes what the client really sends."""
    verdict = clients_verdict(fields, request_class)
    assert ((), [], []) == (
        verdict.problems,
        emulators_verdict(naive_json(fields), request_class),
        emulators_verdict(verdict.sent, request_class),
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"shot_type": "intelligence"},
        {"multi_shot": False, "shot_type": "intelligence"},
        {"multi_shot": True, "shot_type": "intelligence", "multi_prompt": shots("5")},
        {"watermark_info": {}},
    ],
    ids=range(4),
)
@pytest.mark.parametrize("base", [IMAGE, TEXT], ids=["image2video", "text2video"])
def test_what_nothing_asks_for_is_refused_by_the_client_alone(base, fields):
    """The differences that are meant: the service would make, and bill, another video than was wanted."""
    request_class = Image2VideoRequest if base is IMAGE else Text2VideoRequest
    assert [] == emulators_verdict({**base, **fields}, request_class)
    assert 1 == len(clients_verdict({**base, **fields}, request_class).problems)
