"""Which connection a request goes over, and the evidence for whether a create can have left."""

import asyncio
import socket
import struct

import aiohttp
import pytest
from aiohttp import web
from rooms_helpers import envelope, request, row, serving
from yarl import URL

from kling_async.errors import ConnectionFailedError
from kling_async.session import http
from kling_async.session.auth import BearerHeader
from kling_async.session.http import Transport
from kling_async.session.upload import prepare

pytestmark = pytest.mark.anyio

BEARER = BearerHeader("Bearer canary-token")


async def one_piece():
    """A create's body without pictures: one piece."""
    upload = await prepare(request())
    assert 1 == len(upload.pieces)
    return upload


@pytest.mark.parametrize("whose", ["ours", "the caller's"])
async def test_no_create_reuses_a_connection(whose):
    """Each has one of its own, and polls share another, in a session of the caller's as well."""
    ports = {"GET": [], "POST": []}

    async def handle(got):
        await got.read()
        ports[got.method].append(got.transport.get_extra_info("peername")[1])
        return envelope(row("7"))

    async with serving(handle) as url, aiohttp.ClientSession() as session:
        transport = Transport(URL(url), session if whose == "the caller's" else None)
        for _ in range(3):
            await transport.get("/x", BEARER)
            await transport.post("/x", BEARER, await one_piece())
        await transport.aclose()
    assert (3, 1) == (len(set(ports["POST"])), len(set(ports["GET"])))
    assert not set(ports["GET"]) & set(ports["POST"])


async def test_a_plain_post_of_the_callers_session_does_reuse_one():
    """The control: the pool would have given the poll's connection."""
    ports = []

    async def handle(got):
        await got.read()
        ports.append(got.transport.get_extra_info("peername")[1])
        return envelope(row("7"))

    async with serving(handle) as url, aiohttp.ClientSession() as session:
        for method in ("GET", "POST"):
            async with session.request(method, url, data=b"x") as response:
                await response.read()
    assert 1 == len(set(ports))


async def test_the_server_is_asked_to_close_a_creates_connection():
    """Nobody could find it again in the caller's pool; the control, a poll's connection, stays open."""
    heads = []

    async def handle(got):
        await got.read()
        heads.append((got.method, got.headers.get("Connection")))
        return envelope(row("7"))

    async with serving(handle) as url, aiohttp.ClientSession() as session:
        transport = Transport(URL(url), session)
        await transport.post("/x", BEARER, await one_piece())
        await transport.get("/x", BEARER)
    assert [("POST", "close"), ("GET", None)] == heads


async def test_a_create_takes_the_callers_connector():
    """Its own resolver decides where the request goes, as for every other request of the session."""

    class Here(aiohttp.abc.AbstractResolver):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            return [
                {
                    "hostname": host,
                    "host": "127.0.0.1",
                    "port": int(where.rpartition(":")[2]),
                    "family": family,
                    "proto": 0,
                    "flags": 0,
                }
            ]

        async def close(self):
            pass

    async def handle(got):
        await got.read()
        return envelope(row("7"))

    async with serving(handle) as where:
        connector = aiohttp.TCPConnector(resolver=Here())
        async with aiohttp.ClientSession(connector=connector) as session:
            transport = Transport(URL("http://api.example"), session)
            assert 200 == (await transport.post("/x", BEARER, await one_piece())).http_status


async def test_a_middleware_that_repeats_requests_repeats_no_create():
    """A session's middlewares see its other requests, and creates never."""
    arrived = []

    async def twice(got, handler):
        await handler(got)
        return await handler(got)

    async def handle(got):
        await got.read()
        arrived.append(got.method)
        return envelope(row("7"))

    async with serving(handle) as url, aiohttp.ClientSession(middlewares=(twice,)) as session:
        transport = Transport(URL(url), session)
        await transport.post("/x", BEARER, await one_piece())
        await transport.get("/x", BEARER)
    assert ["POST", "GET", "GET"] == arrived


async def test_traces_see_every_session_and_no_token_in_a_repr():
    """Polls, creates and files are traced; what a trace logs has the header masked."""
    seen = []

    async def note(_session, _context, params):
        seen.append((params.method, repr(params), repr(dict(params.headers))))

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    trace.on_request_headers_sent.append(note)
    trace.on_request_end.append(note)

    async def handle(got):
        await got.read()
        return envelope(row("7"))

    async with serving(handle) as url:
        transport = Transport(URL(url), trace_configs=(trace,))
        await transport.get("/x", BEARER)
        await transport.post("/x", BEARER, await one_piece())
        async with transport.file(transport.file_url(url + "/file"), {}) as answer:
            await answer.read(10)
        await transport.aclose()
    assert {"GET", "POST"} == {method for method, _, _ in seen}
    assert 9 == len(seen)
    assert "canary" not in repr(seen)
    assert "Bearer …" in repr(seen)


