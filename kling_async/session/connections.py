"""The aiohttp sessions of a client: which kind of request goes over which connection.

Promises: a create goes over a connection that nobody used before, in a session of the caller's as well; a file comes over
a connection that reaches public addresses alone, unless more is allowed; no session is opened before its first request,
and those that were opened here are closed here.
"""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Sequence
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict
from yarl import URL

from kling_async.session.addresses import PublicResolver, is_loopback


class Sessions:
    """Opens sessions when they are first asked for, or hands out the caller's.

    Args:
        given: The caller's session for calls; neither configured nor closed.
        public_only: Whether files come from public addresses alone. If not, and a session was given, files come over
            that session too.
        trace_configs: aiohttp's traces for the sessions that are opened here.
        trust_env: Whether requests over the sessions that are opened here go through the environment's proxy.
    """

    def __init__(
        self,
        given: aiohttp.ClientSession | None,
        *,
        public_only: bool,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        trust_env: bool = False,
    ) -> None:
        self._given = given
        self._public_only = public_only
        self._traces = list(trace_configs)
        self._trust_env = trust_env
        self._own: dict[str, aiohttp.ClientSession] = {}
        self._resolvers: list[AbstractResolver] = []

    def for_reads(self) -> aiohttp.ClientSession:
        """Returns the session that keeps its connections."""
        return self._given or self._opened("reads")

    def for_creates(self) -> tuple[aiohttp.ClientSession, dict[str, Any]]:
        """Returns the session for a create, and the options of its request.

        A connection from a pool may have been closed by the server a moment ago, which would leave the create's outcome
        unknown. The client's own session for creates pools nothing. In a caller's session the options keep the create
        out of the pool; the session's own middlewares do not see it, since one that repeats requests must never repeat
        a create.
        """
        if self._given is None:
            return self._opened("creates", force_close=True), {}
        return self._given, {"middlewares": (_unpooled,)}

    def proxy(self, url: URL) -> dict[str, Any]:
        """Returns the options of a call's request that send it through the environment's proxy, if it shall go there.

        A caller's session does as it was made to. What is on a loopback host, such as an emulator, needs no proxy.
        """
        if self._given is not None or not self._trust_env or is_loopback(url):
            return {}
        return _environment_proxy(url) or {}

    def for_file(self, url: URL) -> tuple[aiohttp.ClientSession, dict[str, Any]]:
        """Returns the session for a file, and the options of its request.

        A caller's session that trusts the environment (`trust_env`), or a client that does, sends files through the
        environment's proxy, which then resolves the name; the addresses that it reaches are its own affair.
        """
        if not self._public_only:
            return self._given or self._opened("reads"), self.proxy(url)
        trusted = self._trust_env if self._given is None else self._given.trust_env
        proxy = _environment_proxy(url) if trusted else None
        if proxy is not None:
            return self._opened("files by proxy"), proxy
        if "files" not in self._own:
            self._resolvers.append(PublicResolver(aiohttp.DefaultResolver()))
        return self._opened("files", resolver=self._resolvers[-1]), {}

    def _opened(self, name: str, **options: Any) -> aiohttp.ClientSession:
        if name not in self._own:
            self._own[name] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, **options),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=self._traces,
            )
        return self._own[name]

    async def aclose(self) -> None:
        """Closes the sessions that were opened here."""
        while self._own:
            _, session = self._own.popitem()
            await session.close()
        while self._resolvers:
            await self._resolvers.pop().close()


def _environment_proxy(url: URL) -> dict[str, Any] | None:
    """The request options for the environment's proxy, or None if the URL is fetched directly.

    aiohttp's own `trust_env` is not used: it would also send credentials from the user's netrc, in the place of ours.
    """
    text = getproxies().get(url.scheme)
    if not text or proxy_bypass(url.host or ""):
        return None
    proxy = URL(text)
    options: dict[str, Any] = {"proxy": proxy.with_user(None)}
    if proxy.user:
        word = b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode()
        options["proxy_headers"] = {"Proxy-Authorization": f"Basic {word}"}  # for the proxy's CONNECT alone
    return options


async def _unpooled(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Sends a request over a connection of its own, which the server is asked to close afterwards.

    aiohttp's pool finds connections by a key that the headers for a proxy are a part of; a header that no other request
    has finds none. It is sent to a proxy alone, if there is one.
    """
    request.proxy_headers = CIMultiDict(request.proxy_headers or {})
    request.proxy_headers["X-Connection"] = uuid.uuid4().hex
    request.headers["Connection"] = "close"
    return await handler(request)
