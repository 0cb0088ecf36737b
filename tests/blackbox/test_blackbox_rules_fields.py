"""The API reference's rules on plain fields: what it takes at a bound, and what it refuses just over it."""

import math

import pytest
from made_pictures import png

from kling_async import Image2VideoRequest, ValidationError

pytestmark = pytest.mark.anyio

URL = "https://example.com/a.png"
MASKS = [{"mask": png(), "trajectories": [(1, 2), (3, 4)]}]
CAMERA = {"type": "simple", "config": {"zoom": 1}}


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
@pytest.mark.parametrize("character", ["a", "宇", "😀", "\n"])
async def test_prompts_end_at_2500_characters(verdicts, field, character):
    """2500 characters pass and arrive, 2501 do not; a character is a code point."""
    assert "2500" in await verdicts.refuses(field, **{field: character * 2501})
    assert character * 2500 == (await verdicts.accepts(**{field: character * 2500}))[field]


@pytest.mark.parametrize(
    "field", ["prompt", "negative_prompt", "model_name", "callback_url", "external_task_id"]
)
@pytest.mark.parametrize("value", [5, b"text", ["a"], True], ids=repr)
async def test_texts_are_text(verdicts, field, value):
    """The fields that the API reference calls strings take text alone."""
    await verdicts.refuses(field, **{field: value})


@pytest.mark.parametrize(
    "field", ["prompt", "negative_prompt", "model_name", "callback_url", "external_task_id"]
)
async def test_lone_surrogates_are_refused(verdicts, field):
    """Half a surrogate pair cannot travel as UTF-8."""
    await verdicts.refuses(field, **{field: "a\ud800b"})


@pytest.mark.parametrize("value", [0, 0.0, 1, 1.0, 0.5, 1e-9, math.nextafter(1, 0)])
async def test_cfg_scale_within(verdicts, value):
    """[0, 1], both ends included."""
    assert value == (await verdicts.accepts(cfg_scale=value))["cfg_scale"]


@pytest.mark.parametrize(
    "value",
    [-1e-9, math.nextafter(1, 2), 2, -1, math.nan, math.inf, -math.inf, True, False, "0.5", [0.5]],
    ids=repr,
)
async def test_cfg_scale_without(verdicts, value):
    """Just outside, no number, or no JSON number: refused."""
    await verdicts.refuses("cfg_scale", cfg_scale=value)


@pytest.mark.parametrize("value", ["std", "pro", "4k", "ultra", "STD"])
async def test_any_mode_may_be_one_of_a_models(verdicts, value):
    """Which model takes which mode is a matter of the capability map, which is off here."""
    assert value == (await verdicts.accepts(mode=value))["mode"]


@pytest.mark.parametrize("value", ["", 1, True, ["std"], b"std", "a\ud800"], ids=repr)
async def test_what_is_no_mode_is_refused(verdicts, value):
    """A mode is text, and not empty."""
    await verdicts.refuses("mode", mode=value)


@pytest.mark.parametrize(
    "value",
    [0, -5, "", "0", "05", "5s", " 5", "5.0", "ten", "٥", 5.5, True, [5], math.nan, 10**400],
    ids=repr,
)
async def test_what_is_no_duration_is_refused(verdicts, value):
    """A duration is a whole number of seconds, 1 or more."""
    await verdicts.refuses("duration", duration=value)


@pytest.mark.parametrize("value", [1, 5, "7", "10", 15, 60])
async def test_any_whole_seconds_may_be_a_models(verdicts, value):
    """As number or text, they travel as text; which model takes which is a matter of the capability map."""
    assert str(value) == (await verdicts.accepts(duration=value))["duration"]


@pytest.mark.parametrize("field", ["prompt", "negative_prompt", "model_name"])
async def test_empty_text_does_not_travel(verdicts, field):
    """The service counts it as absent, so nothing is lost; forms send it for fields that nobody filled in."""
    assert field not in await verdicts.accepts(**{field: ""})


