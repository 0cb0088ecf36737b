"""The API reference's rules on the motion brush and the camera."""

import math

import pytest
from made_pictures import png

from kling_async import CameraConfig, CameraControl, DynamicMask, TrajectoryPoint, ValidationError

pytestmark = pytest.mark.anyio

AXES = ["horizontal", "vertical", "pan", "tilt", "roll", "zoom"]
PRESETS = ["down_back", "forward_up", "right_turn_forward", "left_turn_forward"]


def masks(count=1, points=2, **first):
    """So many masks with so many points each; `first` changes the first one's first point."""
    made = [
        {"mask": png(), "trajectories": [{"x": n, "y": n + 1} for n in range(points)]} for _ in range(count)
    ]
    if first:
        made[0]["trajectories"][0] |= first
    return made


@pytest.mark.parametrize("count", [1, 6])
async def test_one_to_six_masks_pass(verdicts, count):
    """API reference: at most six."""
    assert count == len((await verdicts.accepts(dynamic_masks=masks(count)))["dynamic_masks"])


@pytest.mark.parametrize("count", [0, 7])
async def test_no_mask_and_seven_are_refused(verdicts, count):
    """An empty list asks for nothing, seven are one too many."""
    assert "6" in await verdicts.refuses("dynamic_masks", dynamic_masks=masks(count))


@pytest.mark.parametrize("points", [2, 77])
async def test_two_to_77_points_pass(verdicts, points):
    """Both ends of [2, 77], in the order given."""
    body = await verdicts.accepts(dynamic_masks=masks(points=points))
    assert [{"x": n, "y": n + 1} for n in range(points)] == body["dynamic_masks"][0]["trajectories"]


@pytest.mark.parametrize("points", [0, 1, 78])
async def test_fewer_and_more_points_are_refused(verdicts, points):
    """The message names the bound."""
    message = await verdicts.refuses("dynamic_masks[0].trajectories", dynamic_masks=masks(points=points))
    assert "77" in message


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("value", [1.5, 1.0, True, "1", None, math.nan, [1]], ids=repr)
async def test_coordinates_are_whole_numbers(verdicts, axis, value):
    """A float, a bool, text and nothing are not whole pixels; the path leads to the coordinate."""
    await verdicts.refuses(f"dynamic_masks[0].trajectories[0].{axis}", dynamic_masks=masks(**{axis: value}))


@pytest.mark.parametrize("value", [1.5, True, "1"], ids=repr)
async def test_coordinates_are_whole_numbers_in_every_form(verdicts, value):
    """As a pair and as an object too."""
    with pytest.raises(ValidationError):
        DynamicMask(mask=png(), trajectories=[(value, 1), (2, 3)])
    with pytest.raises(ValidationError):
        TrajectoryPoint(value, 1)


@pytest.mark.parametrize(
    "trajectories", ["12", 5, [5, 6], [(1,), (2, 3)], [(1, 2, 3), (4, 5)], None], ids=repr
)
async def test_what_is_no_path_of_points_is_refused(verdicts, trajectories):
    """Wrong shapes end in the library's own error."""
    fields = {"dynamic_masks": [{"mask": png(), "trajectories": trajectories}]}
    await verdicts.refuses("dynamic_masks[0].trajectories", **fields)


@pytest.mark.parametrize("value", ["abc", 5, [5], [None]], ids=repr)
async def test_what_is_no_list_of_masks_is_refused(verdicts, value):
    """Wrong shapes end in the library's own error."""
    await verdicts.refuses("dynamic_masks", dynamic_masks=value)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("value", [-10, 10, -10.0, 0.1, -3])
async def test_an_axis_within_ten_passes(verdicts, axis, value):
    """[-10, 10], both ends included."""
    camera = {"type": "simple", "config": {axis: value}}
    assert value == (await verdicts.accepts(camera_control=camera))["camera_control"]["config"][axis]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("value", [-10.1, 10.1, 11, math.nan, math.inf, True, "5", [5]], ids=repr)
async def test_an_axis_beyond_ten_is_refused(verdicts, axis, value):
    """Just over the bound, and what is not a number."""
    await verdicts.refuses(
        "camera_control.config", camera_control={"type": "simple", "config": {axis: value}}
    )


@pytest.mark.parametrize("config", [{}, {"pan": 0}, dict.fromkeys(AXES, 0)])
async def test_no_axis_is_refused(verdicts, config):
    """Exactly one axis is not 0; none is too few."""
    await verdicts.refuses("camera_control.config", camera_control={"type": "simple", "config": config})


@pytest.mark.parametrize(
    "config", [{"pan": 1, "zoom": 1}, dict.fromkeys(AXES, 1), {"roll": -1, "tilt": 0.5, "pan": 0}]
)
async def test_two_axes_are_refused(verdicts, config):
    """Exactly one axis is not 0; two are too many."""
    await verdicts.refuses("camera_control.config", camera_control={"type": "simple", "config": config})


async def test_zeros_beside_one_axis_pass(verdicts):
    """API reference: one is not 0, the others are 0."""
    config = dict.fromkeys(AXES, 0) | {"roll": 4}
    body = await verdicts.accepts(camera_control={"type": "simple", "config": config})
    assert config == dict.fromkeys(AXES, 0) | body["camera_control"]["config"]


async def test_simple_needs_a_config(verdicts):
    """API reference: config is required with simple."""
    await verdicts.refuses("camera_control", camera_control={"type": "simple"})


@pytest.mark.parametrize("preset", PRESETS)
async def test_only_simple_has_a_config(verdicts, preset):
    """API reference: config is not filled in with any other type."""
    camera = {"type": preset, "config": {"zoom": 1}}
    await verdicts.refuses("camera_control", camera_control=camera)
    assert {"type": preset} == (await verdicts.accepts(camera_control={"type": preset}))["camera_control"]


@pytest.mark.parametrize("value", ["", "Simple", "sideways", 5, None, ["simple"]], ids=repr)
async def test_no_other_camera_types(verdicts, value):
    """The API reference's five words and no others."""
    await verdicts.refuses("camera_control", camera_control={"type": value})


@pytest.mark.parametrize("value", ["zoom", 5, ["zoom"]], ids=repr)
async def test_what_is_no_camera_is_refused(verdicts, value):
    """Wrong shapes end in the library's own error."""
    await verdicts.refuses("camera_control", camera_control=value)


def test_objects_check_themselves():
    """The camera's own classes refuse what the API reference refuses."""
    for build in (
        lambda: CameraConfig(zoom=10.1),
        lambda: CameraControl.zoom(-10.1),
        lambda: CameraControl.pan(0),
        lambda: CameraControl("simple"),
        lambda: CameraControl("forward_up", CameraConfig(zoom=1)),
        lambda: CameraControl("sideways"),
    ):
        with pytest.raises(ValidationError):
            build()
