"""Each rule of the page has a request that it alone refuses."""

import json

import pytest

from kling_async.emulator.service.rules import RULES, broken
from kling_async.emulator.service.submission import parse

URL = "https://pictures.example/a.png"
BASE = {"image": URL}
POINT = {"x": 1, "y": 2}
BRUSH = {"mask": "https://pictures.example/mask.png", "trajectories": [POINT, POINT]}


def simple(**config):
    """A camera that moves as told."""
    return {"type": "simple", "config": config}


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
    ("mode", {**BASE, "mode": "4k"}),
    ("duration", {**BASE, "duration": "6"}),
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
]  # fmt: skip


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


def test_every_rule_is_refused_by_a_request():
    """No rule of the table is without its request above."""
    assert {rule.name for rule in RULES} == {name for name, _ in REFUSED}


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
]


@pytest.mark.parametrize("body", ACCEPTED)
def test_request_within_the_bounds_is_accepted(body):
    """A request on the right side of every bound breaks nothing."""
    assert [] == broken(body, capabilities=False)


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
    """The page bounds the ratio of `image` alone."""
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