async def test_traces_are_not_added_to_a_callers_session():
    """It is neither configured nor closed."""
    trace = aiohttp.TraceConfig()
    async with aiohttp.ClientSession() as session:
        transport = Transport(URL("http://127.0.0.1:9"), session, trace_configs=(trace,))
        with pytest.raises(ConnectionFailedError):
            await transport.get("/x", BEARER)
        await transport.aclose()
        assert [] == session.trace_configs
        assert not session.closed


async def sent(transport):
    """What a create's failure says about whether something can have left."""
    try:
        with pytest.raises(ConnectionFailedError) as caught:
            await transport.post("/x", BEARER, await one_piece())
    finally:
        await transport.aclose()
    return caught.value.sent


async def reset(reader, writer):
    """Cuts the connection as soon as it is there, without reading."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def hang(reader, writer):
    """Reads everything and never answers."""
    await reader.read()
    writer.close()


async def close_after_headers(reader, writer):
    """Closes the connection after the request's head."""
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


@pytest.fixture
async def serve():
    """Starts a raw server; gives its port."""
    servers = []

    async def start(handle):
        servers.append(await asyncio.start_server(handle, "127.0.0.1", 0))
        return servers[-1].sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()


async def test_a_refused_connection_sent_nothing():
    """Nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert False is await sent(Transport(URL(f"http://127.0.0.1:{port}")))


async def close_after_a_byte(reader, writer):
    """Closes the connection in the middle of whatever comes."""
    await reader.read(1)
    writer.close()


@pytest.mark.parametrize("handle", [reset, close_after_a_byte])
async def test_a_tls_handshake_that_fails_sent_nothing(serve, handle):
    """The body is not started before TLS stands."""
    port = await serve(handle)
    assert False is await sent(Transport(URL(f"https://127.0.0.1:{port}")))


async def test_a_name_that_does_not_resolve_sent_nothing(monkeypatch):
    """There is no connection."""

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert False is await sent(Transport(URL("https://api.example")))


async def test_a_wait_for_the_pool_sent_nothing(serve, monkeypatch):
    """A bare TimeoutError, as the one of a wait for the answer: the exception alone could not tell."""
    port = await serve(hang)
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.3)
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        busy = asyncio.ensure_future(session.get(f"http://127.0.0.1:{port}"))
        await asyncio.sleep(0.05)
        assert False is await sent(Transport(URL(f"http://127.0.0.1:{port}"), session))
        busy.cancel()
        await asyncio.wait([busy])


@pytest.mark.parametrize("whose", ["ours", "the caller's"])
@pytest.mark.parametrize("handle", [hang, close_after_headers, reset])
async def test_what_happens_on_an_open_connection_may_have_been_sent(serve, monkeypatch, handle, whose):
    """The control, with a body of one piece: silence, a close after the head, and a reset."""
    port = await serve(handle)
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.3)
    async with aiohttp.ClientSession() as session:
        transport = Transport(URL(f"http://127.0.0.1:{port}"), session if whose == "the caller's" else None)
        assert True is await sent(transport)


async def test_the_evidence_agrees_with_aiohttps_own(serve, monkeypatch):
    """Where the body was not started aiohttp sent no head either, and where it was it did."""
    events = []
    trace = aiohttp.TraceConfig()

    async def note(_session, _context, params):
        events.append(type(params).__name__)

    trace.on_request_headers_sent.append(note)
    trace.on_request_chunk_sent.append(note)
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.3)
    port = await serve(reset)
    assert False is await sent(Transport(URL(f"https://127.0.0.1:{port}"), trace_configs=(trace,)))
    assert [] == events
    port = await serve(hang)
    assert True is await sent(Transport(URL(f"http://127.0.0.1:{port}"), trace_configs=(trace,)))
    assert "TraceRequestHeadersSentParams" in events


async def test_an_answer_before_the_body_was_read_is_an_answer():
    """A gateway that refuses a large body early is heard."""

    async def handle(_):
        return web.Response(status=413, text="too large")

    async with serving(handle) as url:
        transport = Transport(URL(url))
        assert 413 == (await transport.post("/x", BEARER, await one_piece())).http_status
        await transport.aclose()
