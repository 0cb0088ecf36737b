"""Brushed regions carried along their paths, and static ones kept still, in Pillow."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kling_async.emulator.videos import motion
from kling_async.emulator.videos.camera import Frame
from kling_async.emulator.videos.opening import Size, frame_size, opened

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FAINTEST = 16
"""What is darker or more transparent than this (of 255) is not brushed: a JPEG's black is never quite black."""

GRID = 72
"""Cells along the longer side in which holes are filled."""


def region_of(mask: bytes | None, size: Size) -> "Picture":
    """A mask as 8-bit: 255 where it is brushed, which is neither black nor transparent; soft at its edges."""
    from PIL import Image, ImageChops  # noqa: PLC0415 - the extra

    picture = opened(mask)
    if picture is None:
        return Image.new("L", size)
    threshold = [0] * (FAINTEST + 1) + [255] * (255 - FAINTEST)
    red, green, blue, alpha = (band.point(threshold) for band in picture[0].split())
    coloured = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return ImageChops.darker(coloured, alpha).resize(size, Image.Resampling.BOX)


def without(region: "Picture", other: "Picture") -> "Picture":
    """Takes another region out of a region."""
    from PIL import ImageChops  # noqa: PLC0415 - the extra

    return ImageChops.subtract(region, other)


def kept_still(draw: Frame, first: "Picture", still: "Picture") -> Frame:
    """The same frames, but for a region that stays as it was."""

    def kept(t: float) -> "Picture":
        frame = draw(t)
        frame.paste(first, mask=still)
        return frame

    return kept if still.getbbox() else draw


def brushed(
    first: "Picture",
    regions: Sequence[tuple["Picture", tuple[tuple[int, int], ...]]],
    scale: tuple[float, float],
) -> Frame:
    """Regions carried along their paths, over a ground without them; `scale` is frame pixels by path pixels."""
    from PIL import ImageChops  # noqa: PLC0415 - the extra

    holes = regions[0][0]
    for region, _ in regions[1:]:
        holes = ImageChops.lighter(holes, region)
    ground = filled(first, holes)
    carried = [(_carrier(first, region), path) for region, path in regions]

    def draw(t: float) -> "Picture":
        frame = ground.copy()
        for carry, path in carried:
            right, down = motion.travelled(path, t)
            carry(frame, right * scale[0], down * scale[1])
        return frame

    return draw


def _carrier(first: "Picture", region: "Picture") -> Callable[["Picture", float, float], None]:
    """Puts a region of the picture onto a frame, moved by parts of pixels, so that slow paths do not stutter."""
    from PIL import Image  # noqa: PLC0415 - the extra

    left, top, right, bottom = region.getbbox() or (0, 0, 0, 0)
    box = (left - 1, top - 1, right + 1, bottom + 1)  # room for the part of a pixel
    piece, shape = first.crop(box), region.crop(box)

    def carry(frame: "Picture", x: float, y: float) -> None:
        at = (math.floor(x), math.floor(y))
        back = (1.0, 0.0, at[0] - x, 0.0, 1.0, at[1] - y)
        moved, mask = (
            part.transform(part.size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)
            for part in (piece, shape)
        )
        frame.paste(moved, (box[0] + at[0], box[1] + at[1]), mask)

    return carry


def filled(picture: "Picture", holes: "Picture") -> "Picture":
    """The picture with its holes filled softly: as a skin stretched over them, held by what is around."""
    import numpy as np  # noqa: PLC0415 - the extra
    from PIL import Image, ImageChops, ImageFilter  # noqa: PLC0415 - the extra

    known = ImageChops.invert(
        holes.filter(ImageFilter.MaxFilter(5))
    )  # a region's rim does not count as surrounding
    layer = Image.merge("RGBA", (*picture.split(), known))
    cells = np.asarray(layer.resize(frame_size(picture.size, GRID), Image.Resampling.BOX)).astype("float32")
    held = cells[..., 3:] > 0
    around = cells[..., :3]
    skin = np.where(held, around, around[held[..., 0]].mean(axis=0) if held.any() else 128.0)
    for _ in range(200):
        wide = np.pad(skin, ((1, 1), (1, 1), (0, 0)), mode="edge")
        mean = (wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]) / 4
        skin = np.where(held, around, mean)
    soft = Image.fromarray(skin.astype("uint8")).resize(picture.size, Image.Resampling.BICUBIC)
    return Image.composite(soft, picture, holes)
