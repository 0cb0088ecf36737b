"""A request's body as a test compares it: plain values, and pictures as their bytes with a short repr.

Pure. Nothing is read before it is asked for.
"""

import json
from typing import Any

from typing_extensions import override

from kling_async.emulator.videos.pictures import inspect, read_header

STARTS = ("iVBORw0KGgo", "/9j/")
"""How PNG and JPEG begin in base64."""


class SentPicture(bytes):
    """The decoded bytes of a picture; equal to the file's. Its repr shows format and size only."""

    @override
    def __repr__(self) -> str:
        header = read_header(self)
        kind = "" if header is None else f"{header.format} "
        size = "" if header is None or header.width is None else f"{header.width}x{header.height}, "
        return f"<SentPicture {kind}{size}{len(self)} bytes>"


def sent_body(raw: bytes) -> Any:
    """Reads a body: JSON with its pictures decoded; other bodies as text."""
    try:
        return _decoded(json.loads(raw))
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if isinstance(value, str) and value.startswith(STARTS):
        picture = inspect("", value)
        if picture.header is not None and picture.data is not None:
            return SentPicture(picture.data)
    return value
