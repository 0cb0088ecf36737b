"""A camera that moves before a picture, in Pillow. The libraries of the extra are imported where they are used."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from kling_async.emulator.videos import motion

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

ENLARGED = 3
"""Cameras take the nearest pixel of a picture this many times larger: finer than is seen, at a quarter of the cost of
interpolating every frame."""

Frame = Callable[[float], "Picture"]
"""Draws the frame at a part of the video's time, 0 to 1."""


def filmed(first: "Picture", moves: motion.Course) -> Frame:
    """A camera that moves before the picture."""
    from PIL import Image  # noqa: PLC0415 - the extra

    border = math.ceil(motion.MARGIN * max(first.size))
    wide = _surrounded(first, border)
    wide = wide.resize((wide.width * ENLARGED, wide.height * ENLARGED), Image.Resampling.BICUBIC)

    def draw(t: float) -> "Picture":
        data = motion.in_pixels(motion.view(moves, t), first.size, border, ENLARGED)
        if data[6:] == (0.0, 0.0):  # no keystone: three times as fast
            return wide.transform(first.size, Image.Transform.AFFINE, data[:6])
        return wide.transform(first.size, Image.Transform.PERSPECTIVE, data)

    return draw


def _surrounded(picture: "Picture", border: int) -> "Picture":
    """The picture with what may lie beyond its edges: its own mirror image, soon lost in a blur."""
    import numpy as np  # noqa: PLC0415 - the extra
    from PIL import Image, ImageDraw, ImageFilter  # noqa: PLC0415 - the extra

    mirrored = np.pad(np.asarray(picture), ((border, border), (border, border), (0, 0)), mode="symmetric")
    wide = Image.fromarray(mirrored)
    width, height = wide.size
    sharp = Image.new("L", wide.size)
    fade = border // 10
    edges = (border - fade, border - fade, width - border + fade, height - border + fade)
    ImageDraw.Draw(sharp).rectangle(edges, fill=255)
    sharp = sharp.filter(ImageFilter.GaussianBlur(fade / 3))
    beyond = wide.filter(ImageFilter.GaussianBlur(border / 5))
    around = Image.composite(wide, beyond, sharp)
    around.paste(picture, (border, border))
    return around
