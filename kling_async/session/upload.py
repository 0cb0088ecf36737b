"""A create's body: pictures are examined before it is sent, and read, encoded and sent in slices.

Promises: a file's bytes are never held beyond one slice; no step holds the event loop for longer than one slice takes
to encode; the body's length is known exactly before the first byte is sent. Files are read in worker threads.
"""

from __future__ import annotations

import binascii
import os
import stat
from base64 import b64encode
from collections.abc import AsyncGenerator, Hashable, Iterable, Iterator, Mapping
from contextlib import aclosing
from io import RawIOBase
from typing import Any, Final, Protocol, Self

from anyio import to_thread
from attrs import field, frozen

from kling_async.errors import Problem, ValidationError
from kling_async.schema import rules, wire
from kling_async.schema.images import (
    ImageBase64,
    ImageBytes,
    ImageFile,
    LocalImage,
    Picture,
    decoded_length,
)
from kling_async.schema.picture_facts import PictureFacts, examine, examine_bytes

SLICE: Final = 96 * 1024
"""Number of bytes of a picture that are encoded and sent at a time; a multiple of 3, so that slices join unpadded."""


@frozen
class Upload:
    """A body that is ready to be sent, any number of times."""

    pieces: tuple[bytes | LocalImage, ...] = field(repr=False)
    """The JSON text, with each picture in its place."""

    sizes: tuple[int, ...]
    """Length of each piece on the wire, in bytes."""

    @property
    def length(self) -> int:
        """Length of the body in bytes, for `Content-Length`."""
        return sum(self.sizes)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yields the body, slice by slice.

        Raises:
            ValidationError: A file cannot be read, or its length has changed since it was examined.
        """
        for piece, size in zip(self.pieces, self.sizes, strict=True):
            if isinstance(piece, bytes):
                yield piece
                continue
            left = size
            try:
                async with aclosing(_encoded(piece)) as texts:
                    async for text in texts:
                        left -= len(text)
                        if left < 0:
                            break
                        yield text
            except OSError as error:
                raise ValidationError([Problem(str(piece), f"cannot be read: {error.strerror}")]) from None
            if left:
                raise ValidationError([Problem(str(piece), "changed while it was being sent")])


class Request(Protocol):
    """What a job needs to know of its request, whatever the endpoint."""

    @property
    def external_task_id(self) -> str | None:
        """The caller's id; None if there is none yet."""
        ...

    @property
    def model(self) -> str | None:
        """The model's name, for events; None if the request leaves it to the service or has no such field."""
        ...

    @property
    def kind(self) -> Hashable:
        """What decides how long a job takes; jobs of one kind share a schedule that learns."""
        ...

    def pictures(self) -> Iterator[tuple[str, Picture]]:
        """Yields every picture with its field's path."""
        ...

    def picture_problems(self, facts: Mapping[str, PictureFacts]) -> Iterator[Problem]:
        """Yields every rule on the pictures' bytes that is broken.

        Args:
            facts: What is known of each picture whose bytes are at hand, by its field's path.
        """
        ...

    def with_external_task_id(self, external_id: str) -> Self:
        """Returns the same request under another external id."""
        ...

    def document(self) -> dict[str, Any]:
        """Returns the wire form as a mapping; pictures at hand stay the objects that `pictures` yields."""
        ...


async def prepare(request: Request) -> Upload:
    """Examines every picture at hand and lays out the body.

    Args:
        request: The request, with its external id.

    Raises:
        ValidationError: Every rule on a picture's bytes that is broken, and files that cannot be read.
    """
    facts: dict[str, PictureFacts] = {}
    problems: list[Problem] = []
    for path, picture in request.pictures():
        if isinstance(picture, LocalImage):
            seen = await to_thread.run_sync(_examine, path, picture)
            if isinstance(seen, Problem):
                problems.append(seen)
            else:
                facts[path] = seen
    rules.raise_any([*problems, *request.picture_problems(facts)])
    pieces = tuple(_joined(wire.body_pieces(request.document())))
    sizes_by_picture = {
        id(picture): _text_length(facts[path].size) for path, picture in request.pictures() if path in facts
    }
    sizes = tuple(len(p) if isinstance(p, bytes) else sizes_by_picture[id(p)] for p in pieces)
    return Upload(pieces, sizes)


def _joined(pieces: Iterable[bytes | LocalImage]) -> Iterator[bytes | LocalImage]:
    """Joins adjacent bytes, so that a body without pictures is one piece."""
    text = bytearray()
    for piece in pieces:
        if isinstance(piece, bytes):
            text += piece
        else:
            yield bytes(text)
            text.clear()
            yield piece
    yield bytes(text)


def _text_length(size: int) -> int:
    return (size + 2) // 3 * 4


def _examine(path: str, picture: LocalImage) -> PictureFacts | Problem:
    """Walks a picture's structure (and checks all of a base64 text); runs in a worker thread."""
    if isinstance(picture, ImageBytes):
        return examine_bytes(picture.data)
    if isinstance(picture, ImageBase64):
        return _examine_text(path, picture.text)
    try:
        with open(picture.path, "rb", opener=_open_without_waiting, buffering=0) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return Problem(path, f"{picture.path} is not a regular file")
            return examine(status.st_size, lambda offset, length: _read_at(file, offset, length))
    except OSError as error:
        return Problem(path, f"{picture.path} cannot be read: {error.strerror or error}")


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe without a writer would block


def _read_at(file: RawIOBase, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length) or b""


def _examine_text(path: str, text: str) -> PictureFacts | Problem:
    """Checks the whole text in slices, because a single decode of 10 MB would hold the interpreter for 40 ms."""
    step = _text_length(SLICE)
    if len(text) % 4 or text.endswith("==="):
        return Problem(path, f"is not base64: {len(text)} characters, but a multiple of 4 is needed")
    try:
        for start in range(0, len(text), step):
            part = text[start : start + step]
            binascii.a2b_base64(part, strict_mode=True)
            if "=" in part[:-2] or ("=" in part and start + step < len(text)):
                return Problem(path, "is not base64: it has padding before its end")
    except ValueError as error:  # binascii.Error is one
        return Problem(path, f"is not base64: {error}")

    def read_at(offset: int, length: int) -> bytes:
        first = offset // 3 * 4
        decoded = binascii.a2b_base64(text[first : first + _text_length(length) + 4])
        return decoded[offset % 3 :][:length]

    return examine(decoded_length(text), read_at)


async def _encoded(picture: LocalImage) -> AsyncGenerator[bytes, None]:
    """Yields a picture's base64 text in slices."""
    if isinstance(picture, ImageBase64):
        step = _text_length(SLICE)
        for start in range(0, len(picture.text), step):
            yield picture.text[start : start + step].encode("ascii")
    elif isinstance(picture, ImageBytes):
        view = memoryview(picture.data)
        for start in range(0, picture.size, SLICE):
            yield b64encode(view[start : start + SLICE])
    else:
        async with aclosing(_encoded_file(picture)) as texts:
            async for text in texts:
                yield text


async def _encoded_file(picture: ImageFile) -> AsyncGenerator[bytes, None]:
    # Opened on the loop, in microseconds: nobody would close a file that a thread opens for a cancelled task.
    file = picture.path.open("rb")
    try:
        while part := await to_thread.run_sync(file.read, SLICE):
            yield b64encode(part)
    finally:
        file.close()  # at once, also if the stream is abandoned
