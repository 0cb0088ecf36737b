"""One file over HTTP: attempts, redirects and ranges, until all bytes are there.

Promises: a transfer that breaks goes on where it broke if the server has a validator for the file, and begins anew
otherwise; what arrives is never joined to bytes of another version; redirects, size and attempts are bounded; length and
kind are checked before the file counts as whole.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, ParamSpec, TypeAlias, TypeVar

import anyio
from attrs import define
from yarl import URL

from kling_async.errors import ConnectionFailedError, DownloadError, harmless
from kling_async.jobs.in_thread import in_thread
from kling_async.jobs.media import HEAD, MediaKind, fits_content_type, fits_head
from kling_async.jobs.partial import PartialFile
from kling_async.session import retry
from kling_async.session.http import FileAnswer, Transport

MAX_SIZE: Final = 4 * 1024**3
"""The largest result, in bytes."""

MAX_REDIRECTS: Final = 5
"""How many redirects of one attempt are followed."""

ATTEMPTS: Final = 6
"""How often a transfer is tried in all."""

_CHUNK: Final = 256 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")

logger: Final = logging.getLogger(__name__)

OnProgress: TypeAlias = Callable[[int, int | None], object]
"""Called with the bytes received so far and the whole length in bytes, None if the server does not tell it."""

P = ParamSpec("P")
T = TypeVar("T")


async def on_disk(target: Path, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a step on the disk in a thread.

    Raises:
        DownloadError: The disk refused; the text names the target, the cause is the OSError.
    """
    try:
        return await in_thread(function, *args, **kwargs)
    except OSError as error:
        said = f"{harmless(str(target), 400)} cannot be written: {error.strerror or error}"
        if error.filename not in {None, str(target), str(target.parent)}:
            said += f" ({harmless(str(error.filename), 400)})"
        raise DownloadError(said) from error
    except ValueError as error:
        raise DownloadError(f"{harmless(str(target), 400)} cannot be a path: {error}") from error


def continues(status: int, content_range: str, received: int, length: int | None) -> bool:
    """Tells whether an answer is the rest of a file.

    Args:
        status: The HTTP status.
        content_range: The `Content-Range` header.
        received: Bytes that are there already.
        length: The whole length in bytes that was announced before, if it was.
    """
    found = _RANGE.fullmatch(content_range.strip())
    if status != 206 or found is None or int(found[1]) != received:
        return False
    return length is None or found[2] == "*" or int(found[2]) == length


def next_hop(transport: Transport, url: URL, location: str) -> URL:
    """The URL that a redirect leads to.

    Raises:
        DownloadError: It is not one that a result may come from.
    """
    try:
        target = str(url.join(URL(location)))
    except ValueError:
        target = ""
    return transport.file_url(target, "a redirect of the result's URL")


@define
class Transfer:
    """A file's way from a URL into a partial file, over all its attempts."""

    transport: Transport
    """The seam to the network."""

    url: URL
    """URL of the file."""

    part: PartialFile
    """Where the bytes go; claimed and verified."""

    kind: MediaKind
    """What the file must be."""

    on_progress: OnProgress | None
    """Told as bytes arrive."""

    http_status: int | None = None
    """The last answer's HTTP status."""

    async def run(self) -> None:
        """Fetches what is missing.

        Raises:
            DownloadError: The file cannot be had, is of another kind, or the disk refused.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._attempt()
                break
            except ConnectionFailedError as error:
                if attempt == ATTEMPTS:
                    message = f"the transfer broke {ATTEMPTS} times: {error}"
                    raise DownloadError(message, http_status=self.http_status) from error
                wait = retry.wait_before(attempt, error, random.random) or 0.0
                logger.info(
                    "download broke at %d bytes, again in %.1f s: %s", self.part.received, wait, error
                )
            await anyio.sleep(wait)
        self._check()

    async def _attempt(self) -> None:
        headers = {"Accept-Encoding": "identity"}
        if self.part.received and self.part.validator is not None:
            headers |= {"Range": f"bytes={self.part.received}-", "If-Range": self.part.validator}
        url = self.url
        for _ in range(MAX_REDIRECTS + 1):
            async with self.transport.file(url, headers) as response:
                if response.http_status not in _REDIRECTS:
                    await self._receive(response)
                    return
                url = next_hop(self.transport, url, response.headers.get("Location", ""))
        raise DownloadError(f"more than {MAX_REDIRECTS} redirects")

    async def _receive(self, response: FileAnswer) -> None:
        self.http_status = response.http_status
        if response.http_status in _BUSY:
            raise ConnectionFailedError(f"the file server answered HTTP {response.http_status}", sent=True)
        if response.http_status == 416 and self.part.received:  # the file has become shorter
            await self._begin_anew("the file server does not have the rest of the file")
        if response.http_status not in {200, 206}:
            said = harmless((await response.read(400)).decode("utf-8", "replace"))
            raise DownloadError(
                f"the file server answered HTTP {response.http_status}: {said}",
                http_status=response.http_status,
            )
        self._check_headers(response)
        if response.http_status == 206:
            await self._check_rest(response.headers)
        else:
            await on_disk(self.part.target, self.part.restart, response.length, _validator(response.headers))
        await self._take(response)

    def _check_headers(self, response: FileAnswer) -> None:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise DownloadError(
                f"the file server compressed the {self.kind}, though it was asked not to",
                http_status=response.http_status,
            )
        if not fits_content_type(self.kind, response.content_type):
            raise DownloadError(
                f"the file server sent {harmless(response.content_type)}, which is not a file of kind {self.kind}",
                http_status=response.http_status,
            )

    async def _check_rest(self, headers: Mapping[str, str]) -> None:
        part = self.part
        fits = continues(206, headers.get("Content-Range", ""), part.received, part.length)
        if not fits or _validator(headers) not in {None, part.validator}:
            await self._begin_anew("the file server sent another range or version than was asked for")

    async def _begin_anew(self, reason: str) -> None:
        await on_disk(self.part.target, self.part.restart, None, None)
        raise ConnectionFailedError(reason, sent=True)

    async def _take(self, response: FileAnswer) -> None:
        part = self.part
        while chunk := await response.read(_CHUNK):
            if part.received + len(chunk) > MAX_SIZE:
                raise DownloadError(f"the file is larger than {MAX_SIZE} bytes")
            await on_disk(part.target, part.write, chunk)
            if self.on_progress is not None:
                self.on_progress(part.received, part.length)
        if part.length is not None and part.received < part.length:
            raise ConnectionFailedError(f"{part.received} of {part.length} bytes arrived", sent=True)

    def _check(self) -> None:
        part = self.part
        if part.length is not None and part.received != part.length:
            raise DownloadError(f"{part.received} bytes arrived, {part.length} were announced")
        if not fits_head(self.kind, part.head):
            shown = harmless(repr(part.head[: HEAD // 2]))
            raise DownloadError(f"the file cannot be of kind {self.kind}; it begins with {shown}")


def _validator(headers: Mapping[str, str]) -> str | None:
    """The header with which the rest of the same version can be asked for: a strong ETag, else Last-Modified."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")