@pytest.mark.parametrize(
    "name",
    [
        "kling-v1",
        "kling-v1-5",
        "kling-v1-6",
        "kling-v2-master",
        "kling-v2-1",
        "kling-v2-1-master",
        "kling-v9-next",
    ],
)
async def test_model_names_pass(verdicts, name):
    """The API reference's models and unknown ones pass; models come and go."""
    assert name == (await verdicts.accepts(model_name=name))["model_name"]


@pytest.mark.parametrize("fields", [{}, {"prompt": "p"}, {"image": None, "image_tail": None}])
def test_one_picture_is_needed(fields):
    """Neither image nor image_tail is refused when the request is built."""
    with pytest.raises(ValidationError) as caught:
        Image2VideoRequest(**fields)
    assert "image" in str(caught.value)


async def test_either_picture_is_enough(verdicts):
    """Image alone, image_tail alone and both pass."""
    assert "image_tail" not in await verdicts.accepts(image=png())
    assert "image" not in await verdicts.accepts(image=None, image_tail=png())
    assert {"image", "image_tail"} <= set(await verdicts.accepts(image=png(), image_tail=png()))


@pytest.mark.parametrize(
    "fields",
    [
        {"image_tail": png(), "static_mask": png()},
        {"image_tail": png(), "dynamic_masks": MASKS},
        {"image_tail": png(), "camera_control": CAMERA},
        {"static_mask": png(), "camera_control": CAMERA},
        {"dynamic_masks": MASKS, "camera_control": CAMERA},
        {"static_mask": png(), "dynamic_masks": MASKS, "camera_control": CAMERA},
        {"image_tail": png(), "static_mask": png(), "camera_control": CAMERA},
        {"image_tail": png(), "camera_control": CAMERA, "image": None},
        {"image_tail": png(), "static_mask": png(), "image": None},
    ],
    ids="+".join,
)
async def test_one_of_three(verdicts, fields):
    """image_tail, the masks and the camera exclude one another, in every pair."""
    assert await verdicts.problems(**fields)


async def test_both_kinds_of_mask_go_together(verdicts):
    """static_mask and dynamic_masks are one of the three, not two."""
    assert {"static_mask", "dynamic_masks"} <= set(
        await verdicts.accepts(static_mask=png(), dynamic_masks=MASKS)
    )


async def test_every_broken_rule_is_reported(verdicts):
    """Eight broken fields are eight problems, each under its own path."""
    found = await verdicts.problems(
        prompt="a" * 2501,
        negative_prompt="a" * 2501,
        cfg_scale=1.5,
        mode="",
        duration="7 s",
        external_task_id=7,
        dynamic_masks=[
            {"mask": png(), "trajectories": [(1, 2), (3, 4)]},
            {"mask": "photo.png", "trajectories": [(1, 2), (1.5, 4)]},
            {"mask": png(), "trajectories": [(1, 2)]},
        ],
    )
    assert {
        "prompt",
        "negative_prompt",
        "cfg_scale",
        "mode",
        "duration",
        "external_task_id",
        "dynamic_masks[1].mask",
        "dynamic_masks[1].trajectories[1].x",
        "dynamic_masks[2].trajectories",
    } == set(found)


async def test_broken_pictures_are_reported_together(verdicts):
    """What needs the bytes is reported for every picture of the request at once."""
    found = await verdicts.problems(image=png(299, 300), image_tail=b"GIF89a")
    assert {"image", "image_tail"} == set(found)


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param({"x": object()}, id="object"),
        {"x": math.nan},
        {"x": {1, 2}},
        {"x": "\ud800"},
        {"x": b"a"},
    ],
    ids=repr,
)
async def test_extra_that_is_no_json_is_refused(verdicts, extra):
    """What cannot travel as JSON is refused before anything is sent."""
    await verdicts.refuses("extra", extra=extra)


@pytest.mark.parametrize("name", ["promt", "images", ""])
def test_unknown_names_in_a_manifest_are_refused(name):
    """A typing error in a manifest is not a field, and the error names it."""
    with pytest.raises(ValidationError) as caught:
        Image2VideoRequest.from_mapping({"image": URL, name: "x"})
    assert name in str(caught.value)
