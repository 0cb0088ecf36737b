"""Pictures and brushed regions as pixels, in Pillow.

Promises: a picture that cannot be decoded is None, whatever its bytes are; pixels are those that are stored, as the
service counts them, and an EXIF rotation is told but not applied.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Final

from attrs import frozen

from kling_async.errors import ConfigurationError

if TYPE_CHECKING:
    from PIL.Image import Image

ENOUGH: Final = 1600
"""Pixels of a side beyond which a JPEG need not be unpacked whole."""

FAINTEST: Final = 16
"""Pixels that are darker or more transparent than this, of 255, are not brushed: a JPEG's black is never quite black."""

NEAR: Final = 0.01
"""A path that starts this close to its region, in parts of the region's longer side, starts in it."""


@frozen
class Decoded:
    """A decoded picture."""

    pixels: Image
    """Its pixels in RGBA; fewer than are stored, if the picture is large."""

    width: int
    """Stored width in pixels."""

    height: int
    """Stored height in pixels."""

    rotated: bool = False
    """Whether its EXIF data ask viewers to turn or mirror it."""


def require_pillow() -> None:
    """Checks that Pillow is there.

    Raises:
        ConfigurationError: It is not; the text says what to install.
    """
    try:
        import PIL.Image  # noqa: F401, PLC0415 - the extra may be missing
    except ImportError:
        raise ConfigurationError('a preview needs Pillow: pip install "kling-async[emulator]"') from None


def decoded(data: bytes | None) -> Decoded | None:
    """Decodes a JPEG or PNG."""
    from PIL import Image  # noqa: PLC0415 - the extra, imported where it is used

    if data is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
                width, height = picture.size
                picture.draft(None, (ENOUGH, ENOUGH))
                rotated = picture.getexif().get(0x0112, 1) in range(2, 9)
                deep = picture.mode.startswith("I")  # 16 bit: the upper half is kept
                plain = picture.point(lambda value: value / 256).convert("L") if deep else picture
                return Decoded(plain.convert("RGBA"), width, height, rotated)
    except Exception:  # noqa: BLE001 - decoders raise whatever they meet in a stranger's bytes
        return None


def region_of(mask: Decoded) -> Image:
    """A mask as 8 bit: 255 where it is brushed, which is neither black nor transparent."""
    from PIL import ImageChops  # noqa: PLC0415 - the extra

    threshold = [0] * (FAINTEST + 1) + [255] * (255 - FAINTEST)
    red, green, blue, alpha = (band.point(threshold) for band in mask.pixels.split())
    return ImageChops.darker(ImageChops.lighter(ImageChops.lighter(red, green), blue), alpha)


def starts_in(region: Image, point: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether a path that begins at a point begins in a region, or as good as.

    Args:
        region: The region, of any resolution.
        point: The path's first point, in pixels of the first frame from the bottom left.
        size: The first frame's width and height.
    """
    across = (point[0] + 0.5) * region.width / size[0]
    down = (size[1] - 0.5 - point[1]) * region.height / size[1]
    reach = max(1.5, NEAR * max(region.size))
    box = tuple(round(each) for each in (across - reach, down - reach, across + reach, down + reach))
    left, top = max(0, box[0]), max(0, box[1])
    right, bottom = min(region.width, box[2]), min(region.height, box[3])
    return left < right and top < bottom and region.crop((left, top, right, bottom)).getbbox() is not None
