"""Each rule has a request that it alone refuses."""

import json

import pytest

from kling_async.emulator.service.rules import IMAGE2VIDEO, TEXT2VIDEO, UNCHECKED, VIDEO_EXTEND, broken
from kling_async.emulator.service.submission import parse

URL = "https://pictures.example/a.png"
BASE = {"image": URL}
POINT = {"x": 1, "y": 2}
BRUSH = {"mask": "https://pictures.example/mask.png", "trajectories": [POINT, POINT]}


def simple(**config):
    """A camera that moves as told."""
    return {"type": "simple", "config": config}


def shot(seconds):
    """One shot of a multi-shot request."""
    return {"index": 1, "prompt": "a cat", "duration": str(seconds)}


def customized(*seconds):
    """A request that writes its own shots."""
    shots = [shot(one) for one in seconds]
    return {**BASE, "multi_shot": True, "shot_type": "customize", "multi_prompt": shots}


VOICE = {"voice_id": "v1"}
PROMPT = {"prompt": "a cat"}
TEXT = {
    "model_name": 1,
    "image": ["a"],
    "image_tail": 5,
    "prompt": {},
    "negative_prompt": True,
    "mode": 1,
    "static_mask": 1,
    "duration": 5,
    "callback_url": 1,
    "external_task_id": 7,
}

