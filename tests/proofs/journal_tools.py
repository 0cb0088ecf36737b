"""What the tests of the journal share: a picture that every rule accepts, and a subprocess' environment."""

import os
import struct
import zlib
from pathlib import Path

import kling_async


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(grey=0x80, side=300):
    """A flat grey PNG; another grey is another picture of the same size."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes((grey,)) * side) * side, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def environment(**more):
    """A subprocess' environment: the package that this process tests, and none of the machine's own keys."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("KLING_")}
    return {**ours, "PYTHONPATH": str(Path(kling_async.__file__).parents[1]), **more}
