"""Pictures in the forms that a request takes: file, bytes, URL and base64 text.

Promises: no I/O, except for the `read()` of an object that the caller hands over; a picture's repr shows kind, size and
origin, never its bytes. What the bytes say is found out in `picture_facts.py`.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from attrs import Factory, field, frozen
from yarl import URL

from kling_async.errors import Problem, ValidationError

BASE64_STARTS: Final = ("iVBORw0KGgo", "/9j/")
"""First characters of every PNG and JPEG in base64."""

_DATA_URL: Final = re.compile(r"data:[^,]*?;base64,", re.IGNORECASE)


def decoded_length(text: str) -> int:
    """Returns the length in bytes of the data that a base64 text encodes."""
    return len(text) // 4 * 3 - text[-2:].count("=")


@frozen
class ImageURL:
    """A picture that the service downloads itself; nothing about it can be checked here."""

    url: str
    """The http(s) URL, sent unchanged."""


@frozen
class ImageFile:
    """A picture on the disk; read in slices while its job is sent, and never kept in memory."""

    path: Path
    """Path of the file."""


@frozen
class ImageBytes:
    """A picture in memory."""

    data: bytes = field(repr=False)
    """The encoded file."""

    origin: str = "bytes"
    """Source of the bytes: `bytes`, or the name of the object that was read."""

    size: int = field(init=False, default=Factory(lambda self: len(self.data), takes_self=True))
    """Length of `data` in bytes."""


@frozen
class ImageBase64:
    """A picture as base64 text, without any prefix."""

    text: str = field(repr=False)
    """The base64 text, sent unchanged."""

    size: int = field(init=False, default=Factory(lambda self: decoded_length(self.text), takes_self=True))
    """Length in bytes of the file that the text encodes."""


LocalImage: TypeAlias = ImageFile | ImageBytes | ImageBase64
"""A picture whose bytes are at hand; it is sent as base64."""

Picture: TypeAlias = ImageURL | LocalImage
"""A picture in any of the forms that a request takes."""


class SupportsRead(Protocol):
    """An open binary file, or an object with the same `read()`."""

    def read(self) -> bytes:
        """Returns all bytes that are left."""
        ...


ImageInput: TypeAlias = Path | bytes | str | SupportsRead | Picture
"""A picture in any form that a request's picture fields accept."""


def to_image(value: object) -> Picture:
    """Converts a picture from any accepted form.

    Args:
        value: `pathlib.Path`, `bytes`, an http(s) URL or base64 as `str` (the prefix of a `data:` URL is taken
            off), an object with a `read()` that returns bytes, or one of this module's classes.

    Returns:
        One of `ImageURL`, `ImageFile`, `ImageBytes`, `ImageBase64`.

    Raises:
        ValidationError: The value is none of these; its problem has an empty path.
    """
    if isinstance(value, Picture):
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
        f"is {_kind(value)}; it must be a picture file, an http(s) URL or base64 text "
        "(in Python: pathlib.Path, bytes, str or an open binary file)"
    )


def _from_text(text: str) -> ImageURL | ImageBase64:
    if text[:5].lower() == "data:":
        text = without_prefix(text)
    elif "://" in text[:16]:
        return ImageURL(_checked_url(text))
    if any(map(str.isspace, text[:80])) or "\n" in text:  # MIME-style line breaks
        text = "".join(text.split())
    if text.startswith(BASE64_STARTS):
        return ImageBase64(text)
    shown = repr(text[:60] + "…" if len(text) > 60 else text)
    raise _refused(
        f"{shown} is neither an http(s) URL nor base64 of a JPEG or PNG (in Python, a file is given as pathlib.Path)"
    )


def without_prefix(text: str) -> str:
    """Takes the prefix off a `data:` URL; every other text passes unchanged.

    Raises:
        ValidationError: It is a `data:` URL of another encoding than base64; the problem has an empty path.
    """
    if text[:5].lower() != "data:":
        return text
    found = _DATA_URL.match(text)
    if found is None:
        raise _refused("is a data: URL without ';base64,'; only base64 is accepted")
    return text[found.end() :]


def _checked_url(text: str) -> str:
    if is_http_url(text):
        return text
    raise _refused(f"{text[:200]!r} is not an http(s) URL with a host")


def is_http_url(text: str) -> bool:
    """Returns whether the text is an absolute http or https URL with a host and without white space."""
    try:
        text.encode()
        url = URL(text)
        return url.scheme in {"http", "https"} and bool(url.host) and not re.search(r"\s", text)
    except ValueError:  # UnicodeError is one, and yarl reads a host only when asked for it
        return False


def _from_reader(reader: object) -> ImageBytes:
    read = reader.read  # type: ignore[attr-defined] # callable, as the caller saw
    if inspect.iscoroutinefunction(read):
        raise _refused("has an async read(); await it and pass the bytes")
    data = read()
    if not isinstance(data, bytes | bytearray | memoryview):
        raise _refused(f"has a read() that returned {_kind(data)}, not bytes; open the file in binary mode")
    return ImageBytes(bytes(data), origin=str(getattr(reader, "name", type(reader).__name__)))


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _refused(message: str) -> ValidationError:
    return ValidationError([Problem("", message)])
