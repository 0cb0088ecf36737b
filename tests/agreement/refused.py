"""Requests that break one rule alone: for each endpoint and rule of the emulator at least one.

Rules that endpoints share are written down for image2video, and translated for the others.
"""

from agreement.sides import rules_of
from made_pictures import b64, jpeg, png

from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.text2video import Text2VideoRequest
from kling_async.schema.video_extend import VideoExtendRequest

URL = "https://pictures.example/a.png"
BASE = {"model_name": "kling-v9", "image": URL}  # a model that the capability map does not know
POINT = {"x": 1, "y": 2}
BRUSH = {"mask": URL, "trajectories": [POINT, POINT]}
TRAJECTORIES = "dynamic_masks[0].trajectories"


def simple(**config):
    """A camera that moves as told."""
    return {"type": "simple", "config": config}


def brush(*points, **changes):
    """A request with one brushed region."""
    return {**BASE, "dynamic_masks": [{**BRUSH, "trajectories": list(points) or [POINT] * 2, **changes}]}


def camera(value):
    """A request with a camera."""
    return {**BASE, "camera_control": value}


def mapped(model, **fields):
    """A request to a model that the capability map knows."""
    return {"model_name": model, "image": URL, **fields}


IMAGE = {"model_name": "kling-v9", "image": URL}  # a model that the map does not know
TEXT = {"model_name": "kling-v9", "prompt": "x"}
EXTEND = {"video_id": "v"}
CUSTOM = {"multi_shot": True, "shot_type": "customize"}
ON = {"sound": "on"}
VOICE, ELEMENT = {"voice_id": "a"}, {"element_id": 160}


def shots(*durations, **changes):
    """Shots of so many seconds each, as text."""
    return [
        {"index": n, "prompt": "a", "duration": each, **changes} for n, each in enumerate(durations, start=1)
    ]