REFUSED = [
    *((f"{field} is text", {**BASE, field: value}) for field, value in TEXT.items()),
    ("image or image_tail", {"prompt": "x"}),
    ("one of three", {**BASE, "image_tail": URL, "camera_control": simple(zoom=1)}),
    ("one of three", {**BASE, "image_tail": URL, "static_mask": URL}),
    ("one of three", {**BASE, "dynamic_masks": [BRUSH], "camera_control": simple(zoom=1)}),
    ("mode", {**BASE, "mode": ""}),
    ("duration", {**BASE, "duration": "0"}),
    ("duration", {**BASE, "duration": "5.5"}),
    ("duration", {**BASE, "duration": "05"}),
    ("duration", {**BASE, "duration": ""}),
    ("prompt length", {**BASE, "prompt": "x" * 2501}),
    ("negative_prompt length", {**BASE, "negative_prompt": "😀" * 2501}),
    ("cfg_scale is a number", {**BASE, "cfg_scale": "0.5"}),
    ("cfg_scale is a number", {**BASE, "cfg_scale": True}),
    ("cfg_scale range", {**BASE, "cfg_scale": 1.01}),
    ("cfg_scale range", {**BASE, "cfg_scale": -0.01}),
    ("callback_url", {**BASE, "callback_url": "ftp://a.example/"}),
    ("callback_url", {**BASE, "callback_url": "http://"}),
    ("callback_url", {**BASE, "callback_url": "http://a b.example/"}),
    ("callback_url", {**BASE, "callback_url": "http://[::1/"}),
    ("external_task_id", {**BASE, "external_task_id": ""}),
    ("external_task_id", {**BASE, "external_task_id": ".."}),
    ("external_task_id", {**BASE, "external_task_id": "a\ud800"}),
    ("picture URL", {"image": "http:///a.png"}),
    ("pictures all base64 or all URL", "mixed"),
    ("picture without prefix", {"image": "data:image/png;base64,iVBO"}),
    ("picture base64", {"image": "iVB\nORw0="}),
    ("picture base64", {"image": "picture.png"}),
    ("picture base64", {"image": "图"}),
    ("picture format", {"image": ""}),
    ("picture format", {"image": "R0lGODlh"}),
    ("picture complete", "cut png"),
    ("picture complete", "cut jpeg"),
    ("picture complete", "png signature"),
    ("picture bytes", "over 10 MB"),
    ("picture pixels", "299 wide"),
    ("picture pixels", "small tail"),
    ("image ratio", "too wide"),
    ("image ratio", "too tall"),
    ("dynamic_masks is a list", {**BASE, "dynamic_masks": {"mask": URL}}),
    ("dynamic_masks is a list", {**BASE, "dynamic_masks": [BRUSH, "mask"]}),
    ("dynamic_masks count", {**BASE, "dynamic_masks": []}),
    ("dynamic_masks count", {**BASE, "dynamic_masks": [BRUSH] * 7}),
    ("dynamic mask picture", {**BASE, "dynamic_masks": [{"trajectories": [POINT, POINT]}]}),
    ("trajectories is a list", {**BASE, "dynamic_masks": [{"mask": URL}]}),
    ("trajectories is a list", {**BASE, "dynamic_masks": [{"mask": URL, "trajectories": [[1, 2], [3, 4]]}]}),
    ("trajectories length", {**BASE, "dynamic_masks": [{**BRUSH, "trajectories": [POINT]}]}),
    ("trajectories length", {**BASE, "dynamic_masks": [{**BRUSH, "trajectories": [POINT] * 78}]}),
    ("trajectory points", {**BASE, "dynamic_masks": [{**BRUSH, "trajectories": [POINT, {"x": 1.0, "y": 2}]}]}),
    ("trajectory points", {**BASE, "dynamic_masks": [{**BRUSH, "trajectories": [POINT, {"x": True, "y": 2}]}]}),
    ("trajectory points", {**BASE, "dynamic_masks": [{**BRUSH, "trajectories": [POINT, {"x": 1}]}]}),
    ("mask ratio", "wider mask"),
    ("mask resolution", "smaller mask"),
    ("camera_control is an object", {**BASE, "camera_control": "zoom"}),
    ("camera type", {**BASE, "camera_control": {"type": "spin"}}),
    ("camera type", {**BASE, "camera_control": {}}),
    ("camera type", {**BASE, "camera_control": {**simple(zoom=1), "type": "spin"}}),
    ("camera config is an object", {**BASE, "camera_control": {"type": "simple", "config": [1]}}),
    ("camera config with simple", {**BASE, "camera_control": {"type": "simple"}}),
    ("camera config only with simple", {**BASE, "camera_control": {"type": "down_back", "config": {"zoom": 1}}}),
    ("camera config axes", {**BASE, "camera_control": simple(zoom=1, spin=0)}),
    ("camera axis is a number", {**BASE, "camera_control": simple(zoom="1")}),
    ("camera axis range", {**BASE, "camera_control": simple(zoom=10.5)}),
    ("camera axis range", {**BASE, "camera_control": simple(pan=-(10**400))}),
    ("camera moves on one axis", {**BASE, "camera_control": simple(zoom=1, pan=1)}),
    ("camera moves on one axis", {**BASE, "camera_control": simple(zoom=0)}),
    ("camera moves on one axis", {**BASE, "camera_control": simple()}),
    ("watermark_info is an object", {**BASE, "watermark_info": True}),
    ("watermark_info.enabled", {**BASE, "watermark_info": {"enabled": "yes"}}),
    ("sound is text", {**BASE, "sound": True}),
    ("sound", {**BASE, "sound": "maybe"}),
    ("voice_list is a list", {**BASE, "sound": "on", "voice_list": {"voice_id": "1"}}),
    ("voice_list count", {**BASE, "sound": "on", "voice_list": [VOICE] * 3}),
    ("voice_list count", {**BASE, "sound": "on", "voice_list": []}),
    ("voice ids", {**BASE, "sound": "on", "voice_list": [{"voice_id": 1}]}),
    ("voices need sound", {**BASE, "voice_list": [VOICE]}),
    ("voices need sound", {**BASE, "sound": "off", "voice_list": [VOICE]}),
    ("element_list is a list", {**BASE, "element_list": [160]}),
    ("element_list count", {**BASE, "element_list": [{"element_id": 1}] * 4}),
    ("element ids", {**BASE, "element_list": [{"element_id": "160"}]}),
    ("voices or elements", {**BASE, "sound": "on", "voice_list": [VOICE], "element_list": [{"element_id": 1}]}),
    ("shot_type is text", {**BASE, "shot_type": 1}),
    ("shot_type", {**BASE, "shot_type": "free"}),
    ("multi_shot is a flag", {**BASE, "multi_shot": "true"}),
    ("multi_shot has a type", {**BASE, "multi_shot": True}),
    ("customize has shots", {**BASE, "multi_shot": True, "shot_type": "customize"}),
    ("multi_prompt is a list", {**BASE, "multi_prompt": "a cat"}),
    ("multi_prompt count", {**BASE, "multi_prompt": [shot(1)] * 7}),
    ("shots are whole", {**BASE, "multi_prompt": [{**shot(1), "index": "1"}]}),
    ("shots are whole", {**BASE, "multi_prompt": [{"index": 1, "duration": "1"}]}),
    ("shots are whole", {**BASE, "multi_prompt": [{**shot(1), "duration": "0"}]}),
    ("shot prompt length", {**BASE, "multi_prompt": [{**shot(1), "prompt": "x" * 513}]}),
    ("shots add up", {**customized(2, 2)}),
    ("shots add up", {**customized(3, 4), "duration": "8"}),
]  # fmt: skip
TEXT2VIDEO_REFUSED = [
    *((f"{field} is text", {**PROMPT, field: [1]}) for field in ("model_name", "negative_prompt", "mode", "duration")),
    ("prompt is text", {"prompt": [1]}),
    ("aspect_ratio is text", {**PROMPT, "aspect_ratio": 1}),
    ("aspect_ratio", {**PROMPT, "aspect_ratio": "4:3"}),
    ("prompt required", {"model_name": "kling-v1"}),
    ("prompt required", {"prompt": "", "multi_shot": True, "shot_type": "intelligence"}),
]  # fmt: skip
VIDEO_EXTEND_REFUSED = [
    ("video_id is text", {"video_id": 7}),
    ("video_id required", {"prompt": "x"}),
    ("prompt is text", {"video_id": "v", "prompt": 1}),
    ("negative_prompt is text", {"video_id": "v", "negative_prompt": 1}),
    ("prompt length", {"video_id": "v", "prompt": "x" * 2501}),
    ("cfg_scale range", {"video_id": "v", "cfg_scale": 2}),
    ("callback_url", {"video_id": "v", "callback_url": "x"}),
]
UNCHECKED_REFUSED = [
    ("callback_url is text", {"callback_url": 1}),
    ("external_task_id is text", {"external_task_id": 1}),
    ("callback_url", {"callback_url": "x"}),
    ("external_task_id", {"external_task_id": ".."}),
    ("watermark_info is an object", {"watermark_info": 1}),
    ("watermark_info.enabled", {"watermark_info": {"enabled": 1}}),
]


