"""The environment's proxy: used by a client that trusts the environment, and told nothing but a host's name."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from yarl import URL

from kling_async import ConnectionFailedError, KlingClient
from kling_async.session.connections import Sessions

pytestmark = pytest.mark.anyio
SERVICE = "https://api.example"


@asynccontextmanager
async def refusing_proxy(monkeypatch, tmp_path):
    """A proxy of the environment that refuses every tunnel; gives the heads of the requests that it got."""
    heads = []

    async def answer(reader, writer):
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    (tmp_path / "netrc").write_text("default login canary password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://me:word@127.0.0.1:{port}")
        yield heads


async def test_calls_go_through_the_proxy_and_show_it_no_key(monkeypatch, tmp_path):
    """Polls and creates ask for a tunnel; neither our token nor a netrc's password is in what the proxy reads."""
    async with (
        refusing_proxy(monkeypatch, tmp_path) as heads,
        KlingClient(api_key="canary", base_url=SERVICE, trust_env=True, submit_timeout=0.1) as kling,
    ):
        with pytest.raises(ConnectionFailedError):
            await kling.image2video.create(image="https://a.example/b.jpg")
        assert heads[0].startswith("CONNECT api.example:443 ")
        assert "Proxy-Authorization: Basic" in heads[0]
        assert "canary" not in heads[0]


async def test_environment_counts_only_if_it_is_trusted(monkeypatch, tmp_path):
    """By default, for a host that needs no proxy, and on this machine, nothing goes there."""
    async with refusing_proxy(monkeypatch, tmp_path):
        trusting, plain = (Sessions(None, public_only=True, trust_env=trust) for trust in (True, False))
        assert "proxy" in trusting.proxy(URL(SERVICE))
        assert {} == plain.proxy(URL(SERVICE))
        assert {} == trusting.proxy(URL("http://127.0.0.1:8787"))
        monkeypatch.setenv("no_proxy", "api.example")
        assert {} == trusting.proxy(URL(SERVICE))
