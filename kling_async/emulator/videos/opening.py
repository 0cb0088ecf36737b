"""Pictures of strangers, decoded, and fitted into a frame, in Pillow."""

import io
from typing import TYPE_CHECKING

from kling_async.emulator.videos.scene import LONG_SIDE

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Size = tuple[int, int]
"""Width and height in pixels."""


def opened(data: bytes | None) -> tuple["Picture", Size] | None:
    """A picture in RGBA and its size as stored, which the decoded one may fall short of; None if it is none."""
    from PIL import Image  # noqa: PLC0415 - the extra

    if data is None:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            original = picture.size
            enough = 2 * max(LONG_SIDE.values())
            picture.draft(None, (enough, enough))  # a JPEG of 12 megapixels need not be unpacked whole
            if picture.mode.startswith("I"):  # 16 bit: the upper half is kept
                return picture.point(lambda value: value / 256).convert("L").convert("RGBA"), original
            return picture.convert("RGBA"), original
    except Exception:  # noqa: BLE001 - decoders raise whatever they meet in a stranger's bytes
        return None


def card(ratio: Size = (16, 9)) -> tuple["Picture", Size]:
    """A neutral picture: a gradient under a grid, so that every movement shows.

    Args:
        ratio: Width and height, in any unit.
    """
    from PIL import Image, ImageDraw  # noqa: PLC0415 - the extra

    width, height = (round(640 * side / max(ratio)) for side in ratio)
    drawn = Image.linear_gradient("L").resize((width, height)).convert("RGBA")
    draw = ImageDraw.Draw(drawn)
    for step in range(0, 640, 40):
        draw.line([(step, 0), (step, height)], fill=(90, 110, 140))
        draw.line([(0, step), (width, step)], fill=(90, 110, 140))
    return drawn, drawn.size


def frame_size(original: Size, long_side: int) -> Size:
    """The longer side as asked, both even, as H.264's half-size colours want it."""
    scale = long_side / max(original)
    width, height = (max(2, round(side * scale / 2) * 2) for side in original)
    return width, height


def fitted(picture: "Picture", size: Size) -> "Picture":
    """A picture in RGB on white, cut to a frame's shape."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - the extra

    inside = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    return Image.alpha_composite(Image.new("RGBA", size, "white"), inside).convert("RGB")
