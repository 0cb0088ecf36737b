"""The seam to aiohttp: one request out, one answer in, and every foreign error made ours here and nowhere else.

Promises: redirects are never followed on API calls; creates go over connections that nobody used before; an answer is
read up to 8 MiB decompressed; the Authorization header goes to the base URL's origin alone, and no answer or error holds
its token, even if the server sent it back; whether a create's body can have left is known. No foreign exception is
chained: its frames may hold the header's bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any, Final

import aiohttp
from attrs import frozen
from yarl import URL

from kling_async._version import __version__
from kling_async.errors import (
    ConfigurationError,
    ConnectionFailedError,
    DownloadError,
    KlingError,
    MalformedResponseError,
    harmless,
)
from kling_async.schema.wire import MAX_ANSWER
from kling_async.session.addresses import check_url, is_loopback, is_public, literal_address
from kling_async.session.auth import BearerHeader
from kling_async.session.connections import Sessions
from kling_async.session.foreign import translate
from kling_async.session.redaction import Redaction
from kling_async.session.upload import Upload

CONNECT_TIMEOUT: Final = 15.0
"""Seconds for a connection to be made."""

READ_TIMEOUT: Final = 30.0
"""Seconds for a whole poll, for a create without its body, or between two pieces of a file."""

SECONDS_PER_MB: Final = 4.0
"""Seconds by which a create's deadline grows with each megabyte of its body."""


@frozen
class Answer:
    """What came back."""

    http_status: int
    """The HTTP status."""

    headers: Mapping[str, str]
    """The headers; names in any case."""

    body: bytes
    """The body, decompressed."""


