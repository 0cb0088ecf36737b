"""The client: puts credentials, transport, slots and endpoints together.

Promises: nothing is opened before the first request; two clients share nothing; the environment is read here and in the
command line alone; the repr shows the host and a key's first characters.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, get_args

from typing_extensions import override

from kling_async.errors import ConfigurationError, TaskNotFoundError
from kling_async.image2video import Image2Video
from kling_async.jobs.download import Downloader, OnProgress
from kling_async.jobs.limiter import SlotLimiter
from kling_async.schema.capabilities import CapabilityCheck
from kling_async.schema.task import Video
from kling_async.session.auth import Secret, choose_signer
from kling_async.session.calls import Calls
from kling_async.session.http import Transport, check_url

if TYPE_CHECKING:
    import aiohttp

DEFAULT_BASE_URL: Final = "https://api.klingai.com"
"""The page's own host; keys of other regions need another, such as https://api-singapore.klingai.com."""


class KlingClient:
    """An asyncio client of the Kling AI API; use it as `async with KlingClient() as kling`.

    Args:
        access_key: With `secret_key`, signs a token for each request; else `KLING_ACCESS_KEY`.
        secret_key: Else `KLING_SECRET_KEY`.
        api_key: A static key instead of the pair; else `KLING_API_KEY`.
        base_url: Where the service is: https, or http on a loopback host; else `KLING_BASE_URL`, else
            `DEFAULT_BASE_URL`.
        max_in_flight: How many tasks may run at once over every `generate…` call of this client, 1 or more;
            None: no limit of our own. Can be changed while the client runs.
        capabilities: What to do about a request that the capability map does not allow: "error", "warn" or
            "off".
        submit_timeout: Seconds for one create in all, its retries and look-ups included.
        session: A session of the caller's; it is neither configured nor closed. Creates then go over its
            pooled connections too.
        clock: Wall-clock time in unix seconds; for tests.

    Raises:
        ConfigurationError: No usable credentials, URL or option; the text names the variable or argument.
    """

    def __init__(
        self,
        access_key: str | None = None,
        secret_key: str | None = None,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        max_in_flight: int | None = None,
        capabilities: CapabilityCheck = "error",
        submit_timeout: float = 300.0,
        session: aiohttp.ClientSession | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        secret, static = _hidden(secret_key), _hidden(api_key)
        del secret_key, api_key  # a traceback's locals shall not show them
        signer, self._shown_key = choose_signer(access_key, secret, static, os.environ, clock)
        url = base_url or os.environ.get("KLING_BASE_URL") or DEFAULT_BASE_URL
        if capabilities not in get_args(CapabilityCheck):
            raise ConfigurationError(f"capabilities is {capabilities!r}; it must be error, warn or off")
        if not submit_timeout > 0:
            raise ConfigurationError(f"submit_timeout is {submit_timeout!r}; it must be seconds above 0")
        self._transport = Transport(check_url("base_url (KLING_BASE_URL)", url), session)
        self._calls = Calls(self._transport, signer, clock)
        self._limiter = SlotLimiter(max_in_flight, self._calls.jitter)
        self._downloader = Downloader(self._transport)
        self.image2video = Image2Video(self._calls, self._limiter, submit_timeout, capabilities)
        """The image2video endpoint."""

    @override
    def __repr__(self) -> str:
        url = self._transport.base_url
        return (
            f"KlingClient(base_url={str(url.origin())!r}, key={self._shown_key!r}, slots={self._limiter!r})"
        )

    @property
    def max_in_flight(self) -> int | None:
        """How many tasks may run at once over every `generate…` call; may be changed while they run."""
        return self._limiter.limit

    @max_in_flight.setter
    def max_in_flight(self, limit: int | None) -> None:
        self._limiter.limit = limit

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends all waits and closes what was opened; a session of the caller's stays open."""
        await self.image2video.aclose()
        await self._transport.aclose()

    async def download(self, video: Video, path: Path, *, on_progress: OnProgress | None = None) -> Path:
        """Downloads a result onto the disk, whole or not at all.

        Args:
            video: The result; its URL is valid until 30 days after the task ended.
            path: The file to write; an existing one is replaced.
            on_progress: Called with the bytes so far and the whole length (None where not known).

        Returns:
            The path.

        Raises:
            DownloadError: It could not be fetched whole, or is no video.
            ConfigurationError: The URL is not https, or the path is being written already.
            OSError: The disk refused.
        """
        return await self._downloader.fetch(video.url, Path(path), on_progress)

    async def check_credentials(self) -> None:
        """Makes a free call, to see whether the keys work at this host.

        Raises:
            AuthenticationError: They do not; the text says what the service finds wrong.
            KlingError: The service could not be asked.
        """
        try:
            await self.image2video.get(f"credentials-check-{uuid.uuid4().hex}")
        except TaskNotFoundError:
            return  # so the keys were good enough to look


def _hidden(key: str | None) -> Secret | None:
    return Secret(key) if key else None
