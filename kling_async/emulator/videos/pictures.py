"""Pictures as the API reference takes them: raw base64 or a URL; PNG or JPEG by their bytes.

Pure: reads headers and end markers, decodes no picture and fetches no URL. Sizes are the stored
pixels, whatever an EXIF orientation says.
"""

import binascii
from typing import Literal
from urllib.parse import urlsplit

import attrs

MAX_BYTES = 10 * 1024 * 1024
"""The API reference's 10 MB, counted on the decoded picture."""

MIN_SIDE = 300
"""The API reference's smallest width and height, in pixels."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA

Format = Literal["png", "jpeg"]


@attrs.frozen
class Header:
    """What a picture's bytes say of themselves."""

    format: Format
    width: int | None
    """Pixels; None if the bytes end too early to tell."""

    height: int | None
    complete: bool
    """Whether the end marker is there: PNG's IEND, JPEG's EOI."""


@attrs.frozen
class Picture:
    """One image field of a request, inspected."""

    path: str
    """The field's path, such as `dynamic_masks[0].mask`."""

    url: str | None = None
    prefixed: bool = False
    """Whether a `data:` prefix stands before the base64."""

    data: bytes | None = attrs.field(default=None, repr=False)
    """The decoded bytes; None for a URL and for what is not strict base64."""

    header: Header | None = None
    """None if the bytes are neither PNG nor JPEG."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels, if the bytes are at hand."""
        header = self.header
        if header is None or header.width is None or header.height is None:
            return None
        return header.width, header.height

    def summary(self) -> dict[str, object] | str:
        """The picture without its bytes: a URL as it is, else kind and size."""
        if self.url is not None:
            return self.url
        width, height = self.size or (None, None)
        kind = None if self.header is None else self.header.format
        return {"kind": kind, "bytes": len(self.data or b""), "width": width, "height": height}


def inspect(path: str, text: str) -> Picture:
    """Finds out what the text of an image field is."""
    if text[:5].lower() == "data:":
        return Picture(path, prefixed=True)
    if text[:8].lower().startswith(("http://", "https://")):
        return Picture(path, url=text)
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return Picture(path)
    return Picture(path, data=data, header=read_header(data))


def is_web_url(text: str) -> bool:
    """Whether the text is an absolute http(s) URL with a host and without blanks."""
    if not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def read_header(data: bytes) -> Header | None:
    """Format, size and completeness; None for bytes that are neither PNG nor JPEG."""
    if data.startswith(PNG_SIGNATURE):
        return _read_png(data)
    if data.startswith(JPEG_START):
        return _read_jpeg(data)
    return None


def _read_png(data: bytes) -> Header | None:
    if data[12:16] != b"IHDR"[: len(data[12:16])]:
        return None
    if len(data) < 24:
        return Header("png", None, None, complete=False)
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    return Header("png", width, height, complete=_png_ends(data))


def _png_ends(data: bytes) -> bool:
    """Walks the chunks to IEND; data after it is ignored."""
    at = len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] == b"IEND":
            return at + 12 + length <= len(data)
        at += 12 + length
    return False


def _read_jpeg(data: bytes) -> Header:
    """Walks the segments to the scan; after its start, EOI cannot be part of the picture's data."""
    width = height = None
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _FRAME_HEADERS and at + 9 <= len(data):
            height, width = int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == _START_OF_SCAN:
            return Header("jpeg", width, height, complete=JPEG_END in data[at:])
    return Header("jpeg", width, height, complete=False)
