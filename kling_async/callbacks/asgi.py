"""The receiver as a plain ASGI application.

Promises: imports no framework; reads no more of a body than `LARGEST_BODY` and waits for it no longer than
`SLOWEST_BODY`; one answer for each request whose client stays; whatever else a server offers (lifespan, websockets) is
declined as the specification asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from kling_async.callbacks.decision import BROKEN_OFF, LARGEST_BODY, TOO_LARGE, Answer, Judge
from kling_async.callbacks.reading import answer_to

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def serve(
    judge: Judge, take: Callable[[Answer], None], scope: Scope, receive: Receive, send: Send
) -> None:
    """Serves one connection's scope.

    Args:
        judge: Decides on posts.
        take: Gets the answers that count.
        scope: What the server knows of the request.
        receive: Gives the next event.
        send: Takes an event.
    """
    kind = scope["type"]
    if kind == "http":
        answer = await _answer(judge, scope, receive)
        take(answer)
        await _send(answer, send)
    elif kind == "lifespan":
        await _live(receive, send)
    elif kind == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})


async def _answer(judge: Judge, scope: Scope, receive: Receive) -> Answer:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope.get("headers", ())]
    return await answer_to(judge, scope["method"], scope["path"], headers, lambda: _body(receive))


async def _body(receive: Receive) -> bytes | Answer:
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return BROKEN_OFF
        body += event.get("body", b"")
        if len(body) > LARGEST_BODY:
            return TOO_LARGE
        if not event.get("more_body", False):
            return bytes(body)


async def _send(answer: Answer, send: Send) -> None:
    text = answer.text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    if answer.status == 405:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


async def _live(receive: Receive, send: Send) -> None:
    """Says that there is nothing to start and nothing to stop."""
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
