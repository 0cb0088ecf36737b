"""Whether a file that arrives can be the kind of result that was asked for. Pure: headers and first bytes in, a verdict out.

Promises: an error page, JSON, text or a picture is never taken for a video; a container that is not known here is.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

MediaKind: TypeAlias = Literal["video", "image", "audio"]
"""What a result is."""

HEAD: Final = 64
"""How many of a file's first bytes are needed to judge it."""

_TEXTUAL: Final = ("json", "xml", "html")
_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG"
_NEITHER_VIDEO_NOR_AUDIO: Final = (b"<", b"{", b"[", _PNG, _JPEG, b"GIF8", b"%PDF", b"PK")


def fits_content_type(kind: MediaKind, content_type: str) -> bool:
    """Tells whether a `Content-Type` does not speak against the kind; file servers often send a general one."""
    said = content_type.lower()
    if said.startswith("text/") or said.endswith(_TEXTUAL):
        return False
    return kind == "image" or not said.startswith("image/")


def fits_head(kind: MediaKind, head: bytes) -> bool:
    """Tells whether a file can be of the kind by its first bytes.

    Args:
        kind: A picture is JPEG, PNG or WebP. A video or a sound is any binary file that is not empty, text or a picture:
            there are more containers than a client should have to know.
        head: The first `HEAD` bytes, or the whole file if it is shorter.
    """
    if kind == "image":
        return head.startswith((_JPEG, _PNG)) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
    start = head.lstrip()[:16]
    return bool(start) and not start.startswith(_NEITHER_VIDEO_NOR_AUDIO)
