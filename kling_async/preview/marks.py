"""Masks and paths drawn over the first frame, in Pillow.

Promises: points are placed as the API reference counts them, from the bottom left; what is outside the picture is marked at
the panel's edge instead of being left out.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from kling_async.preview.regions import Decoded, decoded, region_of
from kling_async.preview.shot import Points, Shot

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

COLOURS: Final = ("#ffb000", "#22c7f2", "#ff5fa2", "#7be07b", "#b79bff", "#ff8552")
"""One for each moving region; told apart by number as well."""

INK: Final = "#16171a"
BAD: Final = "#ff3b30"
TWICE: Final = 2
"""Lines are drawn this many times larger than they are shown."""


@frozen
class Placement:
    """Where the first frame lies in its panel."""

    left: float
    """Pixels from the panel's left edge to the picture."""

    top: float
    """Pixels from the panel's top edge to the picture."""

    scale: float
    """Pixels of the panel by pixels of the picture."""

    width: int
    """The picture's stored width."""

    height: int
    """The picture's stored height."""

    def at(self, point: tuple[float, float]) -> tuple[float, float]:
        """A point counted from the bottom left, in pixels of the panel."""
        x, y = point
        return self.left + (x + 0.5) * self.scale, self.top + (self.height - y - 0.5) * self.scale

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The picture's edges in the panel."""
        right, bottom = self.left + self.width * self.scale, self.top + self.height * self.scale
        return round(self.left), round(self.top), round(right), round(bottom)


def font(size: float) -> FreeTypeFont | ImageFont:
    """Pillow's own font."""
    from PIL import ImageFont  # noqa: PLC0415 - the extra, imported where it is used

    return ImageFont.load_default(size)


def marked(panel: Image, place: Placement, shot: Shot) -> Image:
    """Draws a shot's regions, paths and the origin of their coordinates.

    Args:
        panel: The panel with the first frame on it, in RGB.
        place: Where the first frame lies.
        shot: The masks and paths.
    """
    from PIL import Image, ImageDraw  # noqa: PLC0415 - the extra, imported where it is used

    still = decoded(shot.static_mask)
    if still is not None:
        _hatch(panel, place, still)
    for number, (mask, _) in enumerate(shot.dynamic_masks):
        brushed = decoded(mask)
        if brushed is not None:
            _tint(panel, place, brushed, COLOURS[number % len(COLOURS)])
    large = panel.resize((panel.width * TWICE, panel.height * TWICE))
    draw = ImageDraw.Draw(large)
    _origin(draw, place)
    for number, (_, points) in enumerate(shot.dynamic_masks):
        _path(draw, place, points, number, panel.size)
    return large.resize(panel.size, Image.Resampling.LANCZOS)


def _fitted(region: Image, place: Placement) -> Image:
    left, top, right, bottom = place.box
    return region.resize((right - left, bottom - top))