class FileAnswer:
    """A file server's answer, whose body is still to come.

    Args:
        response: aiohttp's answer.
        translate_error: Makes an error of this library from a foreign one.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, translate_error: Callable[[Exception], KlingError]
    ) -> None:
        self._response = response
        self._translate = translate_error
        self.http_status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self.content_type: str = response.content_type
        self.length: int | None = response.content_length

    async def read(self, size: int) -> bytes:
        """Reads what has arrived, at most `size` bytes; nothing at the end of the body.

        Raises:
            ConnectionFailedError: The transfer broke.
            ConfigurationError: The client was closed.
        """
        try:
            return await self._response.content.read(size)
        except Exception as error:  # noqa: BLE001 - translated below, outside the handler, so that none is chained
            failure = self._translate(error)
        raise failure

    def break_off(self) -> None:
        """Ends the read that is under way, and each later one, with an error; aiohttp leaves it without an end."""
        self._response.content.set_exception(aiohttp.ClientConnectionError("the client was closed"))


class Transport:
    """Sends requests to one base URL, over sessions of its own or one of the caller's.

    Args:
        base_url: URL of the service.
        session: The caller's session for calls; it is neither configured nor closed. Creates take no connection from
            its pool. Files come over it only if private addresses are allowed (`private_downloads`, or a base URL on
            loopback); otherwise they come over a session of our own that knows nothing of the caller's connector,
            and goes through the environment's proxy if the caller's session has `trust_env`.
        private_downloads: Allows results on addresses that are not public. They are always allowed if the base URL
            is on loopback. Plain http stays for loopback hosts under a base URL on loopback.
        trace_configs: aiohttp's traces for the sessions that are opened here. They see requests as aiohttp shows
            them; the Authorization header's repr is masked.
        trust_env: Whether the sessions that are opened here go through the environment's proxy.
    """

    def __init__(
        self,
        base_url: URL,
        session: aiohttp.ClientSession | None = None,
        *,
        private_downloads: bool = False,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        trust_env: bool = False,
    ) -> None:
        self.base_url = base_url
        self._base = str(base_url).rstrip("/")
        self._redaction: tuple[BearerHeader | None, Redaction] = (None, Redaction(""))
        self._public_only = not (private_downloads or is_loopback(base_url))
        self._sessions = Sessions(
            session, public_only=self._public_only, trace_configs=trace_configs, trust_env=trust_env
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._open_files: dict[FileAnswer, None] = {}

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that the client belongs to; None before its first use."""
        return self._loop

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

    async def get(self, path: str, bearer: BearerHeader, params: Mapping[str, str] | None = None) -> Answer:
        """Sends one poll.

        Args:
            path: The path, percent-encoded.
            bearer: The Authorization header.
            params: The query's parameters.

        Raises:
            ConnectionFailedError: No answer, or half of one.
            MalformedResponseError: The answer is too large.
            ConfigurationError: The client is closed or belongs to another event loop.
        """
        self.claim()
        options = {"params": params, "timeout": _timeout(READ_TIMEOUT), **self._sessions.proxy(self.base_url)}
        return await self._send(self._sessions.for_reads(), "GET", path, bearer, options, lambda: True)

    async def post(self, path: str, bearer: BearerHeader, upload: Upload) -> Answer:
        """Sends one create, over a connection of its own; raises as `get` does.

        Whether something can have left is told by the body's generator: aiohttp starts it after the connection is made
        (TLS included) and before it writes anything of the body. As long as it was not started no byte of the body has
        left, and no task can come of it, whatever the exception is called.
        """
        self.claim()
        body = _Body(upload)
        session, options = self._sessions.for_creates()
        options |= self._sessions.proxy(self.base_url)
        options |= {
            "data": body.stream(),
            "headers": {"Content-Length": str(upload.length)},
            "timeout": _timeout(READ_TIMEOUT + SECONDS_PER_MB * upload.length / 1e6),
        }
        try:
            return await self._send(session, "POST", path, bearer, options, lambda: body.started)
        except ConnectionFailedError:
            if body.broken is None:
                raise
        raise body.broken  # half a body was sent, from which nothing can be created

    async def _send(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        bearer: BearerHeader,
        options: dict[str, Any],
        sent: Callable[[], bool],
    ) -> Answer:
        url = URL(self._base + path, encoded=True)
        redaction = self._redaction_of(bearer)
        headers = {
            "Authorization": bearer,
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"kling-async/{__version__}",
            **options.pop("headers", {}),
        }
        options |= {"headers": headers, "allow_redirects": False, "raise_for_status": False}
        try:
            answer = await _exchange(session.request(method, url, **options), redaction)
        except KlingError:
            raise
        except Exception as error:  # noqa: BLE001 - translated below, outside the handler, so that none is chained
            answer = translate(error, url, sent=sent(), redact=redaction.text)
        if isinstance(answer, KlingError):
            raise answer
        return answer

    def _redaction_of(self, bearer: BearerHeader) -> Redaction:
        if self._redaction[0] is not bearer:
            self._redaction = bearer, Redaction(bearer)
        return self._redaction[1]

    def file_url(self, text: str, what: str = "the result's URL") -> URL:
        """Reads the URL of a file; each hop of a redirect goes through it.

        Args:
            text: The URL as the service or a redirect gave it.
            what: The thing that the text is, for the error.

        Raises:
            DownloadError: The URL is neither https nor http on loopback under a base URL on loopback, or its host is
                an address that is not public while only public ones are allowed.
        """
        try:
            url = check_url(what, text)
        except ConfigurationError as error:
            raise DownloadError(str(error)) from None
        if url.scheme == "http" and not is_loopback(self.base_url):
            raise DownloadError(
                f"{what} is plain http on loopback, which is for clients whose base_url is on loopback"
            )
        address = literal_address(url.raw_host or "")
        refused = is_loopback(url) if address is None else not is_public(address)
        if self._public_only and refused:
            raise DownloadError(
                f"{what} is on {harmless(url.host or '')}, which is not a public address; "
                "private_downloads=True allows it"
            )
        return url

    @asynccontextmanager
    async def file(self, url: URL, headers: Mapping[str, str]) -> AsyncIterator[FileAnswer]:
        """Opens a result's file: no Authorization header, no redirect followed.

        Args:
            url: The file's URL, as `file_url` read it.
            headers: The request's headers.

        Raises:
            ConnectionFailedError: The file server gave no answer.
            DownloadError: The host has no public address.
            ConfigurationError: The client is closed or belongs to another event loop.
        """
        self.claim()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=READ_TIMEOUT)
        try:
            session, options = self._sessions.for_file(url)
            response = await session.get(
                url,
                headers=headers,
                allow_redirects=False,
                raise_for_status=False,
                timeout=timeout,
                **options,
            )
        except Exception as error:  # noqa: BLE001 - translated below, outside the handler, so that none is chained
            failure = self._file_error(error, url)
        else:
            answer = FileAnswer(response, lambda error: self._file_error(error, url))
            self._open_files[answer] = None
            try:
                async with response:
                    yield answer
            finally:
                del self._open_files[answer]
            return
        raise failure

    def _file_error(self, error: Exception, url: URL) -> KlingError:
        if self._closed:  # aiohttp has many errors for it
            return ConfigurationError("this client is closed")
        return translate(error, url, sent=True)

    async def aclose(self) -> None:
        """Closes the sessions that were opened here, and breaks off every file that is being read."""
        self._closed = True
        for answer in self._open_files:
            answer.break_off()
        await self._sessions.aclose()


class _Body:
    """A create's body that knows whether it was started and why it broke."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self.started = False
        self.broken: KlingError | None = None

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body, slice by slice."""
        try:
            async with aclosing(self._upload.stream()) as pieces:
                async for piece in pieces:
                    self.started = True
                    yield piece
        except KlingError as error:
            self.broken = error
            raise


def _timeout(total: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_TIMEOUT)


async def _exchange(
    request: AbstractAsyncContextManager[aiohttp.ClientResponse], redaction: Redaction
) -> Answer | KlingError:
    """Sends a request and reads its answer.

    An answer that is too large is returned as an error, not raised: this frame's locals show the headers as received.
    """
    async with request as response:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_ANSWER:
                response.close()
                said = f"the answer is larger than {MAX_ANSWER} bytes"
                return MalformedResponseError(said, http_status=response.status)
        return Answer(response.status, redaction.headers(response.headers), redaction.body(bytes(body)))
