"""What moves, and how: cameras as homographies, brushes as offsets along a path. Pure, in plain Python.

A view is a 3×3 matrix that takes a point of the frame to the point of the picture that is seen there. Both are
measured in widths of the picture from its middle, x to the right and y down; brush paths come in pixels with the
origin at the bottom left, as on the page.
"""

import itertools
import math
from collections.abc import Mapping, Sequence

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

STILL: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

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

PRESETS: Mapping[str, Mapping[str, float]] = {
    "down_back": {"vertical": -6, "zoom": 6},
    "forward_up": {"zoom": -6, "tilt": 6},
    "right_turn_forward": {"pan": 7, "zoom": -5},
    "left_turn_forward": {"pan": -7, "zoom": -5},
}
"""The page's named movements, as strengths of the simple axes."""

DEFAULT: Mapping[str, float] = {"zoom": -3}
"""A slow push-in, where nothing else moves: a video always moves."""


def strengths(camera: Mapping[str, object] | None) -> Mapping[str, float]:
    """The axes of a `camera_control` object, each from -10 to 10; what is no number does not move."""
    if camera is None:
        return {}
    kind, config = camera.get("type"), camera.get("config")
    if isinstance(kind, str) and kind in PRESETS:
        return PRESETS[kind]
    if not isinstance(config, Mapping):
        return {}
    return {axis: float(amount) for axis, amount in config.items() if isinstance(amount, int | float)}


def view(axes: Mapping[str, float], t: float) -> Matrix:
    """What the camera sees at a moment.

    Args:
        axes: Strength of each axis, -10 to 10.
        t: Part of the video that has passed, 0 to 1.
    """
    part = {axis: amount / 10 * t for axis, amount in axes.items()}
    zoom = part.get("zoom", 0.0)
    steps = (
        _shifted(SHIFT * part.get("horizontal", 0.0), -SHIFT * part.get("vertical", 0.0)),
        _turned(TURN * part.get("pan", 0.0), TURN * part.get("tilt", 0.0)),
        _rolled(ROLL * part.get("roll", 0.0)),
        _scaled(ZOOM**zoom),
    )
    seen = STILL
    for step in steps:
        seen = multiplied(seen, step)
    return seen


def _shifted(x: float, y: float) -> Matrix:
    """A camera moved right by x and down by y sees what lies there."""
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


def travelled(points: Sequence[tuple[int, int]], t: float) -> tuple[float, float]:
    """How far along its path a brushed region has come, at even speed.

    Args:
        points: The path, in pixels with the origin at the bottom left.
        t: Part of the video that has passed, 0 to 1.

    Returns:
        Pixels to the right and pixels DOWN from where the region began.
    """
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(points)]
    left = sum(lengths) * min(max(t, 0.0), 1.0)
    x, y = points[0]
    for (ax, ay), (bx, by), length in zip(points, points[1:], lengths, strict=False):
        part = min(1.0, left / length) if length else 1.0
        x_now, y_now = ax + (bx - ax) * part, ay + (by - ay) * part
        left -= length
        if left <= 0:
            return x_now - x, -(y_now - y)
    last_x, last_y = points[-1]
    return float(last_x - x), float(-(last_y - y))
