"""Virtual time, and clients of the outside server."""

import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # importlib mode finds no helpers beside a nested conftest

from outside_server import ACCESS, SECRET
from virtual_time import VIRTUAL_TIME

from kling_async import KlingClient


@pytest.fixture
def anyio_backend():
    """Virtual time on real sockets."""
    return VIRTUAL_TIME


@pytest.fixture
def connect(monkeypatch):
    """Makes a client of a server; with `api_key` it has a static key instead of the pair."""
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY", "KLING_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    @asynccontextmanager
    async def connected(server, *, api_key=None, **options):
        keys = {"api_key": api_key} if api_key else {"access_key": ACCESS, "secret_key": SECRET}
        moment = lambda: server.epoch + server.now()  # noqa: E731 - the server's clock, in one line
        async with KlingClient(**keys, base_url=server.url, clock=moment, **options) as kling:
            yield kling

    return connected
