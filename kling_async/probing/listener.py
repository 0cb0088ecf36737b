"""Listens for the callbacks of one job, on a port of this machine.

Promises: only posts to a path that ends with a word that nobody can guess are kept, at most `MOST` of them; everybody
else gets a 404.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from kling_async.schema.wire import parse

MOST: Final = 100
LARGEST: Final = 1024 * 1024


class CallbackListener:
    """A server for the length of a block.

    Args:
        public_url: Address by which the service reaches this machine's port.
        port: The port; 0: any free one.
        host: The address to listen on.
    """

    def __init__(self, public_url: str, port: int, host: str = "127.0.0.1") -> None:
        self.bodies: list[Any] = []
        self._word = secrets.token_urlsafe(16)
        self.url: str = f"{public_url.rstrip('/')}/{self._word}"
        """What to give as `callback_url`."""

        self._host = host
        self._port = port
        self._arrived = asyncio.Event()
        app = web.Application(client_max_size=LARGEST)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        """Listens.

        Raises:
            OSError: The port cannot be used.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def until(self, wanted: Callable[[Any], bool]) -> None:
        """Returns when a body that is wanted was posted."""
        while not any(map(wanted, self.bodies)):
            self._arrived.clear()
            await self._arrived.wait()

    async def _take(self, request: web.Request) -> web.Response:
        if request.method != "POST" or not request.path.endswith(f"/{self._word}"):
            return web.Response(status=404)
        raw = await request.read()
        try:
            body = parse(raw)
        except (ValueError, RecursionError):
            body = None
        if len(self.bodies) < MOST:
            self.bodies.append(body)
        self._arrived.set()
        return web.Response()
