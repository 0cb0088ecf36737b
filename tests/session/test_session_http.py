"""The seam to aiohttp: connections, redirects, sizes, event loops, and foreign errors made ours."""

import asyncio
import gzip
import json
import ssl

import aiohttp
import pytest
from aiohttp import web
from rooms_helpers import envelope, request, row, serving
from yarl import URL

from kling_async import (
    ConfigurationError,
    ConnectionFailedError,
    KlingClient,
    KlingError,
    MalformedResponseError,
)
from kling_async.session.addresses import check_url
from kling_async.session.auth import BearerHeader
from kling_async.session.foreign import translate
from kling_async.session.http import Transport

pytestmark = pytest.mark.anyio

URL_THERE = URL("https://user:word@api.example:8443/v1?x=1")
BEARER = BearerHeader("Bearer canary-token")


def client(url, **options):
    """A client of a bare server."""
    return KlingClient("a" * 32, "s" * 32, base_url=url, **options)


async def test_creates_have_connections_of_their_own_and_looks_share_one():
    """The client's port tells connections apart; a poll's connection is kept, a create's is not."""
    ports = {"GET": [], "POST": []}

    async def handle(got):
        await got.read()
        ports[got.method].append(got.transport.get_extra_info("peername")[1])
        return envelope(row("7"))

    async with serving(handle) as url, client(url) as kling:
        for _ in range(3):
            await kling.image2video.create(request())
            await kling.image2video.get("7")
    assert 3 == len(set(ports["POST"]))
    assert 1 == len(set(ports["GET"]))
    assert not set(ports["GET"]) & set(ports["POST"])


async def test_a_stale_look_connection_is_no_error():
    """The server closes after each answer; the next poll goes through all the same."""

    async def handle(got):
        response = envelope(row("7"))
        asyncio.get_running_loop().call_later(0.01, got.transport.close)
        return response

    async with serving(handle) as url, client(url) as kling:
        for _ in range(3):
            assert "7" == (await kling.image2video.get("7")).task_id
            await asyncio.sleep(0.03)


@pytest.mark.parametrize("size", [8 * 1024 * 1024, 8 * 1024 * 1024 + 1])
@pytest.mark.parametrize("packed", [False, True])
async def test_answers_are_read_up_to_eight_mebibytes(size, packed):
    """Counted after decompression; one byte more is refused."""
    body = json.dumps({"code": 0, "data": {"task_id": "7"}}).encode()
    body += b" " * (size - len(body))

    async def handle(_):
        headers = {"Content-Encoding": "gzip"} if packed else {}
        return web.Response(body=gzip.compress(body, 1) if packed else body, headers=headers)

    async with serving(handle) as url:
        transport = Transport(URL(url))
        try:
            if size > 8 * 1024 * 1024:
                with pytest.raises(MalformedResponseError, match="larger"):
                    await transport.get("/x", BEARER)
            else:
                assert size == len((await transport.get("/x", BEARER)).body)
        finally:
            await transport.aclose()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status):
    """Neither the poll nor its token goes anywhere else."""
    reached = []

    async def elsewhere(got):
        reached.append(dict(got.headers))
        return envelope(row("7"))

    async with serving(elsewhere) as other:

        async def handle(_):
            return web.Response(status=status, headers={"Location": other + "/v1"})

        async with serving(handle) as url:
            transport = Transport(URL(url))
            try:
                assert status == (await transport.get("/x", BEARER)).http_status
            finally:
                await transport.aclose()
    assert [] == reached


async def test_a_callers_session_is_used_and_left_open():
    """Even one that raises for statuses and follows redirects by default."""

    async def handle(got):
        await got.read()
        return envelope(code=1301, status=400) if got.method == "POST" else envelope(row("7"))

    async with serving(handle) as url, aiohttp.ClientSession(raise_for_status=True) as session:
        async with client(url, session=session) as kling:
            assert "7" == (await kling.image2video.get("7")).task_id
            with pytest.raises(KlingError, match="1301"):
                await kling.image2video.create(request())
        assert not session.closed


