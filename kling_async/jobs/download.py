"""A result onto the disk, whole or not at all.

Promises: the file's host gets no key; what arrives is written beside the target as `.part`, checked for its length and
for being a video, synced, and renamed in one step; a transfer that breaks goes on where it broke; https only (loopback
excepted), with bounded redirects, size and time. The target's name is the caller's, never the server's.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

import anyio
from aiohttp import ClientResponse
from anyio import to_thread
from attrs import define, field
from yarl import URL

from kling_async.errors import ConfigurationError, ConnectionFailedError, DownloadError, harmless
from kling_async.session import retry
from kling_async.session.http import Transport, check_url

MAX_SIZE: Final = 4 * 1024**3
"""The largest result, in bytes."""

MAX_SECONDS: Final = 3600.0
"""The longest download, in seconds."""

MAX_REDIRECTS: Final = 5
AT_ONCE: Final = 8
"""How many downloads of a client are under way at once."""

ATTEMPTS: Final = 6
"""How often a broken transfer is taken up again."""

_CHUNK: Final = 256 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")

_NO_VIDEOS: Final = (b"<", b"{", b"[", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"PK")

logger: Final = logging.getLogger("kling_async")

OnProgress = Callable[[int, int | None], object]
"""Called with the bytes received so far and the whole length, None where the server does not tell it."""


class Downloader:
    """Fetches results through a client's transport.

    Args:
        transport: The seam to the network.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._targets: set[Path] = set()
        self._places = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, url: str, target: Path, on_progress: OnProgress | None = None) -> str:
        """Downloads one result.

        Args:
            url: The video's address.
            target: Where the file shall be; an existing one is replaced.
            on_progress: Called as bytes arrive.

        Returns:
            The file's SHA-256, in hexadecimal digits.

        Raises:
            DownloadError: It could not be fetched whole, or is no video.
            ConfigurationError: The URL is not https, or the same target is being written already.
            OSError: The disk refused.
        """
        target = Path(target)
        if target in self._targets:
            raise ConfigurationError(f"{target} is being downloaded already")
        self._targets.add(target)
        part = target.with_name(target.name + ".part")
        try:
            async with self._places:
                file = await to_thread.run_sync(lambda: part.open("wb"))
                try:
                    transfer = _Transfer(
                        self._transport, check_url("the video's URL", url), file, on_progress
                    )
                    with anyio.fail_after(MAX_SECONDS):
                        await transfer.run()
                    await to_thread.run_sync(_finish, file, part, target)
                finally:
                    file.close()
                    part.unlink(missing_ok=True)
        except TimeoutError:
            raise DownloadError(f"{target}: not finished after {MAX_SECONDS:.0f} s") from None
        finally:
            self._targets.discard(target)
        return str(transfer.digest.hexdigest())


def _finish(file: BinaryIO, part: Path, target: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    part.replace(target)
    if os.name == "posix":
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # the rename itself is durable only now
        finally:
            os.close(directory)


@define
class _Transfer:
    """One download's state over all its attempts."""

    transport: Transport
    url: URL
    file: BinaryIO
    on_progress: OnProgress | None
    received: int = 0
    length: int | None = None
    validator: str | None = None
    head: bytes = b""
    http_status: int | None = None
    digest: Any = field(factory=hashlib.sha256)

    async def run(self) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._attempt()
                break
            except ConnectionFailedError as error:
                if attempt == ATTEMPTS:
                    message = f"the transfer broke {ATTEMPTS} times: {error}"
                    raise DownloadError(message, http_status=self.http_status) from error
                wait = retry.wait_before(attempt, error, random.random) or 0.0
                logger.info("download broke at %d bytes, again in %.1f s: %s", self.received, wait, error)
            await anyio.sleep(wait)
        self._check()

    async def _attempt(self) -> None:
        headers = {"Accept-Encoding": "identity"}
        if self.received and self.validator is not None:
            headers |= {"Range": f"bytes={self.received}-", "If-Range": self.validator}
        url = self.url
        for _ in range(MAX_REDIRECTS + 1):
            async with self.transport.file(url, headers) as response:
                if response.status not in _REDIRECTS:
                    await self._receive(response)
                    return
                url = _next_hop(url, response)
        raise DownloadError(f"more than {MAX_REDIRECTS} redirects")

    async def _receive(self, response: ClientResponse) -> None:
        self.http_status = response.status
        if response.status in {429, 500, 502, 503, 504}:
            raise ConnectionFailedError(f"the file server answered HTTP {response.status}", sent=True)
        if response.status not in {200, 206}:
            said = harmless((await response.content.read(400)).decode("utf-8", "replace"))
            raise DownloadError(
                f"the file server answered HTTP {response.status}: {said}", http_status=response.status
            )
        if not self._goes_on(response):
            await self._start_over(response)
        async for chunk in response.content.iter_chunked(_CHUNK):
            self.received += len(chunk)
            if self.received > MAX_SIZE:
                raise DownloadError(f"the file is larger than {MAX_SIZE} bytes")
            self.head = self.head or chunk[:64]
            await to_thread.run_sync(self._write, chunk)
            self._tell()
        if self.length is not None and self.received < self.length:
            raise ConnectionFailedError(f"{self.received} of {self.length} bytes arrived", sent=True)

    def _goes_on(self, response: ClientResponse) -> bool:
        """Whether the answer is the rest of what is there already."""
        found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        return response.status == 206 and found is not None and int(found[1]) == self.received

    async def _start_over(self, response: ClientResponse) -> None:
        if response.status == 206:
            self.validator = None
            raise ConnectionFailedError("the file server sent another range than was asked for", sent=True)
        self.received, self.head, self.digest = 0, b"", hashlib.sha256()
        await to_thread.run_sync(_empty, self.file)
        self.length = response.content_length
        etag = response.headers.get("ETag", "")
        strong = etag if etag.startswith('"') else None
        self.validator = strong or response.headers.get("Last-Modified")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise DownloadError(
                "the file server compressed the video, though it was asked not to", http_status=200
            )
        if not _can_be_video(response.content_type):
            raise DownloadError(
                f"the file server sent {harmless(response.content_type)}, not a video", http_status=200
            )

    def _write(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self.file.write(chunk)

    def _tell(self) -> None:
        if self.on_progress is not None:
            self.on_progress(self.received, self.length)

    def _check(self) -> None:
        if self.length is not None and self.received != self.length:
            raise DownloadError(f"{self.received} bytes arrived, {self.length} were announced")
        if not _starts_as_video(self.head):
            raise DownloadError(f"the file is no video; it begins with {harmless(repr(self.head[:24]))}")


def _empty(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


def _next_hop(url: URL, response: ClientResponse) -> URL:
    try:
        target = str(url.join(URL(response.headers.get("Location", ""))))
    except ValueError:
        target = ""
    return check_url("a redirect of the video's URL", target)


def _can_be_video(content_type: str) -> bool:
    kind = content_type.lower()
    return not (kind.startswith(("text/", "image/")) or kind.endswith(("json", "xml", "html")))


def _starts_as_video(head: bytes) -> bool:
    """Whether the first bytes can be a video's: any binary file but an empty one, text and pictures."""
    start = head.lstrip()[:16]
    return bool(start) and not start.startswith(_NO_VIDEOS)