# the emulator's rule, the request, the path of the client's only problem
MID_2025 = [
    ("model_name is text", {**BASE, "model_name": 1}, "model_name"),
    ("image is text", {**BASE, "image": ["a"]}, "image"),
    ("image_tail is text", {**BASE, "image_tail": 5}, "image_tail"),
    ("prompt is text", {**BASE, "prompt": {}}, "prompt"),
    ("negative_prompt is text", {**BASE, "negative_prompt": True}, "negative_prompt"),
    ("mode is text", {**BASE, "mode": 1}, "mode"),
    ("static_mask is text", {**BASE, "static_mask": 1}, "static_mask"),
    ("duration is text", {**BASE, "duration": 5.0}, "duration"),
    ("callback_url is text", {**BASE, "callback_url": 1}, "callback_url"),
    ("external_task_id is text", {**BASE, "external_task_id": 7}, "external_task_id"),
    ("image or image_tail", {"model_name": "kling-v9", "prompt": "x"}, "image"),
    ("one of three", {**camera(simple(zoom=1)), "image_tail": URL}, "camera_control"),
    ("one of three", {**BASE, "image_tail": URL, "static_mask": URL}, "static_mask"),
    ("one of three", {**brush(), "image_tail": URL}, "dynamic_masks"),
    ("one of three", {**brush(), "camera_control": simple(zoom=1)}, "camera_control"),
    ("one of three", {**BASE, "static_mask": URL, "camera_control": simple(zoom=1)}, "camera_control"),
    ("capability: mode", mapped("kling-v1", mode="4k"), "mode"),
    ("mode", {**BASE, "mode": ""}, "mode"),
    ("capability: duration", mapped("kling-v1", duration=6), "duration"),
    ("duration", {**BASE, "duration": "05"}, "duration"),
    ("prompt length", {**BASE, "prompt": "x" * 2501}, "prompt"),
    ("negative_prompt length", {**BASE, "negative_prompt": "😀" * 2501}, "negative_prompt"),
    ("cfg_scale is a number", {**BASE, "cfg_scale": "0.5"}, "cfg_scale"),
    ("cfg_scale is a number", {**BASE, "cfg_scale": True}, "cfg_scale"),
    ("cfg_scale range", {**BASE, "cfg_scale": 1.01}, "cfg_scale"),
    ("cfg_scale range", {**BASE, "cfg_scale": -1}, "cfg_scale"),
    ("callback_url", {**BASE, "callback_url": "ftp://a.example/"}, "callback_url"),
    ("callback_url", {**BASE, "callback_url": "http://"}, "callback_url"),
    ("callback_url", {**BASE, "callback_url": "http://a b.example/"}, "callback_url"),
    ("external_task_id", {**BASE, "external_task_id": ""}, "external_task_id"),
    ("external_task_id", {**BASE, "external_task_id": ".."}, "external_task_id"),
    ("external_task_id", {**BASE, "external_task_id": "a\ud800"}, "external_task_id"),
    ("picture without prefix", {**BASE, "image": "data:image/png,iVBO"}, "image"),
    ("picture base64", {**BASE, "image": b64(png())[:-2]}, "image"),
    ("picture base64", {**BASE, "image": "picture.png"}, "image"),
    ("picture URL", {**BASE, "image": "http:///a.png"}, "image"),
    ("picture format", {**BASE, "image": "R0lGODlh"}, "image"),
    ("picture format", {**BASE, "image": ""}, "image"),
    ("picture complete", {**BASE, "image": b64(png()[:-12])}, "image"),
    ("picture complete", {**BASE, "image": b64(png()[:-1])}, "image"),
    ("picture complete", {**BASE, "image_tail": b64(jpeg()[:-2]), "image": b64(png())}, "image_tail"),
    ("picture pixels", {**BASE, "image": b64(png(299, 300))}, "image"),
    ("picture pixels", {"model_name": "kling-v9", "image_tail": b64(jpeg(300, 299))}, "image_tail"),
    ("image ratio", {**BASE, "image": b64(png(1001, 400))}, "image"),
    ("image ratio", {**BASE, "image": b64(jpeg(400, 1001))}, "image"),
    ("pictures all base64 or all URL", {**BASE, "image_tail": b64(png())}, "image"),
    ("pictures all base64 or all URL", {**BASE, "image": b64(png()), "static_mask": URL}, "static_mask"),
    ("dynamic_masks is a list", {**BASE, "dynamic_masks": {"mask": URL}}, "dynamic_masks"),
    ("dynamic_masks is a list", {**BASE, "dynamic_masks": [BRUSH, "mask"]}, "dynamic_masks[1]"),
    ("dynamic_masks count", {**BASE, "dynamic_masks": []}, "dynamic_masks"),
    ("dynamic_masks count", {**BASE, "dynamic_masks": [BRUSH] * 7}, "dynamic_masks"),
    ("dynamic mask picture", brush(mask=None), "dynamic_masks[0].mask"),
    ("trajectories is a list", brush(trajectories=None), TRAJECTORIES),
    ("trajectories is a list", brush(POINT, "1,2"), f"{TRAJECTORIES}[1]"),
    ("trajectories length", brush(POINT), TRAJECTORIES),
    ("trajectories length", brush(*[POINT] * 78), TRAJECTORIES),
    ("trajectory points", brush(POINT, {"x": 1.0, "y": 2}), f"{TRAJECTORIES}[1].x"),
    ("trajectory points", brush({"x": 1, "y": True}, POINT), f"{TRAJECTORIES}[0].y"),
    ("trajectory points", brush(POINT, {"x": 1}), f"{TRAJECTORIES}[1].y"),
    ("mask ratio", {**BASE, "image": b64(png()), "static_mask": b64(png(513, 512))}, "static_mask"),
    (
        "mask resolution",
        {**brush(mask=b64(png(300, 300))), "image": b64(png()), "static_mask": b64(png())},
        "dynamic_masks[0].mask",
    ),
    ("camera_control is an object", camera("zoom"), "camera_control"),
    ("camera type", camera({"type": "spin"}), "camera_control.type"),
    ("camera type", camera({}), "camera_control.type"),
    ("camera config is an object", camera({"type": "simple", "config": [1]}), "camera_control.config"),
    ("camera config with simple", camera({"type": "simple"}), "camera_control.config"),
    (
        "camera config only with simple",
        camera({"type": "down_back", "config": {"zoom": 1}}),
        "camera_control.config",
    ),
    ("camera config axes", camera(simple(zoom=1, spin=0)), "camera_control.config.spin"),
    ("camera axis is a number", camera(simple(zoom="1")), "camera_control.config.zoom"),
    ("camera axis range", camera(simple(zoom=10.5)), "camera_control.config.zoom"),
    ("camera axis range", camera(simple(pan=-11, roll=0)), "camera_control.config.pan"),
    ("camera moves on one axis", camera(simple(zoom=1, pan=1)), "camera_control.config"),
    ("camera moves on one axis", camera(simple(zoom=0)), "camera_control.config"),
    ("camera moves on one axis", camera(simple()), "camera_control.config"),
    ("capability: feature", mapped("kling-v1", mode="std", duration=10, image_tail=URL), "image_tail"),
    ("capability: feature", mapped("kling-v1", image=None, image_tail=URL), "image_tail"),
    ("capability: feature", mapped("kling-v1", duration=10, static_mask=URL), "static_mask"),
    ("capability: feature", mapped("kling-v1", mode="pro", camera_control=simple(zoom=1)), "camera_control"),
    ("capability: feature", {**brush(), "model_name": "kling-v1-6", "mode": "pro"}, "dynamic_masks"),
    (
        "capability: feature",
        mapped("kling-v1-5", mode="pro", camera_control={"type": "forward_up"}),
        "camera_control.type",
    ),
    ("capability: feature", mapped("kling-v2-5-turbo", image_tail=URL), "image_tail"),
    ("capability: feature", mapped("kling-v2-6", duration=10, image_tail=URL), "image_tail"),
    ("capability: feature", mapped("kling-v3", image=None, image_tail=URL), "image_tail"),
    ("capability: feature", mapped("kling-v3", static_mask=URL), "static_mask"),
    ("capability: feature", mapped("kling-v3", camera_control=simple(zoom=1)), "camera_control"),
]

