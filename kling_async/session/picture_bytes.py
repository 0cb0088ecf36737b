"""A picture's bytes: examined before a create is sent, and encoded in slices while it is.

Promises: files are opened without waiting for another process, read in worker threads, and never held beyond one read; no
step on the event loop takes longer than encoding one slice. Small pictures cost one hop to a thread, or none if their
bytes are in memory, because a hop costs more than they do.
"""

from __future__ import annotations

import binascii
import os
import stat
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Iterable, Iterator
from io import RawIOBase
from typing import BinaryIO, Final

from anyio import to_thread

from kling_async.errors import Problem
from kling_async.schema.images import ImageBase64, ImageBytes, ImageFile, LocalImage, decoded_length
from kling_async.schema.picture_facts import PictureFacts, examine, examine_bytes

SLICE: Final = 48 * 1024
"""Number of bytes of a picture that are encoded and sent at a time; a multiple of 3, so that slices join unpadded."""

READ: Final = 6 * SLICE
"""Number of bytes that one hop to a thread reads of a large file."""

SMALL: Final = 256 * 1024
"""Size in bytes up to which a file is read at once, and a picture in memory examined on the loop, in under 1 ms."""


def encoded_length(size: int) -> int:
    """Returns the length of so many bytes in base64."""
    return (size + 2) // 3 * 4


async def examined(pictures: Iterable[tuple[str, LocalImage]]) -> dict[str, PictureFacts | Problem]:
    """Examines pictures, all files and large ones together in one worker thread.

    Args:
        pictures: The pictures with their fields' paths.

    Returns:
        By path, in the order given: what is known of each, or why nothing is.
    """
    given = dict(pictures)
    slow = {path: each for path, each in given.items() if isinstance(each, ImageFile) or each.size > SMALL}
    found = {path: _examined(path, each) for path, each in given.items() if path not in slow}
    if slow:
        found |= await to_thread.run_sync(_all_examined, slow)
    return {path: found[path] for path in given}


def _all_examined(pictures: dict[str, LocalImage]) -> dict[str, PictureFacts | Problem]:
    return {path: _examined(path, picture) for path, picture in pictures.items()}


def _examined(path: str, picture: LocalImage) -> PictureFacts | Problem:
    """Walks a picture's structure, and checks all of a base64 text."""
    if isinstance(picture, ImageBytes):
        return examine_bytes(picture.data)
    if isinstance(picture, ImageBase64):
        return _text_examined(path, picture.text)
    try:
        with open(picture.path, "rb", opener=_open_without_waiting, buffering=0) as file:
            return _file_examined(path, picture, file)
    except OSError as error:
        return Problem(path, f"{picture.path} cannot be read: {error.strerror or error}")


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe without a writer would block


def _file_examined(path: str, picture: ImageFile, file: RawIOBase) -> PictureFacts | Problem:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        return Problem(path, f"{picture.path} is not a regular file")
    if status.st_size <= SMALL:
        return examine_bytes(_read(file, status.st_size))

    def read_at(offset: int, length: int) -> bytes:
        file.seek(offset)
        return _read(file, length)

    return examine(status.st_size, read_at)


def _text_examined(path: str, text: str) -> PictureFacts | Problem:
    """Checks the whole text in slices, because a single decode of 10 MB would hold the interpreter for 40 ms."""
    step = encoded_length(SLICE)
    if len(text) % 4 or text.endswith("==="):
        return Problem(path, f"is not base64: {len(text)} characters, but a multiple of 4 is needed")
    try:
        for start in range(0, len(text), step):
            part = text[start : start + step]
            binascii.a2b_base64(part, strict_mode=True)
            time.sleep(0)  # lets the event loop's thread run, which else waits for up to 5 ms
            if "=" in part[:-2] or ("=" in part and start + step < len(text)):
                return Problem(path, "is not base64: it has padding before its end")
    except ValueError as error:  # binascii.Error is one
        return Problem(path, f"is not base64: {error}")

    def read_at(offset: int, length: int) -> bytes:
        first = offset // 3 * 4
        decoded = binascii.a2b_base64(text[first : first + encoded_length(length) + 4])
        return decoded[offset % 3 :][:length]

    return examine(decoded_length(text), read_at)


def encoded_slices(picture: ImageBytes | ImageBase64) -> Iterator[bytes]:
    """Yields the base64 text of a picture in memory, in slices."""
    if isinstance(picture, ImageBase64):
        step = encoded_length(SLICE)
        for start in range(0, len(picture.text), step):
            yield picture.text[start : start + step].encode("ascii")
    else:
        yield from _slices(picture.data)


def _slices(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), SLICE):
        yield b64encode(view[start : start + SLICE])


async def encoded_file(picture: ImageFile, length: int) -> AsyncGenerator[bytes, None]:
    """Yields the base64 text of a file, in slices.

    Args:
        picture: The file.
        length: Length of the text that is expected; a longer file is given up soon after it.

    Raises:
        OSError: The file cannot be read.
    """
    if length <= encoded_length(SMALL):
        for text in _slices(await to_thread.run_sync(_start_of, picture, length // 4 * 3 + 1)):
            yield text
        return
    # Opened on the loop, in microseconds: nobody would close a file that a thread opens for a cancelled task.
    file: BinaryIO = open(picture.path, "rb", opener=_open_without_waiting)  # noqa: ASYNC230, SIM115 - as said above, and closed below
    try:
        while part := await to_thread.run_sync(file.read, READ):
            for text in _slices(part):
                yield text
    finally:
        file.close()  # at once, also if the stream is abandoned


def _start_of(picture: ImageFile, length: int) -> bytes:
    with open(picture.path, "rb", opener=_open_without_waiting, buffering=0) as file:
        return _read(file, length)


def _read(file: RawIOBase, length: int) -> bytes:
    """Reads up to so many bytes; fewer at the file's end alone."""
    data = file.read(length) or b""
    while len(data) < length and (
        more := file.read(length - len(data))
    ):  # a network's file system may give less
        data += more
    return data