def _tint(panel: Image, place: Placement, mask: Decoded, colour: str) -> None:
    """A region as a veil with an edge."""
    from PIL import ImageChops, ImageFilter  # noqa: PLC0415 - the extra, imported where it is used

    region = _fitted(region_of(mask), place)
    edge = ImageChops.subtract(region.filter(ImageFilter.MaxFilter(5)), region)
    panel.paste(colour, place.box, region.point([level * 90 // 255 for level in range(256)]))
    panel.paste(colour, place.box, edge)


def _hatch(panel: Image, place: Placement, mask: Decoded) -> None:
    """A static region as hatching, light and dark, so that it shows on any picture."""
    from PIL import Image, ImageChops, ImageDraw, ImageFilter  # noqa: PLC0415 - the extra, imported where it is used

    region = _fitted(region_of(mask), place)
    for shift, colour in ((0, "white"), (3, INK)):
        lines = Image.new("L", region.size)
        draw = ImageDraw.Draw(lines)
        for at in range(shift - region.height, region.width, 14):
            draw.line((at, region.height, at + region.height, 0), fill=190, width=2)
        panel.paste(colour, place.box, ImageChops.darker(lines, region))
    edge = ImageChops.subtract(region.filter(ImageFilter.MaxFilter(5)), region)
    panel.paste("white", place.box, edge)


def _origin(draw: ImageDraw, place: Placement) -> None:
    """The axes at the bottom left, with the corner's coordinates."""
    left, _, right, bottom = (each * TWICE for each in place.box)
    reach = min(64 * TWICE, (right - left) // 3)
    corner = (left, bottom)
    for end, name, away in (((left + reach, bottom), "x", (6, -17)), ((left, bottom - reach), "y", (6, -17))):
        draw.line((*corner, *end), fill="white", width=5 * TWICE)
        draw.line((*corner, *end), fill=INK, width=2 * TWICE)
        _head(draw, corner, end, INK, 9 * TWICE)
        _label(draw, (end[0] + away[0] * TWICE, end[1] + away[1] * TWICE), name)
    _label(draw, (left + 6 * TWICE, bottom - 21 * TWICE), "0,0")


def _label(draw: ImageDraw, at: tuple[float, float], text: str, colour: str = INK) -> None:
    """A text on a light ground, with its upper left corner at a place."""
    shape: Any = font(13 * TWICE)
    box = draw.textbbox(at, text, font=shape)
    room = 3 * TWICE
    draw.rounded_rectangle(
        (box[0] - room, box[1] - room, box[2] + room, box[3] + room), 4 * TWICE, fill="white"
    )
    draw.text(at, text, fill=colour, font=shape)


def _path(draw: ImageDraw, place: Placement, points: Points, number: int, size: tuple[int, int]) -> None:
    """A path with its direction, its numbered start, and a cross for each point outside the picture."""
    colour = COLOURS[number % len(COLOURS)]
    placed = [_within(place.at(point), size) for point in points]
    large = [(x * TWICE, y * TWICE) for x, y in placed]
    for width, paint in ((8, INK), (4, colour)):
        draw.line(large, fill=paint, width=width * TWICE, joint="curve")
    for before, after in itertools.pairwise(large):
        if math.dist(before, after) > 60 * TWICE:
            middle = ((before[0] + after[0]) / 2, (before[1] + after[1]) / 2)
            _head(draw, before, middle, colour, 11 * TWICE)
    end = next((each for each in reversed(large[:-1]) if math.dist(each, large[-1]) > TWICE), None)
    if end is not None:
        _head(draw, end, large[-1], colour, 17 * TWICE)
    for point, at in zip(points[1:-1], large[1:-1], strict=True):
        if _is_inside(place, point):
            _disc(draw, at, 4.5 * TWICE, colour)
    _start(draw, large[0], number, colour)
    for point, at in zip(points, large, strict=True):
        if not _is_inside(place, point):
            _cross(draw, at)


def _is_inside(place: Placement, point: tuple[int, int]) -> bool:
    return 0 <= point[0] <= place.width and 0 <= point[1] <= place.height


def _within(at: tuple[float, float], size: tuple[int, int]) -> tuple[float, float]:
    """A place, drawn at the panel's edge if it is beyond."""
    room = 12
    return min(max(at[0], room), size[0] - room), min(max(at[1], room), size[1] - room)


def _disc(draw: ImageDraw, at: tuple[float, float], radius: float, colour: str) -> None:
    x, y = at
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=INK, width=2 * TWICE)


def _start(draw: ImageDraw, at: tuple[float, float], number: int, colour: str) -> None:
    _disc(draw, at, 12 * TWICE, colour)
    shape: Any = font(14 * TWICE)
    draw.text(at, str(number), fill=INK, font=shape, anchor="mm")


def _cross(draw: ImageDraw, at: tuple[float, float]) -> None:
    x, y = at
    reach = 7 * TWICE
    for width, paint in ((7, "white"), (4, BAD)):
        for slope in (1, -1):
            draw.line(
                (x - reach, y - slope * reach, x + reach, y + slope * reach), fill=paint, width=width * TWICE
            )


def _head(
    draw: ImageDraw, begin: tuple[float, float], end: tuple[float, float], colour: str, size: float
) -> None:
    """An arrow's head at the end of a line."""
    angle = math.atan2(end[1] - begin[1], end[0] - begin[0])
    corners = [
        (end[0] - size * math.cos(angle + turn), end[1] - size * math.sin(angle + turn))
        for turn in (0.45, -0.45)
    ]
    draw.polygon([end, *corners], fill=colour, outline=INK, width=TWICE)
