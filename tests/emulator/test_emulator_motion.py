"""What moves and how, as pure numbers: signs from the API reference, bounds from the drawing."""

import pytest

from kling_async.emulator.videos import motion
from kling_async.emulator.videos.motion import Move


def seen(moves, t=1.0, x=0.0, y=0.0):
    return motion.seen_at(motion.view(moves, t), x, y)


def alone(axis, strength):
    return {axis: Move(strength)}


EVERY_COURSE = [alone(axis, strength) for axis in motion.AXES for strength in (-10, 10)]
EVERY_COURSE += [*motion.PRESETS.values(), motion.DEFAULT]


@pytest.mark.parametrize("moves", EVERY_COURSE, ids=str)
def test_nothing_has_moved_at_the_beginning(moves):
    """At time 0 every camera sees the picture as it is."""
    assert (0.3, -0.2) == pytest.approx(seen(moves, t=0.0, x=0.3, y=-0.2))


@pytest.mark.parametrize(
    ("axis", "amount", "direction"),
    [
        ("horizontal", 5, (1, 0)),
        ("horizontal", -5, (-1, 0)),
        ("vertical", 5, (0, -1)),
        ("vertical", -5, (0, 1)),
        ("pan", 5, (1, 0)),
        ("pan", -5, (-1, 0)),
        ("tilt", 5, (0, -1)),
        ("tilt", -5, (0, 1)),
    ],
)
def test_the_middle_of_the_frame_looks_where_the_camera_goes(axis, amount, direction):
    """负值表示向左, 正值表示向右; 负值向下, 正值向上 (y points down in the drawing)."""
    x, y = seen(alone(axis, amount))
    assert direction == (round(x / abs(x)) if abs(x) > 1e-9 else 0, round(y / abs(y)) if abs(y) > 1e-9 else 0)


@pytest.mark.parametrize("axis", ["horizontal", "vertical", "pan", "tilt"])
def test_a_stronger_camera_goes_further(axis):
    """The amount is a strength, not only a sign."""
    weak, strong = (max(map(abs, seen(alone(axis, strength)))) for strength in (3, 9))
    assert strong > 2 * weak


def test_positive_zoom_widens_the_view():
    """正值表示焦距变短、视野范围变大."""
    assert seen(alone("zoom", 5), x=0.5)[0] > 0.5 > seen(alone("zoom", -5), x=0.5)[0]


def test_a_clockwise_camera_turns_the_picture_the_other_way():
    """A point to the right in the frame shows what lay below right of the middle."""
    assert seen(alone("roll", 10), x=0.5)[1] > 0 > seen(alone("roll", -10), x=0.5)[1]


def test_a_turn_has_a_keystone_and_a_shift_has_none():
    """Panning sees one side nearer than the other; a translation keeps straight what is straight."""
    top, bottom = seen(alone("pan", 10), x=0.5, y=-0.4), seen(alone("pan", 10), x=0.5, y=0.4)
    assert top[1] < -0.45
    assert top[0] == pytest.approx(bottom[0])
    assert -0.4 == pytest.approx(seen(alone("horizontal", 10), x=0.5, y=-0.4)[1])


def test_down_back_goes_down_and_sees_more():
    """下移拉远."""
    (_, middle), (edge, _) = seen(motion.PRESETS["down_back"]), seen(motion.PRESETS["down_back"], x=0.5)
    assert middle > 0.05
    assert edge > 0.6


def test_forward_up_goes_up_and_sees_less():
    """推进上移."""
    (_, middle), (edge, _) = seen(motion.PRESETS["forward_up"]), seen(motion.PRESETS["forward_up"], x=0.5)
    assert middle < -0.05
    assert edge < 0.45


@pytest.mark.parametrize(("preset", "side"), [("right_turn_forward", 1), ("left_turn_forward", -1)])
def test_a_turn_comes_before_going_forward(preset, side):
    """先右旋转后前进: early the camera only turns, late it only comes nearer."""
    moves = motion.PRESETS[preset]
    early, late, end = (motion.view(moves, t) for t in (0.3, 0.7, 1.0))
    assert side * motion.seen_at(early, 0, 0)[0] > 0.05
    assert 1 == pytest.approx(early[1][1])
    assert motion.seen_at(end, 0, 0) == pytest.approx(motion.seen_at(late, 0, 0))
    assert 1 > late[1][1] > end[1][1]


@pytest.mark.parametrize(
    "camera",
    [
        None,
        {},
        {"type": "simple"},
        {"type": "simple", "config": {"zoom": 0, "pan": 0.0}},
        {"type": "simple", "config": {"zoom": 10**400, "pan": "x", "roll": float("nan"), "dolly": 3}},
        {"type": ["simple"], "config": "x"},
    ],
    ids=str,
)
def test_what_says_nothing_of_use_is_a_slow_push_in(camera):
    """A video always moves."""
    assert motion.course(camera) is motion.DEFAULT


def test_the_course_of_a_simple_camera():
    """The axis that is not 0 moves, from the beginning to the end."""
    config = {"zoom": 0, "horizontal": -2.5, "pan": 0}
    assert {"horizontal": Move(-2.5, 0.0, 1.0)} == motion.course({"type": "simple", "config": config})


@pytest.mark.parametrize("height", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("moves", EVERY_COURSE, ids=str)
def test_no_camera_looks_beyond_the_margin(moves, height):
    """Over the allowed shapes, 1:2.5 to 2.5:1, what a frame shows is never beyond what is drawn around the picture."""
    margin = motion.MARGIN * max(1.0, height)
    for step in range(11):
        for x, y in ((-0.5, -height / 2), (0.5, -height / 2), (-0.5, height / 2), (0.5, height / 2)):
            u, v = seen(moves, step / 10, x, y)
            assert abs(u) <= 0.5 + margin
            assert abs(v) <= height / 2 + margin


def test_a_view_in_pixels():
    """The frame's top left is the picture's, inside its border, however much it was enlarged."""
    a, b, c, d, e, f, g, h = motion.in_pixels(motion.STILL, (200, 100), border=30, enlarged=3)
    assert (3.0, 0.0, 90.0) == pytest.approx((a, b, c))
    assert (0.0, 3.0, 90.0) == pytest.approx((d, e, f))
    assert (0.0, 0.0) == pytest.approx((g, h))


def test_a_path_is_travelled_at_even_speed_with_its_origin_at_the_bottom():
    """Half of an L-shaped path of equal legs is its corner; up in the API reference is up in the picture."""
    path = [(10, 10), (110, 10), (110, 110)]
    assert (0.0, 0.0) == pytest.approx(motion.travelled(path, 0.0))
    assert (100.0, 0.0) == pytest.approx(motion.travelled(path, 0.5))
    assert (100.0, -50.0) == pytest.approx(motion.travelled(path, 0.75))
    assert (100.0, -100.0) == pytest.approx(motion.travelled(path, 1.0))


@pytest.mark.parametrize("path", [[], [(5, 5)], [(5, 5), (5, 5)]], ids=str)
def test_a_path_that_stands_still(path):
    """Too few or equal points are no movement and no division by nothing."""
    assert (0.0, 0.0) == motion.travelled(path, 0.7)