# the request's class, then the same
TODAY = [
    (Image2VideoRequest, "sound is text", {**IMAGE, "sound": True}, "sound"),
    (Image2VideoRequest, "sound", {**IMAGE, "sound": "maybe"}, "sound"),
    (Image2VideoRequest, "voice_list is a list", {**IMAGE, **ON, "voice_list": VOICE}, "voice_list"),
    (Image2VideoRequest, "voice_list is a list", {**IMAGE, **ON, "voice_list": ["a"]}, "voice_list[0]"),
    (Image2VideoRequest, "voice_list count", {**IMAGE, **ON, "voice_list": []}, "voice_list"),
    (Image2VideoRequest, "voice_list count", {**IMAGE, **ON, "voice_list": [VOICE] * 3}, "voice_list"),
    (Image2VideoRequest, "voice ids", {**IMAGE, **ON, "voice_list": [{"voice_id": 7}]}, "voice_list[0].voice_id"),
    (Image2VideoRequest, "voice ids", {**IMAGE, **ON, "voice_list": [VOICE, {}]}, "voice_list[1].voice_id"),
    (Image2VideoRequest, "voices need sound", {**IMAGE, "voice_list": [VOICE]}, "voice_list"),
    (Image2VideoRequest, "voices need sound", {**IMAGE, "sound": "off", "voice_list": [VOICE]}, "voice_list"),
    (Image2VideoRequest, "element_list is a list", {**IMAGE, "element_list": ELEMENT}, "element_list"),
    (Image2VideoRequest, "element_list count", {**IMAGE, "element_list": [ELEMENT] * 4}, "element_list"),
    (Image2VideoRequest, "element ids", {**IMAGE, "element_list": [{"element_id": 1.5}]}, "element_list[0].element_id"),
    (Image2VideoRequest, "element ids", {**IMAGE, "element_list": [{"element_id": True}]}, "element_list[0].element_id"),
    (
        Image2VideoRequest,
        "voices or elements",
        {**IMAGE, **ON, "voice_list": [VOICE], "element_list": [ELEMENT]},
        "element_list",
    ),
    (Image2VideoRequest, "multi_shot is a flag", {**IMAGE, "multi_shot": 1}, "multi_shot"),
    (Image2VideoRequest, "multi_shot has a type", {**IMAGE, "multi_shot": True}, "shot_type"),
    (Image2VideoRequest, "shot_type", {**IMAGE, "multi_shot": True, "shot_type": "auto"}, "shot_type"),
    (Image2VideoRequest, "shot_type is text", {**IMAGE, "multi_shot": True, "shot_type": 1}, "shot_type"),
    (Image2VideoRequest, "customize has shots", {**IMAGE, **CUSTOM}, "multi_prompt"),
    (Image2VideoRequest, "multi_prompt is a list", {**IMAGE, **CUSTOM, "multi_prompt": "a"}, "multi_prompt"),
    (Image2VideoRequest, "multi_prompt count", {**IMAGE, **CUSTOM, "duration": "7", "multi_prompt": shots(*"1111111")}, "multi_prompt"),
    (Image2VideoRequest, "shots are whole", {**IMAGE, **CUSTOM, "multi_prompt": shots("5", index=1.5)}, "multi_prompt[0].index"),
    (Image2VideoRequest, "shots are whole", {**IMAGE, **CUSTOM, "multi_prompt": shots("0", "5")}, "multi_prompt[0].duration"),
    (Image2VideoRequest, "shots are whole", {**IMAGE, **CUSTOM, "multi_prompt": shots("5", prompt=7)}, "multi_prompt[0].prompt"),
    (Image2VideoRequest, "shot prompt length", {**IMAGE, **CUSTOM, "multi_prompt": shots("5", prompt="x" * 513)}, "multi_prompt[0].prompt"),
    (Image2VideoRequest, "shots add up", {**IMAGE, **CUSTOM, "multi_prompt": shots("2", "2")}, "multi_prompt"),
    (Image2VideoRequest, "shots add up", {**IMAGE, **CUSTOM, "duration": "10", "multi_prompt": shots("5", "6")}, "multi_prompt"),
    (Image2VideoRequest, "watermark_info is an object", {**IMAGE, "watermark_info": True}, "watermark_info"),
    (Image2VideoRequest, "watermark_info.enabled", {**IMAGE, "watermark_info": {"enabled": "yes"}}, "watermark_info.enabled"),
    (Image2VideoRequest, "capability: mode", {**IMAGE, "model_name": "kling-v2-6", "mode": "4k"}, "mode"),
    (Image2VideoRequest, "capability: duration", {**IMAGE, "model_name": "kling-v3", "duration": "2"}, "duration"),
    (Image2VideoRequest, "capability: duration", {**IMAGE, "model_name": "kling-v3", "duration": "16"}, "duration"),
    (Image2VideoRequest, "capability: sound", {**IMAGE, "model_name": "kling-v2-6", **ON}, "sound"),
    (Image2VideoRequest, "capability: sound", {**IMAGE, "model_name": "kling-v2-5-turbo", "mode": "pro", **ON}, "sound"),
    (Image2VideoRequest, "capability: sound", {**IMAGE, "model_name": "kling-v2-6", "mode": "pro", "image_tail": URL, **ON}, "sound"),
    (Image2VideoRequest, "capability: voices", {**IMAGE, "model_name": "kling-v3", **ON, "voice_list": [VOICE]}, "voice_list"),
    (
        Image2VideoRequest,
        "capability: shots",
        {**IMAGE, "model_name": "kling-v2-6", "multi_shot": True, "shot_type": "intelligence"},
        "multi_shot",
    ),
    (Text2VideoRequest, "prompt is text", {**TEXT, "prompt": 5}, "prompt"),
    (Text2VideoRequest, "prompt required", {"model_name": "kling-v9"}, "prompt"),
    (Text2VideoRequest, "prompt required", {"model_name": "kling-v9", "multi_shot": True, "shot_type": "intelligence"}, "prompt"),
    (Text2VideoRequest, "aspect_ratio", {**TEXT, "aspect_ratio": "4:3"}, "aspect_ratio"),
    (Text2VideoRequest, "aspect_ratio is text", {**TEXT, "aspect_ratio": 1}, "aspect_ratio"),
    (Text2VideoRequest, "duration", {**TEXT, "duration": "05"}, "duration"),
    (Text2VideoRequest, "capability: feature", {**TEXT, "model_name": "kling-v1-5"}, "model_name"),
    (Text2VideoRequest, "capability: feature", {**TEXT, "model_name": "kling-v2-1"}, "model_name"),
    (
        Text2VideoRequest,
        "capability: feature",
        {**TEXT, "model_name": "kling-v1", "mode": "pro", "camera_control": {"type": "forward_up"}},
        "camera_control",
    ),
    (Text2VideoRequest, "capability: sound", {**TEXT, "model_name": "kling-v1-6", **ON}, "sound"),
    (Text2VideoRequest, "capability: duration", {**TEXT, "model_name": "kling-v2-6", "duration": "7"}, "duration"),
    (VideoExtendRequest, "video_id required", {"prompt": "x"}, "video_id"),
    (VideoExtendRequest, "video_id is text", {"video_id": 7}, "video_id"),
    (VideoExtendRequest, "prompt length", {**EXTEND, "prompt": "x" * 2501}, "prompt"),
    (VideoExtendRequest, "cfg_scale range", {**EXTEND, "cfg_scale": 1.5}, "cfg_scale"),
]  # fmt: skip

