"""Fixtures of the receiver's tests: virtual time, a service, and a server with a receiver's address."""

import pytest
from aiohttp import web
from rooms_helpers import emulator

from kling_async import CallbackReceiver


class Door:
    """A server of aiohttp.web at a port of its own, behind which a receiver can be put, or none."""

    def __init__(self):
        self.receiver = None
        self.posts = []
        self.url = ""

    def opened_for(self, kling, **options):
        """The client's receiver, reached through this door."""
        self.receiver = CallbackReceiver(
            kling, **{"public_url": f"{self.url}/kling", "allow_private": True, **options}
        )
        return self.receiver

    async def take(self, request):
        """Answers a post as the receiver does, or as a server that has none."""
        self.posts.append(request.path)
        if self.receiver is None:
            return web.Response(status=503)
        return await self.receiver.aiohttp_handler(request)


@pytest.fixture
async def door():
    """A door that is open while the test runs."""
    made = Door()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.take)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def service():
    """A service whose tasks take two minutes."""
    async with emulator() as running:
        yield running
