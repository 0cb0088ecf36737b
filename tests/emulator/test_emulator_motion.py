"""What moves and how, as pure numbers: signs from the page, bounds from the drawing."""

import pytest

from kling_async.emulator import motion


def seen(axes, t=1.0, x=0.0, y=0.0):
    return motion.seen_at(motion.view(axes, t), x, y)


def test_nothing_moves_at_the_beginning():
    """At time 0 every camera sees the picture as it is."""
    assert (0.3, -0.2) == pytest.approx(seen({"pan": 10, "zoom": -10, "roll": 5}, t=0.0, x=0.3, y=-0.2))


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
    x, y = seen({axis: amount})
    assert direction == (round(x / abs(x)) if abs(x) > 1e-9 else 0, round(y / abs(y)) if abs(y) > 1e-9 else 0)


def test_positive_zoom_widens_the_view():
    """正值表示焦距变短、视野范围变大."""
    assert seen({"zoom": 5}, x=0.5)[0] > 0.5 > seen({"zoom": -5}, x=0.5)[0]


def test_a_clockwise_camera_turns_the_picture_the_other_way():
    """A point to the right in the frame shows what lay below right of the middle."""
    assert seen({"roll": 10}, x=0.5)[1] > 0


def test_a_turn_has_a_keystone_and_a_shift_has_none():
    """Panning sees one side nearer than the other; a translation keeps straight what is straight."""
    top, bottom = seen({"pan": 10}, x=0.5, y=-0.4), seen({"pan": 10}, x=0.5, y=0.4)
    assert top[1] != pytest.approx(-0.4)
    assert top[0] == pytest.approx(bottom[0])
    assert -0.4 == pytest.approx(seen({"horizontal": 10}, x=0.5, y=-0.4)[1])


@pytest.mark.parametrize("preset", motion.PRESETS)
def test_every_preset_moves(preset):
    """Each of the page's named movements changes the view."""
    assert (0.2, 0.2) != pytest.approx(seen(motion.strengths({"type": preset}), x=0.2, y=0.2))


def test_strengths_of_what_is_no_camera():
    """Nothing given, or nothing of use, moves nothing."""
    assert {} == motion.strengths(None)
    assert {} == motion.strengths({"type": "simple"})
    assert {"zoom": 5.0} == motion.strengths({"type": "simple", "config": {"zoom": 5, "pan": "x"}})


def test_a_path_is_travelled_at_even_speed_with_its_origin_at_the_bottom():
    """Half of an L-shaped path of equal legs is its corner; up on the page is up in the picture."""
    path = [(10, 10), (110, 10), (110, 110)]
    assert (0.0, 0.0) == pytest.approx(motion.travelled(path, 0.0))
    assert (100.0, 0.0) == pytest.approx(motion.travelled(path, 0.5))
    assert (100.0, -50.0) == pytest.approx(motion.travelled(path, 0.75))
    assert (100.0, -100.0) == pytest.approx(motion.travelled(path, 1.0))


def test_a_path_that_stands_still():
    """Equal points are no movement and no division by nothing."""
    assert (0.0, 0.0) == motion.travelled([(5, 5), (5, 5)], 0.7)