def with_pictures(name, pictures):
    """The requests that need a picture's bytes."""
    png, jpeg, b64 = pictures.png, pictures.jpeg, pictures.b64

    def brush(width, height):
        return {"mask": b64(png(width, height)), "trajectories": [POINT, POINT]}

    return {
        "mixed": lambda: {"image": URL, "image_tail": b64(png())},
        "cut png": lambda: {"image": b64(png()[:-12])},
        "cut jpeg": lambda: {"image": b64(jpeg()[:-2])},
        "png signature": lambda: {"image": b64(png()[:18])},
        "over 10 MB": lambda: {"image": b64(png(padding=10 * 1024 * 1024))},
        "299 wide": lambda: {"image": b64(png(299, 300))},
        "small tail": lambda: {"image": b64(png()), "image_tail": b64(jpeg(300, 299))},
        "too wide": lambda: {"image": b64(png(1001, 400))},
        "too tall": lambda: {"image": b64(jpeg(400, 1001))},
        "wider mask": lambda: {"image": b64(png(512, 512)), "static_mask": b64(png(513, 512))},
        "smaller mask": lambda: {
            "image": b64(png(600, 600)),
            "static_mask": b64(png(600, 600)),
            "dynamic_masks": [brush(300, 300)],
        },
    }[name]()


