"""The watermark: a dark band with the emulator's name across the lower right corner, in Pillow."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

WORDS = "KLING EMULATOR"


def marked(picture: "Picture") -> "Picture":
    """Copies a picture in RGB with the watermark on it."""
    from PIL import ImageDraw  # noqa: PLC0415 - the extra

    copy = picture.copy()
    draw = ImageDraw.Draw(copy)
    left, top, right, bottom = draw.textbbox((0, 0), WORDS)
    width, height = copy.size
    corner = (width - (right - left) - 10, height - (bottom - top) - 10)
    draw.rectangle((corner[0] - 4, corner[1] - 2, width, height), fill="black")
    draw.text((corner[0], corner[1] - top), WORDS, fill="white")
    return copy
