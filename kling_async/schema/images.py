"""Pictures as the caller has them, and what can be said of one from its header.

Promises: no I/O and no decoding of pixels; the width, height and format come from the first bytes in about a
microsecond; a picture's repr shows kind, size and origin, never its bytes. Stored pixels count: an EXIF rotation
is not applied, because the service's masks and points are in stored pixels too.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from attrs import Factory, field, frozen
from yarl import URL

from kling_async.errors import Problem, ValidationError

_BASE64_STARTS: Final = ("iVBORw0KGgo", "/9j/")  # how PNG's and JPEG's first bytes read in base64
_DATA_URL: Final = re.compile(r"data:[^,]*?;base64,", re.IGNORECASE)


def decoded_length(text: str) -> int:
    """Length in bytes of what a base64 text stands for."""
    return len(text) // 4 * 3 - text[-2:].count("=")


@frozen
class ImageURL:
    """A picture that the service fetches itself; nothing about it can be checked here."""

    url: str
    """The http(s) address, sent as it is."""


@frozen
class ImageFile:
    """A picture on the disk; read when its job is about to be sent, in slices, and never kept."""

    path: Path
    """Where it is."""


@frozen
class ImageBytes:
    """A picture in memory."""

    data: bytes = field(repr=False)
    """The encoded file."""

    origin: str = "bytes"
    """Where the bytes came from: `bytes`, or the name of what was read."""

    size: int = field(init=False, default=Factory(lambda self: len(self.data), takes_self=True))
    """Length of `data` in bytes."""


@frozen
class ImageBase64:
    """A picture as base64 text, without any prefix."""

    text: str = field(repr=False)
    """The base64 text, as it will be sent."""

    size: int = field(init=False, default=Factory(lambda self: decoded_length(self.text), takes_self=True))
    """Length of the file that the text stands for, in bytes."""


LocalImage: TypeAlias = ImageFile | ImageBytes | ImageBase64
"""A picture whose bytes are at hand; it travels as base64."""

Image: TypeAlias = ImageURL | LocalImage
"""A picture in any of the forms that a request takes."""


class SupportsRead(Protocol):
    """An open binary file, or whatever reads like one."""

    def read(self) -> bytes:
        """All bytes that are left."""
        ...


ImageInput: TypeAlias = Path | bytes | str | SupportsRead | Image
"""What a request's picture fields accept."""


def to_image(value: object) -> Image:
    """Takes a picture in any form.

    Args:
        value: `pathlib.Path`, `bytes`, an http(s) URL or base64 as `str` (the prefix of a `data:` URL is taken
            off), an object with a `read()` that returns bytes, or one of this module's classes.

    Returns:
        One of `ImageURL`, `ImageFile`, `ImageBytes`, `ImageBase64`.

    Raises:
        ValidationError: The value is none of these; its problem has an empty path.
    """
    if isinstance(value, Image):
        return value
    if isinstance(value, Path):
        return ImageFile(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return ImageBytes(bytes(value))
    if isinstance(value, str):
        return _from_text(value)
    if callable(getattr(value, "read", None)):
        return _from_reader(value)
    raise _refused(
        f"is {_kind(value)}; give a pathlib.Path, bytes, an http(s) URL, base64 text or an open file"
    )


def _from_text(text: str) -> ImageURL | ImageBase64:
    if text[:5].lower() == "data:":
        found = _DATA_URL.match(text)
        if found is None:
            raise _refused("is a data: URL without ';base64,'; give base64 text")
        text = text[found.end() :]
    elif "://" in text[:16]:
        return ImageURL(_checked_url(text))
    if any(map(str.isspace, text[:80])) or "\n" in text:  # MIME-style line breaks
        text = "".join(text.split())
    if text.startswith(_BASE64_STARTS):
        return ImageBase64(text)
    shown = repr(text[:60] + "…" if len(text) > 60 else text)
    raise _refused(
        f"{shown} is neither an http(s) URL nor base64 of a JPEG or PNG; for a file give pathlib.Path(…)"
    )


def _checked_url(text: str) -> str:
    if is_http_url(text):
        return text
    raise _refused(f"{text[:200]!r} is not an http(s) URL with a host")


def is_http_url(text: str) -> bool:
    """Whether the text is an absolute http or https URL with a host and without white space."""
    try:
        text.encode()
        url = URL(text)
        return url.scheme in {"http", "https"} and bool(url.host) and not re.search(r"\s", text)
    except ValueError:  # UnicodeError is one, and yarl reads a host only when asked for it
        return False


def _from_reader(reader: object) -> ImageBytes:
    read = reader.read  # type: ignore[attr-defined] # callable, as the caller saw
    if inspect.iscoroutinefunction(read):
        raise _refused("has an async read(); await it and give the bytes")
    data = read()
    if not isinstance(data, bytes | bytearray | memoryview):
        raise _refused(f"has a read() that returned {_kind(data)}, not bytes; open the file in binary mode")
    return ImageBytes(bytes(data), origin=str(getattr(reader, "name", type(reader).__name__)))


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _refused(message: str) -> ValidationError:
    return ValidationError([Problem("", message)])
