"""The seam to aiohttp: one request out, one answer in, and every foreign error made ours here and nowhere else.

Promises: redirects are never followed on API calls; creates go over connections that nobody used before; an answer is
read up to 8 MiB decompressed; the Authorization header goes to the base URL's origin alone; whether a create's body
can have left is known. No foreign exception is chained: its frames may hold the header's bytes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

import aiohttp
from attrs import frozen
from yarl import URL

from kling_async._version import __version__
from kling_async.errors import (
    ConfigurationError,
    ConnectionFailedError,
    KlingError,
    MalformedResponseError,
    harmless,
)
from kling_async.schema.wire import MAX_ANSWER
from kling_async.session.auth import BearerHeader
from kling_async.session.upload import Upload

CONNECT_TIMEOUT: Final = 15.0
"""Seconds for a connection to be made."""

READ_TIMEOUT: Final = 30.0
"""Seconds for a whole look, or for a create without its body."""

SECONDS_PER_MB: Final = 4.0
"""Seconds by which a create's deadline grows with each megabyte of its body."""

_NEVER_CONNECTED: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
)
_PRINTABLE: Final = re.compile(r"[!-~]+")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@frozen
class Answer:
    """What came back."""

    http_status: int
    """The HTTP status."""

    headers: Mapping[str, str]
    """The headers; names in any case."""

    body: bytes
    """The body, decompressed."""


def check_url(name: str, text: str) -> URL:
    """An absolute https URL, or http on a loopback host.

    Raises:
        ConfigurationError: It is not; the text names the option.
    """
    try:
        # What is printable is kept to the letter: a signed URL may not be written in another way.
        url = URL(text, encoded=bool(_PRINTABLE.fullmatch(text)))
        host = url.host  # decoded only now, which can fail
        _ = url.explicit_port  # and so can this
    except (ValueError, TypeError):
        url, host = URL(), None
    if url.scheme not in {"http", "https"} or not host:
        raise ConfigurationError(f"{name} is {harmless(str(text))!r}; it must be an absolute https URL")
    if url.scheme == "http" and not is_loopback(url):
        raise ConfigurationError(
            f"{name} is plain http on {harmless(host)}; that is for loopback hosts alone, use https"
        )
    return url


def is_loopback(url: URL) -> bool:
    """Whether the URL's host is this machine by its name or address."""
    host = url.host or ""
    return host in _LOOPBACK or (host.startswith("127.") and host.replace(".", "").isdigit())


class Transport:
    """Sends requests to one base URL, over sessions of its own or one of the caller's.

    Args:
        base_url: Where the service is.
        session: The caller's session; it is neither configured nor closed. Without one, two are opened at the
            first request: one that keeps connections for looks, and one for creates that never reuses any,
            since a connection that the server has closed meanwhile would leave a create's outcome unknown.
    """

    def __init__(self, base_url: URL, session: aiohttp.ClientSession | None = None) -> None:
        self.base_url = base_url
        self._given = session
        self._own: dict[bool, aiohttp.ClientSession] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def claim(self) -> None:
        """Binds the client to the running event loop at its first use.

        Raises:
            ConfigurationError: It is closed, or belongs to another event loop.
        """
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ConfigurationError("this client is closed")
        if self._loop not in {None, loop}:
            raise ConfigurationError(
                "this client belongs to another event loop; make one client for each loop"
            )
        self._loop = loop

    def _session(self, *, fresh: bool) -> aiohttp.ClientSession:
        self.claim()
        if self._given is not None:
            return self._given
        if fresh not in self._own:
            self._own[fresh] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=fresh),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._own[fresh]

    async def get(self, path: str, bearer: BearerHeader, params: Mapping[str, str] | None = None) -> Answer:
        """Sends one look.

        Args:
            path: The path, percent-encoded.
            bearer: The Authorization header.
            params: The query's parameters.

        Raises:
            ConnectionFailedError: No answer, or half of one.
            MalformedResponseError: The answer is too large.
            ConfigurationError: The client is closed or belongs to another event loop.
        """
        options = {"params": params, "timeout": _timeout(READ_TIMEOUT)}
        return await self._send("GET", path, bearer, options, lambda: True, fresh=False)

    async def post(self, path: str, bearer: BearerHeader, upload: Upload) -> Answer:
        """Sends one create, over a connection of its own; raises as `get` does."""
        started = False
        broken: KlingError | None = None

        async def body() -> AsyncIterator[bytes]:
            nonlocal started, broken
            try:
                async with aclosing(upload.stream()) as pieces:
                    async for piece in pieces:
                        started = True
                        yield piece
            except KlingError as error:
                broken = error
                raise

        options = {
            "data": body(),
            "headers": {"Content-Length": str(upload.length)},
            "timeout": _timeout(READ_TIMEOUT + SECONDS_PER_MB * upload.length / 1e6),
        }
        try:
            return await self._send("POST", path, bearer, options, lambda: started, fresh=True)
        except ConnectionFailedError:
            if broken is None:
                raise
        raise broken  # half a body was sent, from which nothing can be created

    async def _send(
        self, method: str, path: str, bearer: BearerHeader, options: dict[str, Any], sent: Any, *, fresh: bool
    ) -> Answer:
        url = URL(str(self.base_url).rstrip("/") + path, encoded=True)
        headers = {
            "Authorization": bearer,
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"kling-async/{__version__}",
            **options.pop("headers", {}),
        }
        session = self._session(fresh=fresh)
        try:
            async with session.request(
                method, url, headers=headers, allow_redirects=False, raise_for_status=False, **options
            ) as response:
                body = await _read(response)
                return Answer(response.status, response.headers, body)
        except KlingError:
            raise
        except Exception as error:  # noqa: BLE001 - translated below, outside the handler, so that none is chained
            failure = translate(error, url, sent=bool(sent()))
        raise failure

    @asynccontextmanager
    async def file(self, url: URL, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """Opens a result's file: no Authorization header, no redirect followed.

        Raises:
            ConnectionFailedError: The file server gave no answer, or the transfer broke.
        """
        session = self._session(fresh=False)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=READ_TIMEOUT)
        try:
            async with session.get(
                url, headers=headers, allow_redirects=False, raise_for_status=False, timeout=timeout
            ) as response:
                yield response
                return
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = translate(error, url, sent=True)
        raise failure

    async def aclose(self) -> None:
        """Closes the sessions that were opened here."""
        self._closed = True
        while self._own:
            _, session = self._own.popitem()
            await session.close()


def _timeout(total: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_TIMEOUT)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            response.close()
            raise MalformedResponseError(
                f"the answer is larger than {MAX_ANSWER} bytes", http_status=response.status
            )
    return bytes(body)


def translate(error: Exception, url: URL, *, sent: bool) -> KlingError:
    """A foreign error as ours; the text names the host and the reason.

    Args:
        error: What aiohttp, or what lies below it, raised.
        url: Where the request went.
        sent: Whether some of the request's body can have left.
    """
    host = harmless(url.raw_authority.rpartition("@")[2] or str(url))
    if isinstance(error, _NEVER_CONNECTED):
        sent = False
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return ConfigurationError(f"the URL of {host} cannot be used: {type(error).__name__}")
    if isinstance(error, TimeoutError):
        return ConnectionFailedError(f"{host} did not answer in time", sent=sent)
    if isinstance(error, aiohttp.ClientError | OSError):
        reason = harmless(str(error).partition(" Connection<")[0]) or type(error).__name__
        return ConnectionFailedError(f"no whole answer from {host}: {reason}", sent=sent)
    return ConfigurationError(
        f"the request to {host} could not be made: {type(error).__name__}: {harmless(str(error))}"
    )
