"""What moves, and how: cameras as homographies, brushes as offsets along a path. Pure, in plain Python.

A view is a 3×3 matrix that takes a point of the frame to the point of the picture that is seen there. Both are
measured in widths of the picture from its middle, x to the right and y down; brush paths come in pixels with the
origin at the bottom left, as in the API reference.
"""

import itertools
import math
from collections.abc import Mapping, Sequence

import attrs

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

STILL: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

STRONGEST = 10
"""The API reference's bound for an axis, either way."""

SHIFT = 0.25
"""Widths that a translation of strength 10 moves the camera."""

TURN = math.radians(14)
"""Angle of a pan or tilt of strength 10."""

ROLL = math.radians(30)
"""Angle of a roll of strength 10."""

ZOOM = 1.8
"""How much wider (or narrower) a zoom of strength 10 makes the view."""

FOCAL = 1.2
"""The camera's focal length in widths: about 45° from edge to edge."""

MARGIN = 0.42
"""How far beyond the picture's edges any camera looks at most, in longer sides of the picture."""


@attrs.frozen
class Move:
    """One axis' part in a camera's course."""

    strength: float
    """-10 to 10, signed as in the API reference."""

    begin: float = 0.0
    """When it sets in, 0 to 1 of the video's time."""

    end: float = 1.0
    """When it is through, above `begin`."""

    def at(self, t: float) -> float:
        """How far it has come, in parts of the strongest movement, -1 to 1; even between begin and end."""
        passed = min(1.0, max(0.0, (t - self.begin) / (self.end - self.begin)))
        return self.strength / STRONGEST * passed


Course = Mapping[str, Move]
"""A camera's movement, by the API reference's names of the axes."""

AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")

PRESETS: Mapping[str, Course] = {
    "down_back": {"vertical": Move(-6), "zoom": Move(6)},  # 下移拉远
    "forward_up": {"zoom": Move(-6), "tilt": Move(6)},  # 推进上移
    "right_turn_forward": {"pan": Move(7, end=0.6), "zoom": Move(-5, begin=0.4)},  # 先右旋转后前进
    "left_turn_forward": {"pan": Move(-7, end=0.6), "zoom": Move(-5, begin=0.4)},  # 先左旋并前进
}
"""The API reference's named movements."""

DEFAULT: Course = {"zoom": Move(-3)}
"""A slow push-in, if nothing else moves: a video always moves."""


def course(camera: Mapping[str, object] | None) -> Course:
    """The course of a `camera_control` object; the default one if it says nothing that moves.

    What is not an axis of the API reference, or not a number within its bounds, does not move.
    """
    kind, config = ("simple", None) if camera is None else (camera.get("type"), camera.get("config"))
    if isinstance(kind, str) and kind in PRESETS:
        return PRESETS[kind]
    amounts = config if isinstance(config, Mapping) else {}
    moves = {axis: _strength(amounts.get(axis)) for axis in AXES}
    return {axis: Move(strength) for axis, strength in moves.items() if strength} or DEFAULT


def _strength(amount: object) -> float:
    if isinstance(amount, int | float) and -STRONGEST <= amount <= STRONGEST:
        return float(amount)
    return 0.0


def view(moves: Course, t: float) -> Matrix:
    """What the camera sees at a moment.

    Args:
        moves: The camera's course.
        t: Part of the video that has passed, 0 to 1.
    """
    part = {axis: move.at(t) for axis, move in moves.items()}
    steps = (
        _shifted(SHIFT * part.get("horizontal", 0.0), -SHIFT * part.get("vertical", 0.0)),
        _turned(TURN * part.get("pan", 0.0), TURN * part.get("tilt", 0.0)),
        _rolled(ROLL * part.get("roll", 0.0)),
        _scaled(ZOOM ** part.get("zoom", 0.0)),
    )
    seen = STILL
    for step in steps:
        seen = multiplied(seen, step)
    return seen


def _shifted(x: float, y: float) -> Matrix:
    """A camera moved right by x and down by y sees what is there."""
    return ((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0))


def _scaled(factor: float) -> Matrix:
    """A wider view takes in more of the picture."""
    return ((factor, 0.0, 0.0), (0.0, factor, 0.0), (0.0, 0.0, 1.0))


def _rolled(angle: float) -> Matrix:
    """A camera rolled clockwise."""
    c, s = math.cos(angle), math.sin(angle)
    return ((c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0))


def _turned(right: float, up: float) -> Matrix:
    """A camera turned to the right and up, with the keystone that a turn gives."""
    c, s = math.cos(right), math.sin(right)
    pan: Matrix = ((c, 0.0, FOCAL * s), (0.0, 1.0, 0.0), (-s / FOCAL, 0.0, c))
    c, s = math.cos(up), math.sin(up)
    tilt: Matrix = ((1.0, 0.0, 0.0), (0.0, c, -FOCAL * s), (0.0, s / FOCAL, c))
    return multiplied(pan, tilt)


def multiplied(first: Matrix, second: Matrix) -> Matrix:
    """The matrix that does `second`, then `first`."""
    rows = [tuple(sum(row[k] * second[k][column] for k in range(3)) for column in range(3)) for row in first]
    return (_triple(rows[0]), _triple(rows[1]), _triple(rows[2]))


def _triple(row: tuple[float, ...]) -> tuple[float, float, float]:
    return (row[0], row[1], row[2])


def seen_at(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    """The picture's point that is seen at a point of the frame."""
    u, v, w = (row[0] * x + row[1] * y + row[2] for row in matrix)
    return u / w, v / w


def in_pixels(seen: Matrix, size: tuple[int, int], border: int, enlarged: int) -> tuple[float, ...]:
    """The same view for pixels counted from the top left, as the eight coefficients (a to h) of a perspective.

    Args:
        seen: A view.
        size: The frame's width and height, which are the picture's as well.
        border: Pixels that the picture was widened by on every side.
        enlarged: How many times the widened picture was enlarged.
    """
    width, height = size
    inwards: Matrix = ((1 / width, 0.0, -0.5), (0.0, 1 / width, -height / width / 2), (0.0, 0.0, 1.0))
    unit = float(width * enlarged)
    outwards: Matrix = (
        (unit, 0.0, enlarged * (width / 2 + border)),
        (0.0, unit, enlarged * (height / 2 + border)),
        (0.0, 0.0, 1.0),
    )
    whole = multiplied(outwards, multiplied(seen, inwards))
    return tuple(value / whole[2][2] for row in whole for value in row)[:8]


def travelled(points: Sequence[tuple[int, int]], t: float) -> tuple[float, float]:
    """How far along its path a brushed region has come, at even speed.

    Args:
        points: The path, in pixels with the origin at the bottom left; fewer than two are no movement.
        t: Part of the video that has passed, 0 to 1.

    Returns:
        Pixels to the right and pixels DOWN from where the region began.
    """
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(points)]
    left = sum(lengths) * min(max(t, 0.0), 1.0)
    right = up = 0.0
    for (ax, ay), (bx, by), length in zip(points, points[1:], lengths, strict=False):
        part = min(1.0, left / length) if length else 1.0
        right += (bx - ax) * part
        up += (by - ay) * part
        left = max(0.0, left - length)
    return right, -up
