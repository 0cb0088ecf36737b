"""Pictures for benchmarks: of the size asked for, of no interest to anybody."""

import os
import struct
import zlib
from pathlib import Path
from typing import Any

URL = "https://example.com/still.jpg"
SMALL, LARGE = 100_000, 10_000_000


def png(size: int) -> bytes:
    """A PNG of so many bytes; all but its header and its end is noise, which nobody decodes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1920, 1080, 8, 2, 0, 0, 0))
    end = chunk(b"IEND", b"")
    return header + chunk(b"IDAT", os.urandom(size - len(header) - len(end) - 12)) + end


def of_form(form: str, folder: Path) -> Any:
    """A picture of 100 KB as "bytes" or as a "path" in the folder, or the "url" of one."""
    if form == "url":
        return URL
    data = png(SMALL)
    if form == "bytes":
        return data
    path = folder / "picture.png"
    path.write_bytes(data)
    return path
