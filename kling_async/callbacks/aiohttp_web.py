"""The receiver as a handler of aiohttp.web; the same decision as behind ASGI, and the same bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from kling_async.callbacks.decision import (
    BROKEN_OFF,
    LARGEST_BODY,
    TOO_LARGE,
    TOO_SLOW,
    Answer,
    Judge,
)
from kling_async.callbacks.reading import answer_to

_BROKEN: Final = (web.RequestPayloadError, HttpProcessingError, ClientError, OSError, ValueError)
"""What reading a body can end with: a broken chunk or encoding, a client that left."""


async def handle(judge: Judge, take: Callable[[Answer], None], request: web.Request) -> web.Response:
    """Answers one request.

    Args:
        judge: Decides on posts.
        take: Gets the answers that count.
        request: The request; its body was not read yet.
    """
    headers_sent = [*request.headers.items()]
    answer = await answer_to(judge, request.method, request.path, headers_sent, lambda: _body(request))
    take(answer)
    headers = {"Allow": "POST"} if answer.status == 405 else None
    response = web.Response(status=answer.status, text=answer.text, headers=headers)
    if any(answer is unread for unread in (BROKEN_OFF, TOO_LARGE, TOO_SLOW)):
        response.force_close()  # nobody knows where the next request would begin
    return response


async def _body(request: web.Request) -> bytes | Answer:
    body = bytearray()
    try:
        while part := await request.content.readany():
            body += part
            if len(body) > LARGEST_BODY:
                return TOO_LARGE
    except TimeoutError:  # an OSError too
        raise
    except _BROKEN:
        request.content.feed_eof()  # else aiohttp reads on for its own sake, and logs the same error
        return BROKEN_OFF
    return bytes(body)
