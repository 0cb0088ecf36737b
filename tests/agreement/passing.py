"""For each rule of the emulator a request that it lets pass, on the near side of its bound."""

from agreement.refused import (
    BRUSH,
    CUSTOM,
    ELEMENT,
    EXTEND,
    IMAGE,
    ON,
    POINT,
    TEXT,
    URL,
    VOICE,
    brush,
    camera,
    shots,
    simple,
    translated,
)
from agreement.sides import rules_of
from made_pictures import b64, jpeg, png

from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.text2video import Text2VideoRequest
from kling_async.schema.video_extend import VideoExtendRequest

TEN_MEGABYTES = 10 * 1024 * 1024
OF_IMAGE2VIDEO = {
    "model_name is text": {**IMAGE, "model_name": "a"},
    "image is text": IMAGE,
    "image_tail is text": {**IMAGE, "image_tail": URL},
    "prompt is text": {**IMAGE, "prompt": "5"},
    "negative_prompt is text": {**IMAGE, "negative_prompt": "true"},
    "mode is text": {**IMAGE, "mode": "1"},
    "static_mask is text": {**IMAGE, "static_mask": URL},
    "duration is text": {**IMAGE, "duration": 5},
    "image or image_tail": IMAGE,
    "one of three": {**brush(), "static_mask": URL},
    "mode": {**IMAGE, "mode": "x"},
    "duration": {**IMAGE, "duration": "99999"},
    "prompt length": {**IMAGE, "prompt": "x" * 2500},
    "negative_prompt length": {**IMAGE, "negative_prompt": "😀" * 2500},
    "cfg_scale is a number": {**IMAGE, "cfg_scale": 0.5},
    "cfg_scale range": {**IMAGE, "cfg_scale": 1},
    "callback_url is text": {**IMAGE, "callback_url": "https://a.example"},
    "external_task_id is text": {**IMAGE, "external_task_id": "7"},
    "callback_url": {**IMAGE, "callback_url": "http://localhost:1/x?y"},
    "external_task_id": {**IMAGE, "external_task_id": "..."},
    "watermark_info is an object": {**IMAGE, "watermark_info": {"enabled": True}},
    "watermark_info.enabled": {**IMAGE, "watermark_info": {"enabled": False}},
    "picture without prefix": {**IMAGE, "image": b64(png())},
    "picture base64": {**IMAGE, "image": b64(jpeg())},
    "picture URL": {**IMAGE, "image": "http://a/a.png"},
    "picture format": {**IMAGE, "image": b64(jpeg())},
    "picture complete": {**IMAGE, "image": b64(png() + b"more")},
    "picture bytes": {**IMAGE, "image": b64(png(padding=1 + TEN_MEGABYTES - len(png(padding=1))))},
    "picture pixels": {**IMAGE, "image": b64(png(300, 300))},
    "image ratio": {**IMAGE, "image": b64(jpeg(1000, 400))},
    "pictures all base64 or all URL": {**IMAGE, "image": b64(png()), "static_mask": b64(png())},
    "dynamic_masks is a list": {**IMAGE, "dynamic_masks": [BRUSH]},
    "dynamic_masks count": {**IMAGE, "dynamic_masks": [BRUSH] * 6},
    "dynamic mask picture": brush(mask=URL),
    "trajectories is a list": brush(POINT, [1, 2]),
    "trajectories length": brush(*[POINT] * 77),
    "trajectory points": brush(POINT, {"x": -1, "y": 0}),
    "mask ratio": {**IMAGE, "image": b64(png(400, 800)), "static_mask": b64(png(300, 600))},
    "mask resolution": {**brush(mask=b64(png())), "image": b64(png()), "static_mask": b64(jpeg(512, 512))},
    "camera_control is an object": camera({"type": "forward_up"}),
    "camera type": camera({"type": "left_turn_forward"}),
    "camera config is an object": camera(simple(zoom=1)),
    "camera config with simple": camera(simple(pan=1)),
    "camera config only with simple": camera({"type": "down_back", "config": None}),
    "camera config axes": camera(simple(roll=1, tilt=0)),
    "camera axis is a number": camera(simple(zoom=1.5)),
    "camera axis range": camera(simple(zoom=-10)),
    "camera moves on one axis": camera(simple(zoom=1, pan=0)),
    "sound is text": {**IMAGE, "sound": "on"},
    "sound": {**IMAGE, "sound": "off"},
    "voice_list is a list": {**IMAGE, **ON, "voice_list": [VOICE]},
    "voice_list count": {**IMAGE, **ON, "voice_list": [VOICE] * 2},
    "voice ids": {**IMAGE, **ON, "voice_list": [{"voice_id": "7"}]},
    "voices need sound": {**IMAGE, **ON, "voice_list": [VOICE]},
    "element_list is a list": {**IMAGE, "element_list": [ELEMENT]},
    "element_list count": {**IMAGE, "element_list": [ELEMENT] * 3},
    "element ids": {**IMAGE, "element_list": [{"element_id": 2**63 - 1}]},
    "voices or elements": {**IMAGE, **ON, "element_list": [ELEMENT]},
    "shot_type is text": {**IMAGE, "multi_shot": True, "shot_type": "intelligence"},
    "shot_type": {**IMAGE, **CUSTOM, "multi_prompt": shots("5")},
    "multi_shot is a flag": {**IMAGE, "multi_shot": False},
    "multi_shot has a type": {**IMAGE, "multi_shot": True, "shot_type": "intelligence"},
    "customize has shots": {**IMAGE, **CUSTOM, "multi_prompt": shots("2", "3")},
    "multi_prompt is a list": {**IMAGE, **CUSTOM, "multi_prompt": shots("5")},
    "multi_prompt count": {**IMAGE, **CUSTOM, "duration": "6", "multi_prompt": shots(*"111111")},
    "shots are whole": {**IMAGE, **CUSTOM, "multi_prompt": shots("1", 4)},
    "shot prompt length": {**IMAGE, **CUSTOM, "multi_prompt": shots("5", prompt="x" * 512)},
    "shots add up": {**IMAGE, **CUSTOM, "duration": "10", "multi_prompt": shots("5", "5")},
    "capability: mode": {**IMAGE, "model_name": "kling-v3", "mode": "4k"},
    "capability: duration": {**IMAGE, "model_name": "kling-v3", "duration": "3"},
    "capability: feature": {
        **IMAGE,
        "model_name": "kling-v2-6",
        "mode": "pro",
        "duration": 10,
        "image_tail": URL,
    },
    "capability: sound": {**IMAGE, "model_name": "kling-v2-6", "mode": "pro", **ON},
    "capability: voices": {**IMAGE, "model_name": "kling-v2-6", "mode": "pro", **ON, "voice_list": [VOICE]},
    "capability: shots": {**IMAGE, "model_name": "kling-v3", "multi_shot": True, "shot_type": "intelligence"},
}
OF_TEXT2VIDEO = {
    "prompt is text": {**TEXT, "prompt": "5"},
    "aspect_ratio is text": {**TEXT, "aspect_ratio": "16:9"},
    "prompt required": {**TEXT, "prompt": " "},
    "aspect_ratio": {**TEXT, "aspect_ratio": "1:1"},
    "capability: feature": {**TEXT, "model_name": "kling-v1", "camera_control": {"type": "forward_up"}},
}
OF_VIDEO_EXTEND = {
    "video_id is text": {"video_id": "7"},
    "video_id required": EXTEND,
}


def _shared(request_class, own):
    """The lines of image2video that hold for another endpoint, and its own."""
    for rule, fields in OF_IMAGE2VIDEO.items():
        same = translated(request_class, fields)
        if same is not None and rule in rules_of(request_class) and rule not in own:
            yield request_class, rule, same
    yield from ((request_class, rule, fields) for rule, fields in own.items())


PASSING = [
    *((Image2VideoRequest, rule, fields) for rule, fields in OF_IMAGE2VIDEO.items()),
    *_shared(Text2VideoRequest, OF_TEXT2VIDEO),
    *_shared(VideoExtendRequest, OF_VIDEO_EXTEND),
]