FOREIGN = {
    Text2VideoRequest: {"image_tail", "static_mask", "dynamic_masks", "element_list"},
    VideoExtendRequest: {
        "image_tail", "static_mask", "dynamic_masks", "element_list", "camera_control", "mode", "duration", "sound",
        "voice_list", "multi_shot", "shot_type", "multi_prompt",
    },
}  # fmt: skip
"""Fields of image2video that make a request useless for another endpoint."""


def translated(request_class, fields):
    """An image2video request as one of another endpoint; None if it is about what that endpoint lacks."""
    if FOREIGN[request_class] & set(fields) or fields.get("image", URL) != URL:
        return None
    rest = {name: value for name, value in fields.items() if name != "image"}
    if request_class is Text2VideoRequest:
        return {"prompt": "x", **rest}
    model = rest.pop("model_name", "kling-v9")
    return {**EXTEND, **rest} if model == "kling-v9" else None


def _shared(request_class):
    """The lines of image2video's fields that the other endpoint has too."""
    of_pictures = [
        (rule, fields, path) for each, rule, fields, path in IMAGE2VIDEO if each is Image2VideoRequest
    ]
    for rule, fields, path in of_pictures:
        same = translated(request_class, fields)
        if same is not None and rule in rules_of(request_class) - NOT_SHARED:
            yield request_class, rule, same, path


NOT_SHARED = {"capability: feature"}
"""Rules whose cells differ from endpoint to endpoint."""

IMAGE2VIDEO = [*((Image2VideoRequest, *each) for each in MID_2025), *TODAY]
REFUSED = [*IMAGE2VIDEO, *_shared(Text2VideoRequest), *_shared(VideoExtendRequest)]
