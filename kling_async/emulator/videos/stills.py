"""The results' images: drawn from the request's picture, or one small fixed PNG."""

import io
import struct
import zlib

from kling_async.emulator.videos import opening
from kling_async.emulator.videos.mark import marked
from kling_async.emulator.videos.scene import Scene

SIDE = 480
"""Pixels of a drawn image's longer side."""


def flat(grey: int, side: int = 64) -> bytes:
    """A flat square PNG.

    Args:
        grey: 0–255.
        side: Pixels.
    """

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + bytes([grey]) * side) * side, 9))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


FIXED_IMAGE = flat(128)
FIXED_MARKED_IMAGE = flat(64)


def still(scene: Scene, index: int) -> bytes:
    """Draws image `index` (from 0) of a scene as PNG; each of a series has a tint of its own."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - the extra

    picture, original = opening.opened(scene.image) or opening.card(scene.ratio)
    image = opening.fitted(picture, opening.frame_size(original, SIDE))
    if index:
        tint = ImageOps.colorize(image.convert("L"), "black", f"hsl({40 * index}, 80%, 80%)")
        image = Image.blend(image, tint, 0.4)
    if scene.marked:
        image = marked(image)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
