"""A result onto the disk, whole or not at all.

Promises: the file's host gets no key; what arrives is written beside the target, checked for its length and its kind,
synced, and renamed in one step; a transfer that breaks, or whose process is killed, goes on where it broke; https only and
public addresses only (loopback excepted if the base URL is on loopback), with bounded redirects, size and time. The
target's name is the caller's, never the server's. Of two downloads to one target at a time at most one succeeds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

import anyio
from attrs import frozen

from kling_async.errors import DownloadError
from kling_async.jobs.media import MediaKind
from kling_async.jobs.partial import PartialFile
from kling_async.jobs.transfer import OnProgress, Transfer, on_disk
from kling_async.session.clock import now
from kling_async.session.http import Transport

MAX_SECONDS: Final = 3600.0
"""The longest download, in seconds."""

AT_ONCE: Final = 8
"""How many downloads of a client are under way at once."""


@frozen
class Fetched:
    """A result that is on the disk."""

    sha256: str
    """The file's digest, in hexadecimal digits."""

    size: int
    """The file's length in bytes."""

    seconds: float
    """How long the download took, the wait for its turn included."""

    resumed: int
    """How many of the bytes a killed download had left, 0 or more; they were not fetched again."""


Renew: TypeAlias = Callable[[DownloadError], Awaitable[str]]
"""Gives another URL of a result whose first one failed, or raises, such as the error that it was given."""


class Downloader:
    """Fetches results through a client's transport.

    Args:
        transport: The seam to the network.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._places = asyncio.Semaphore(AT_ONCE)

    async def check(self, target: Path) -> None:
        """Checks whether a download to the target can work, before anything is paid for.

        Raises:
            ConfigurationError: This system has no file locks.
            DownloadError: The folder does not exist or cannot be written to, or the target is not a file.
        """
        target = Path(target)
        await on_disk(target, PartialFile(target, "").inspect)

    async def fetch(
        self,
        url: str,
        target: Path,
        on_progress: OnProgress | None = None,
        *,
        kind: MediaKind = "video",
        result_id: str = "",
        renew: Renew | None = None,
    ) -> Fetched:
        """Downloads one result.

        Of two downloads to one target, whatever its spelling and whichever client or process they belong to, the
        second is refused, as is one whose target was replaced while it was under way: success means that the target
        holds this result. Until the end the bytes are in a hidden `.part` file beside the target, which is removed after
        an error or a cancellation. A process that is killed leaves it; the next download of the same result to the same
        target goes on from there, if the server has still the same file.

        Args:
            url: URL of the file.
            target: The file to write; an existing one is replaced, a link is replaced and not followed.
            on_progress: Called as bytes arrive.
            kind: What the file must be.
            result_id: What tells the result from others that may be written to the same target, and is the same
                when the result is asked for again; the URL if it is empty.
            renew: Asked once for another URL when this one fails; what was received so far is kept meanwhile.

        Raises:
            DownloadError: It could not be fetched whole, is of another kind, is on an address that is not allowed, or
                the disk refused (the cause is an OSError).
            ConfigurationError: The target is being written by another download, or was replaced meanwhile.
        """
        began = now()
        target = Path(target)
        part = PartialFile(target, f"{kind} {result_id or url}")
        await on_disk(target, part.inspect)
        transfer = Transfer(self._transport, self._transport.file_url(url), part, kind, on_progress)
        async with self._places:
            try:
                await on_disk(target, part.claim)
                while await on_disk(target, part.verify):
                    pass
                with anyio.move_on_after(MAX_SECONDS) as limit:
                    try:
                        await transfer.run()
                    except DownloadError as error:
                        if renew is None:
                            raise
                        transfer.url = self._transport.file_url(await renew(error))
                        await transfer.run()
                if limit.cancelled_caught:
                    raise DownloadError(f"{target} was not finished after {MAX_SECONDS:.0f} s")
                await on_disk(target, part.finish)
            finally:
                part.discard()
        return Fetched(part.sha256, part.received, now() - began, part.resumed)
