"""What a picture's own structure says: format, stored size, and whether the file is whole.

Promises: no I/O and no decoding of pixels; total and bounded, whatever the bytes are. A file counts as cut off only if
walking its structure (JPEG segments and scans, PNG chunks) runs past its end before the end marker and there is none
behind that place either; data behind the end marker is allowed, because phones append videos and tools append zeros. Stored pixels count: an EXIF rotation is not
applied, because the service's masks and points are in stored pixels too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from attrs import frozen

BLOCK: Final = 256 * 1024
"""Largest number of bytes that the walk reads at a time."""

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""Reads from the picture: offset and length in bytes; returns fewer bytes at the picture's end."""

_MOST_STEPS: Final = 20_000  # segments or chunks of one picture; honest files have tens, or a few thousand
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_PNG_END: Final = b"\0\0\0\0IEND\xaeB`\x82"
_JPEG_START: Final = b"\xff\xd8\xff"
_JPEG_FRAMES: Final = frozenset(  # SOFn, without DHT, JPG and DAC
    bytes([marker]) for marker in range(0xC0, 0xD0) if marker not in {0xC4, 0xC8, 0xCC}
)
_JPEG_BARE: Final = frozenset(bytes([marker]) for marker in (0x01, 0xD8))  # markers without a length
_JPEG_END: Final = b"\xd9"
_MARKER: Final = re.compile(
    rb"\xff[^\x00\xff\xd0-\xd7]"
)  # not a stuffed byte, a fill byte or a restart of a scan


@frozen
class PictureHeader:
    """What a picture's first bytes say."""

    format: Literal["PNG", "JPEG"]
    """Format by the bytes, not by the file's name."""

    width: int
    """Stored width in pixels."""

    height: int
    """Stored height in pixels."""


@frozen
class PictureFacts:
    """All that rules can ask of one picture."""

    size: int
    """Length of the file in bytes."""

    header: PictureHeader | None
    """None if the bytes are neither a JPEG nor a PNG, or end within the header."""

    complete: bool = True
    """False if the file's own structure proves that it was cut off before its end marker."""


def examine(size: int, read_at: ReadAt) -> PictureFacts:
    """Walks a picture's structure.

    Args:
        size: Length of the file in bytes.
        read_at: Reads from it, at most `BLOCK` bytes at a time.
    """
    start = read_at(0, 24)
    if start.startswith(_PNG_START):
        if len(start) < 24 or start[12:16] != b"IHDR":
            return PictureFacts(size, None)
        header = PictureHeader("PNG", int.from_bytes(start[16:20]), int.from_bytes(start[20:24]))
        return PictureFacts(size, header, _png_is_whole(size, read_at))
    if start.startswith(_JPEG_START):
        found, complete = _walk_jpeg(size, read_at)
        return PictureFacts(size, found, complete)
    return PictureFacts(size, None)


def examine_bytes(data: bytes) -> PictureFacts:
    """Walks the structure of a picture in memory."""
    return examine(len(data), lambda offset, length: data[offset : offset + length])


def _png_is_whole(size: int, read_at: ReadAt) -> bool:
    at = len(_PNG_START)
    for _ in range(_MOST_STEPS):
        start = read_at(at, 8)
        if len(start) < 8:
            return False
        name = start[4:]
        if not name.isalpha():  # not a chunk: the file is damaged, which does not prove that it is cut
            return True
        begun, at = at, at + 12 + int.from_bytes(start[:4])
        if at > size:
            return _stands_behind(_PNG_END, begun, read_at)
        if name == b"IEND":
            return True
    return True


def _walk_jpeg(size: int, read_at: ReadAt) -> tuple[PictureHeader | None, bool]:
    """The header, and False if the file ends before its end marker."""
    header, at = None, 2
    for _ in range(_MOST_STEPS):
        if header is None and read_at(at, 1) not in {b"\xff", b""}:
            return None, True  # not a JPEG
        at, start = _next_marker(at, read_at)
        marker, length = start[1:2], int.from_bytes(start[2:4])
        if marker == _JPEG_END:
            return header, True
        if marker in _JPEG_BARE:
            at += 2
            continue
        if len(start) == 9 and length < 2:  # no segment is as short: damaged
            return header, True
        if marker in _JPEG_FRAMES and header is None and len(start) == 9:
            header = PictureHeader("JPEG", int.from_bytes(start[7:9]), int.from_bytes(start[5:7]))
        begun, at = at, at + 2 + length
        if at > size or len(start) < 4:
            return header, _stands_behind(b"\xff" + _JPEG_END, begun, read_at)
    return header, True


def _stands_behind(mark: bytes, at: int, read_at: ReadAt) -> bool:
    """Returns whether an end marker stands behind a length that leads out of the file: then the length is damaged."""
    while len(block := read_at(at, BLOCK)) >= len(mark):
        if mark in block:
            return True
        at += len(block) - len(mark) + 1
    return False


def _next_marker(at: int, read_at: ReadAt) -> tuple[int, bytes]:
    """Offset of the first marker at or behind `at`, and its first 9 bytes; fewer at the file's end, or none."""
    start = read_at(at, 9)
    if _MARKER.match(start):
        return at, start
    length = 4096  # grows, so that short scans cost little and long ones few reads
    while len(block := read_at(at, length)) > 1:  # a scan, or damage between segments
        found = _MARKER.search(block)
        if found is not None:
            return at + found.start(), read_at(at + found.start(), 9)
        at += len(block) - 1  # a marker can lie across two blocks
        length = min(4 * length, BLOCK)
    return at, b""
