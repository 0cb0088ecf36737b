"""Each rule has a request that it alone refuses, on both sides, and the client names the field."""

import pytest
from agreement.sides import clients_verdict, emulators_verdict, naive_json
from made_pictures import b64, jpeg, png

from kling_async.emulator.service.rules import IMAGE2VIDEO

URL = "https://pictures.example/a.png"
BASE = {"model_name": "kling-v9", "image": URL}  # a model that the capability map does not know
POINT = {"x": 1, "y": 2}
BRUSH = {"mask": URL, "trajectories": [POINT, POINT]}
UNSTATED = ("watermark", "sound", "voice", "element", "shot", "customize", "multi_prompt")
"""Parts of the names of rules of fields that the client sends only as `extra`."""

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


# the emulator's rule, the request, the path of the client's only problem
REFUSED = [
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


@pytest.mark.parametrize(("rule", "fields", "path"), REFUSED)
def test_one_rule_refuses_on_both_sides(rule, fields, path):
    """The emulator finds this rule broken and no other; the client finds one problem, at the field."""
    assert [rule] == emulators_verdict(naive_json(fields))
    assert (path,) == clients_verdict(fields).problems


def test_ten_megabytes_and_a_byte_are_refused_on_both_sides():
    """The one request whose picture is large, and so alone."""
    rest = 10 * 1024 * 1024 - len(png(padding=1))
    fields = {**BASE, "image": b64(png(padding=2 + rest))}
    assert ["picture bytes"] == emulators_verdict(naive_json(fields))
    assert ("image",) == clients_verdict(fields).problems


def test_no_rule_is_without_its_request():
    """A rule added to the emulator needs its line above."""
    rules = {rule.name for rule in (*IMAGE2VIDEO.rules, *IMAGE2VIDEO.capabilities)}
    tried = {rule for rule, _, _ in REFUSED} | {"picture bytes"}
    assert set() == tried - rules
    assert set() == {rule for rule in rules - tried if not any(name in rule for name in UNSTATED)}


ACCEPTED = [
    {"image": URL},
    {"image_tail": URL, "model_name": "kling-v1-6", "mode": "pro"},
    {**BASE, "image_tail": URL},
    {**BASE, "image": b64(png(750, 300)), "image_tail": b64(jpeg(300, 1200))},
    {**BASE, "prompt": "😀" * 2500, "negative_prompt": "词" * 2500, "cfg_scale": 0},
    {**BASE, "cfg_scale": 1.0, "mode": "pro", "duration": "10"},
    {**BASE, "dynamic_masks": [{**BRUSH, "trajectories": [POINT] * 77}] * 6, "static_mask": URL},
    {**BASE, "image": b64(png(400, 800)), "static_mask": b64(jpeg(300, 600))},
    brush([1, 2], [-3, 4]),
    camera(simple(zoom=-10, pan=0, roll=None)),
    camera({"type": "forward_up", "config": None}),
    {**BASE, "callback_url": "http://localhost:1/x", "external_task_id": "a/b %"},
    {**BASE, "extra": {"watermark_info": {"enabled": True}}, "image_tail": None},
    mapped("kling-v1", camera_control=simple(zoom=1)),
    mapped("kling-v2-5-turbo", mode="pro", duration=10, image_tail=URL),
    mapped("kling-v3", image_tail=URL),
]


@pytest.mark.parametrize("fields", ACCEPTED)
def test_requests_on_the_bounds_pass_on_both_sides(fields):
    """Both take it, and the emulator takes what the client really sends."""
    verdict = clients_verdict(fields)
    assert ((), [], []) == (
        verdict.problems,
        emulators_verdict(naive_json(fields)),
        emulators_verdict(verdict.sent),
    )


def test_a_data_urls_prefix_is_refused_by_the_service_and_taken_off_by_the_client():
    """The one difference that is meant: the client repairs what the API reference forbids."""
    fields = {**BASE, "image": "data:image/png;base64," + b64(png())}
    verdict = clients_verdict(fields)
    assert ["picture without prefix"] == emulators_verdict(naive_json(fields))
    assert ((), [], b64(png())) == (verdict.problems, emulators_verdict(verdict.sent), verdict.sent["image"])
