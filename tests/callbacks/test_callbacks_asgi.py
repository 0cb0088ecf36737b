"""The ASGI application by itself: every kind of scope, and clients that are slow, lie about lengths, or leave."""

import asyncio
import json
import types

import pytest

from kling_async.callbacks import asgi
from kling_async.callbacks.decision import LARGEST_BODY, SLOWEST_BODY, Judge
from kling_async.callbacks.token import path_token

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

KEY = b"k" * 32
TOKEN = path_token(KEY, "job-1")
BODY = json.dumps({"task_id": "t-1", "task_status": "succeed"}).encode()


def now():
    return asyncio.get_running_loop().time()


class Server:
    """Stands for an ASGI server: gives events, takes what is sent, keeps what counts."""

    def __init__(self, *events, every=0.0):
        self.events, self.every = list(events), every
        self.sent, self.counted = [], []

    async def receive(self):
        await asyncio.sleep(self.every)
        if not self.events:
            await asyncio.Event().wait()
        return self.events.pop(0)

    async def send(self, event):
        self.sent.append(event)

    async def serve(self, path=f"/{TOKEN}", method="POST", headers=(), kind="http"):
        judge = Judge(KEY, None, "if_present", lambda: 0.0)
        scope = {"type": kind, "method": method, "path": path, "headers": list(headers)}
        await asgi.serve(judge, self.counted.append, scope, self.receive, self.send)
        start = next((event for event in self.sent if event["type"] == "http.response.start"), None)
        return types.SimpleNamespace(
            status=start and start["status"],
            headers=dict(start["headers"]) if start else {},
            body=self.sent[-1].get("body"),
        )


def part(body, more=False):
    """A piece of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_post_counts():
    """Whole or in pieces; the answer is a line of text whose length is told."""
    for events in ([part(BODY)], [part(BODY[:5], True), part(b"", True), part(BODY[5:])]):
        server = Server(*events)
        answer = await server.serve()
        assert 200 == answer.status
        assert len(answer.body) == int(answer.headers[b"content-length"])
        assert ["job-1"] == [each.job for each in server.counted]


async def test_a_body_is_not_read_without_a_token():
    """A forger is answered at once, whatever it has not sent yet."""
    server = Server(every=1000.0)
    assert 404 == (await server.serve("/kling/guess")).status
    assert 0 == now() - 1000


async def test_get_is_told_what_is_taken():
    """405 with the method."""
    answer = await Server().serve(method="GET")
    assert (405, b"POST") == (answer.status, answer.headers[b"allow"])


async def test_a_slow_body_is_given_up():
    """One byte a second, for as long as a body may take in all."""
    server = Server(*(part(b" ", True) for _ in range(100)), every=1.0)
    begun = now()
    assert 408 == (await server.serve()).status
    assert SLOWEST_BODY == pytest.approx(now() - begun)


async def test_an_endless_body_is_cut_off():
    """Whatever its length was said to be; no more than the bound is kept."""
    for headers in ([], [(b"content-length", b"10")], [(b"Content-Length", b"many")]):
        server = Server(*(part(b" " * 10_000, True) for _ in range(1000)))
        assert 413 == (await server.serve(headers=headers)).status
        assert len(server.events) > 990


async def test_a_length_above_the_bound_is_refused_unread():
    """Header names in any case."""
    for name in (b"content-length", b"Content-Length"):
        server = Server(every=1000.0)
        assert 413 == (await server.serve(headers=[(name, b"%d" % (LARGEST_BODY + 1))])).status


async def test_a_client_that_leaves_counts_for_nothing():
    """Half a body is refused, to whoever still listens."""
    server = Server(part(BODY[:5], True), {"type": "http.disconnect"})
    assert 400 == (await server.serve()).status
    assert [None] == [each.job for each in server.counted]


async def test_odd_headers_are_read():
    """Bytes that are not UTF-8, and a signature header that is there twice."""
    server = Server(part(BODY))
    assert 200 == (await server.serve(headers=[(b"x-\xff", b"\xfe")])).status
    twice = [(b"webhook-id", b"1"), (b"Webhook-Id", b"2")]
    assert 400 == (await Server(part(BODY)).serve(headers=twice)).status


async def test_lifespan_is_answered():
    """There is nothing to start and nothing to stop, so a server can run the receiver alone."""
    server = Server({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    await server.serve(kind="lifespan")
    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == [
        each["type"] for each in server.sent
    ]


async def test_a_websocket_is_closed():
    """Before it is accepted; and a kind of scope that is not known is left alone."""
    server = Server({"type": "websocket.connect"})
    await server.serve(kind="websocket")
    assert ["websocket.close"] == [each["type"] for each in server.sent]
    server = Server()
    server.sent.append({"type": "before"})
    await server.serve(kind="carrier-pigeon")
    assert [{"type": "before"}] == server.sent
