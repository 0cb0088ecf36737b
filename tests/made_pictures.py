"""Pictures for tests: by hand where their size or bytes matter, by Pillow where their format does."""

import base64
import io
import struct
import zlib
from functools import cache

MEGABYTE = 1024 * 1024
"""As the API reference counts: 2**20 bytes."""

_HEAD = b"\x89PNG\r\n\x1a\n"


def chunk(kind, body):
    """A chunk of a PNG, with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@cache
def png(width=512, height=512, *, grey=0x80, padding=0):
    """A flat grey PNG; another grey is another picture, and `padding` bytes of text make it as large as wanted."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    text = chunk(b"tEXt", b"Comment\0" + b"x" * padding) if padding else b""
    pixels = zlib.compress((b"\0" + bytes((grey,)) * width) * height, 9)
    return _HEAD + header + text + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def png_of_size(size, width=512, height=512):
    """A PNG that is exactly `size` bytes long."""
    least = png(width, height, padding=1)
    return png(width, height, padding=1 + size - len(least))


@cache
def jpeg(width=512, height=512):
    """A JPEG's markers around a scan of nothing; enough for a header's reader."""
    frame = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x00" * 20
    return b"\xff\xd8\xff\xe0\x00\x04\x00\x00" + frame + scan + b"\xff\xd9"


def drawn(kind, width=512, height=512):
    """A picture by Pillow, of the format named."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 120, 40)).save(out, kind)
    return out.getvalue()


def b64(data):
    """Raw base64, as it travels."""
    return base64.b64encode(data).decode()