@pytest.mark.parametrize(("rule", "request_body"), REFUSED)
def test_rule_alone_refuses(rule, request_body, pictures):
    """The request breaks this rule and no other."""
    body = with_pictures(request_body, pictures) if isinstance(request_body, str) else request_body
    assert [rule] == [one.rule.name for one in broken(body, capabilities=False)]


@pytest.mark.parametrize(
    ("book", "rule", "request_body"),
    [
        *((TEXT2VIDEO, *case) for case in TEXT2VIDEO_REFUSED),
        *((VIDEO_EXTEND, *case) for case in VIDEO_EXTEND_REFUSED),
        *((UNCHECKED, *case) for case in UNCHECKED_REFUSED),
    ],
)
def test_rule_of_another_endpoint_alone_refuses(book, rule, request_body):
    """The request breaks this rule of its endpoint's book and no other."""
    assert [rule] == [one.rule.name for one in broken(request_body, book, capabilities=False)]


def test_every_rule_is_refused_by_a_request():
    """No rule of a book is without its request above; those that books share are tried once."""
    tried = {name for name, _ in REFUSED}
    assert {rule.name for rule in IMAGE2VIDEO.rules} == tried
    assert {rule.name for rule in TEXT2VIDEO.rules} <= tried | {name for name, _ in TEXT2VIDEO_REFUSED}
    assert {rule.name for rule in VIDEO_EXTEND.rules} <= tried | {name for name, _ in VIDEO_EXTEND_REFUSED}
    assert {rule.name for rule in UNCHECKED.rules} == {name for name, _ in UNCHECKED_REFUSED}


def test_the_names_of_a_book_are_its_rules_alone():
    """A name tells the rule."""
    for book in (IMAGE2VIDEO, TEXT2VIDEO, VIDEO_EXTEND, UNCHECKED):
        names = [rule.name for rule in (*book.rules, *book.capabilities)]
        assert len(set(names)) == len(names)


ACCEPTED = [
    BASE,
    {"image_tail": URL},
    {**BASE, "image_tail": URL},
    {**BASE, "prompt": "😀" * 2500, "negative_prompt": "词" * 2500},
    {**BASE, "cfg_scale": 0},
    {**BASE, "cfg_scale": 1.0},
    {**BASE, "mode": "pro", "duration": "10"},
    {**BASE, "model_name": "kling-v9", "model": 3, "something_new": [1]},
    {**BASE, "image_tail": None, "camera_control": None, "prompt": None, "duration": None},
    {**BASE, "dynamic_masks": [{**BRUSH, "trajectories": [POINT] * 77}] * 6},
    {**BASE, "static_mask": URL},
    {**BASE, "camera_control": {"type": "simple", "config": {"zoom": -10, "pan": 0, "roll": None}}},
    {**BASE, "camera_control": {"type": "forward_up", "config": None}},
    {**BASE, "callback_url": "http://localhost:1/x", "external_task_id": "a/b %"},
    {**BASE, "mode": "8k", "duration": "7"},
    {**BASE, "watermark_info": {"enabled": True}},
    {**BASE, "watermark_info": {}},
    {**BASE, "sound": "on", "voice_list": [VOICE] * 2},
    {**BASE, "element_list": [{"element_id": 160}] * 3},
    {**BASE, "multi_shot": False, "multi_prompt": [shot(1)]},
    {**BASE, "multi_shot": True, "shot_type": "intelligence"},
    {**customized(2, 3), "prompt": "ignored"},
    {**customized(1, 1, 1, 1, 1, 1), "duration": "6"},
]


@pytest.mark.parametrize("body", ACCEPTED)
def test_request_within_the_bounds_is_accepted(body):
    """A request on the right side of every bound breaks nothing."""
    assert [] == broken(body, capabilities=False)


