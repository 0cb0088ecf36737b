"""What a body plainly means: empty values, numbers as text, flags as text."""

import pytest

from kling_async.emulator.service import plain

pytestmark = pytest.mark.anyio

URL = "https://pictures.example/a.png"


@pytest.mark.parametrize(
    ("take", "value", "expected"),
    [
        (plain.text, 5, "5"),
        (plain.text, 5.0, "5"),
        (plain.text, 0.5, "0.5"),
        (plain.text, "x", "x"),
        (plain.text, True, True),
        (plain.text, [5], [5]),
        (plain.number, "0.5", 0.5),
        (plain.number, "-10", -10),
        (plain.number, "1e3", "1e3"),
        (plain.number, "nan", "nan"),
        (plain.number, True, True),
        (plain.number, 0.25, 0.25),
        (plain.whole, "160", 160),
        (plain.whole, 160.0, 160),
        (plain.whole, 2.5, 2.5),
        (plain.whole, "1.5", "1.5"),
        (plain.flag, "true", True),
        (plain.flag, "False", False),
        (plain.flag, "yes", "yes"),
        (plain.flag, 1, 1),
    ],
)
def test_scalars(take, value, expected):
    """What is plain is taken, what is not stays as it is."""
    taken = take(value)
    assert (expected, type(expected)) == (taken, type(taken))


def test_empty_values_are_absent_at_every_depth():
    """Empty text, empty lists and nulls; an empty object is not empty."""
    value = {"a": "", "b": [], "c": None, "d": {"e": "", "f": {}}, "g": [{"h": "", "i": 0}], "j": False}
    assert {"d": {"f": {}}, "g": [{"i": 0}], "j": False} == plain.plain(value)


def test_shapes_reach_into_lists_and_objects():
    """A shape that does not fit leaves the value alone."""
    shape = {"n": plain.whole, "list": ({"x": plain.whole},), "object": {"flag": plain.flag}}
    assert {"n": 9, "list": [{"x": 1}, 5], "object": {"flag": True}} == plain.plain(
        {"n": "9", "list": [{"x": "1"}, 5], "object": {"flag": "true"}}, shape
    )
    assert {"list": {"x": "1"}, "object": [1]} == plain.plain({"list": {"x": "1"}, "object": [1]}, shape)


async def test_the_vendors_own_samples_are_taken(emulate):
    """Empty texts and lists in every optional field."""
    empty = dict.fromkeys(
        ("callback_url", "external_task_id", "negative_prompt", "prompt", "image_tail", "static_mask"), ""
    )
    async with emulate() as wire:
        task_id = await wire.created(**empty, dynamic_masks=[], mode="", duration="", model_name="")
        (task,) = wire.emulator.tasks
        assert {"image"} == set(task.body)
        _, payload, _ = await wire.get(task_id)
        assert {} == payload["data"]["task_info"]


async def test_two_tasks_may_have_an_empty_external_id(emulate):
    """An empty id is no id, and so never a duplicate."""
    async with emulate() as wire:
        await wire.created(external_task_id="")
        await wire.created(external_task_id="")
        assert [None, None] == [task.external_task_id for task in wire.emulator.tasks]


async def test_scalars_of_public_clients_are_taken(emulate):
    """Numbers as text and text as numbers, down to a mask's points."""
    point = {"x": "279", "y": 65.0}
    async with emulate(capabilities=False) as wire:
        await wire.created(duration=5, cfg_scale="0.5", prompt=7, external_task_id=42)
        await wire.created(dynamic_masks=[{"mask": URL, "trajectories": [point, point]}])
        await wire.created(camera_control={"type": "simple", "config": {"zoom": "5", "pan": ""}})
        shots = [{"index": "1", "prompt": "a", "duration": 5}]
        await wire.created(multi_shot="true", shot_type="customize", multi_prompt=shots)
        await wire.created(element_list=[{"element_id": "160"}], watermark_info={"enabled": "true"})
        first, masks, camera, shot, element = (task.body for task in wire.emulator.tasks)
    assert ("5", 0.5, "7", "42") == tuple(
        first[name] for name in ("duration", "cfg_scale", "prompt", "external_task_id")
    )
    assert {"x": 279, "y": 65} == masks["dynamic_masks"][0]["trajectories"][0]
    assert {"zoom": 5} == camera["camera_control"]["config"]
    assert (True, 1) == (shot["multi_shot"], shot["multi_prompt"][0]["index"])
    assert (160, True) == (element["element_list"][0]["element_id"], element["watermark_info"]["enabled"])


@pytest.mark.parametrize(
    "fields",
    [
        {"duration": True},
        {"duration": "five"},
        {"cfg_scale": True},
        {"cfg_scale": "half"},
        {"prompt": True},
        {"multi_shot": "yes"},
        {"sound": True},
        {"watermark_info": "true"},
    ],
)
async def test_what_is_not_plain_is_refused(fields, emulate):
    """A value whose meaning must be guessed is a bad parameter."""
    async with emulate() as wire:
        status, payload, _ = await wire.create(model_name="kling-v9", **fields)
        assert (400, 1201) == (status, payload["code"])


async def test_body_that_is_nested_without_end_is_1200(emulate):
    """Depth alone brings nobody down."""
    body = b'{"image": "http://a.example/b.png", "deep": ' + b"[" * 450 + b"]" * 450 + b"}"
    async with emulate() as wire:
        status, payload, _ = await wire.send(
            "POST",
            "/v1/videos/omni-video",
            body=body,
            headers={"Content-Type": "application/json"},
        )
        assert (status, payload["code"]) in {(200, 0), (400, 1200)}