async def test_a_closed_client_says_so():
    """Each call, before anything is sent."""
    kling = client("http://127.0.0.1:9")
    await kling.aclose()
    await kling.aclose()
    for call in (
        kling.image2video.get("7"),
        kling.image2video.create(request()),
        kling.image2video.wait_for_task("7"),
    ):
        with pytest.raises(ConfigurationError, match="closed"):
            await call


async def test_a_server_that_is_not_there_was_not_sent_to():
    """The host and the reason are named."""
    transport = Transport(URL("http://127.0.0.1:9"))
    try:
        with pytest.raises(ConnectionFailedError, match=r"127\.0\.0\.1:9") as caught:
            await transport.get("/x", BEARER)
    finally:
        await transport.aclose()
    assert not caught.value.sent


FOREIGN = [
    aiohttp.ServerDisconnectedError(),
    aiohttp.ClientOSError(104, "reset"),
    aiohttp.ClientPayloadError("half"),
    aiohttp.ClientConnectionError("gone"),
    aiohttp.SocketTimeoutError("slow"),
    aiohttp.InvalidURL("https://user:word@api.example:8443/v1?x=1"),
    TimeoutError(),
    ConnectionResetError(104, "reset"),
    ssl.SSLError(1, "bad"),
    ValueError("odd header"),
    RuntimeError("Session is closed"),
    UnicodeError("idna"),
]
"""One of each kind; the walk over all of aiohttp's classes stands with the public errors."""


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("sent", [False, True])
def test_every_foreign_error_becomes_ours(foreign, sent):
    """One of the library's classes, with the host in it and no key, token or password."""
    ours = translate(foreign, URL_THERE, sent=sent)
    assert isinstance(ours, ConnectionFailedError | ConfigurationError)
    assert "api.example:8443" in str(ours)
    assert "canary" not in str(ours)
    assert "word" not in str(ours)
    assert not isinstance(ours, ConnectionFailedError) or sent == ours.sent


@pytest.mark.parametrize("kind", [aiohttp.ConnectionTimeoutError, aiohttp.ServerTimeoutError])
def test_a_connection_that_was_never_made_sent_nothing(kind):
    """Whatever the body's generator says."""
    assert (kind is not aiohttp.ConnectionTimeoutError) == translate(kind(), URL_THERE, sent=True).sent


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.example",
        "ftp://api.example",
        "https://",
        "//api.example",
        "http://api.example",
        "https:///x",
        "http://[",
        "http://127.0.0.1.evil.example",
        None,
        5,
    ],
)
def test_urls_that_cannot_be_are_said_by_the_options_name(text):
    """Plain http is for this machine alone."""
    with pytest.raises(ConfigurationError, match="the-option"):
        check_url("the-option", text)


@pytest.mark.parametrize(
    "text",
    [
        "https://api.example",
        "http://localhost:1",
        "http://127.0.0.1",
        "http://127.9.9.9:8",
        "http://[::1]:8787",
    ],
)
def test_urls_that_can_be(text):
    """Https anywhere, http on loopback."""
    assert text.rstrip("/") == str(check_url("x", text)).rstrip("/")


def test_two_loops_one_after_the_other_are_an_error():
    """The second loop gets a clear word and nothing hangs."""

    async def first():
        async def handle(_):
            return envelope(row("7"))

        async with serving(handle) as url:
            kling = client(url)
            await kling.image2video.get("7")
            return kling

    kling = asyncio.run(first())
    for call in (
        lambda: kling.image2video.get("7"),
        lambda: kling.image2video.wait_for_task("7"),
        lambda: kling.image2video.generate(request()),
        lambda: kling.image2video.create(request()),
    ):
        with pytest.raises(ConfigurationError, match="event loop"):
            asyncio.run(asyncio.wait_for(call(), 5))
    asyncio.run(kling.aclose())