@pytest.mark.parametrize(
    ("book", "body"),
    [
        (TEXT2VIDEO, PROMPT),
        (TEXT2VIDEO, {**PROMPT, "aspect_ratio": "1:1", "camera_control": simple(zoom=1)}),
        (TEXT2VIDEO, {**customized(2, 3), "image": [1]}),
        (VIDEO_EXTEND, {"video_id": "v", "prompt": "x" * 2500, "cfg_scale": 1}),
        (UNCHECKED, {"anything": [1, {"n": None}], "external_task_id": "mine"}),
    ],
)
def test_request_to_another_endpoint_is_accepted(book, body):
    """Each endpoint knows its own fields and ignores the others'."""
    assert [] == broken(body, book, capabilities=False)


@pytest.mark.parametrize(("width", "height"), [(300, 300), (750, 300), (300, 750), (1000, 400)])
def test_smallest_sides_and_widest_ratios_are_accepted(width, height, pictures):
    """300 px and 2.5:1 belong to what is allowed, in both formats."""
    for make in (pictures.png, pictures.jpeg):
        assert [] == broken({"image": pictures.b64(make(width, height))})


def test_exactly_ten_megabytes_are_accepted(pictures):
    """The bound itself is allowed."""
    rest = 10 * 1024 * 1024 - len(pictures.png(padding=1))
    picture = pictures.png(padding=1 + rest)
    assert 10 * 1024 * 1024 == len(picture)
    assert [] == broken({"image": pictures.b64(picture)})


def test_tail_may_have_any_ratio(pictures):
    """The API reference bounds the ratio of `image` alone."""
    body = {"image": pictures.b64(pictures.png()), "image_tail": pictures.b64(pictures.png(1200, 300))}
    assert [] == broken(body, capabilities=False)


def test_masks_of_the_images_ratio_are_accepted(pictures):
    """A smaller mask will do, if all masks share its resolution."""
    mask = pictures.b64(pictures.png(300, 600))
    brush = {"mask": mask, "trajectories": [POINT, POINT]}
    body = {"image": pictures.b64(pictures.png(400, 800)), "static_mask": mask, "dynamic_masks": [brush]}
    assert [] == broken(body, capabilities=False)


def test_jpeg_thumbnail_does_not_hide_a_missing_end(pictures):
    """An end marker before the scan is a thumbnail's and does not count."""
    whole = pictures.jpeg()
    thumbnail = b"\xff\xe1\x00\x06\xff\xd8\xff\xd9"
    cut = whole[:2] + thumbnail + b"\xff" + whole[2:-2]
    assert ["picture complete"] == [one.rule.name for one in broken({"image": pictures.b64(cut)})]


def test_png_without_its_header_chunk_is_no_png(pictures):
    """The signature alone makes no PNG."""
    other = pictures.png().replace(b"IHDR", b"JUNK")
    assert ["picture format"] == [one.rule.name for one in broken({"image": pictures.b64(other)})]


def test_jpeg_without_a_scan_is_truncated(pictures):
    """A JPEG that ends among its segments is half a picture."""
    assert ["picture complete"] == [
        one.rule.name for one in broken({"image": pictures.b64(pictures.jpeg()[:12])})
    ]


def test_summary_holds_no_picture(pictures):
    """What the ledger keeps of a picture is its kind and size; long unknown text is not kept."""
    picture = pictures.png(300, 400)
    brush = {"mask": pictures.b64(picture), "trajectories": [POINT, POINT]}
    body = {"image": pictures.b64(picture), "dynamic_masks": [brush], "extra": "x" * 9999}
    summary = parse(json.dumps(body).encode()).summary()
    shown = {"kind": "png", "bytes": len(picture), "width": 300, "height": 400}
    assert (shown, shown) == (summary["image"], summary["dynamic_masks"][0]["mask"])
    assert {"kind": "text", "characters": 9999} == summary["extra"]
