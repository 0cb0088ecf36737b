"""Pictures for the API reference's rules: by hand where their size or bytes matter, by Pillow where their format does."""

import base64
import io
import struct
import zlib

from PIL import Image

MEGABYTE = 1024 * 1024


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width=640, height=480, size=None):
    """A grey PNG; `size` makes the file exactly so many bytes long."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    start = b"\x89PNG\r\n\x1a\n" + header
    end = _chunk(b"IDAT", zlib.compress(b"\0" * (width + 1) * height)) + _chunk(b"IEND", b"")
    if size is None:
        return start + end
    text = b"Comment\0" + b"x" * (size - len(start) - len(end) - 12 - 8)
    return start + _chunk(b"tEXt", text) + end


def drawn(kind, width=640, height=480):
    """A picture by Pillow, of the format named."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 120, 40)).save(out, kind)
    return out.getvalue()


def b64(data):
    """Base64 as the API reference shows it."""
    return base64.b64encode(data).decode()
