"""A fault and the call that it strikes, and the ways in which an answer can leave."""

import asyncio
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import attrs
from aiohttp import web

from kling_async.emulator.service.account import Account
from kling_async.emulator.service.answers import Answer
from kling_async.emulator.service.states import Task

_LINGER_NOT = struct.pack("ii", 1, 0)


class Work(Protocol):
    """Does what a call asks for; refusals are answers too."""

    def __call__(self, headers: Mapping[str, str] | None = None) -> Awaitable[Answer]:
        """Works, with other headers than the request's if they are given."""
        ...


@attrs.frozen
class Incident:
    """A fault that strikes a call."""

    request: web.Request
    details: Mapping[str, Any]
    """The fault's parameters."""

    chance: random.Random
    """The fault's own, seeded."""

    work: Work
    happened: Callable[[], None]
    """Counts the fault; called at the moment of its effect, so that only what really struck is counted."""

    account: Account
    show: Callable[[Task], dict[str, Any]]
    """The task object of a query."""

    closing: asyncio.Event
    """Set when the emulator closes."""

    background: Callable[[Awaitable[Any]], None]
    """Runs something after the answer."""


Handler = Callable[[Incident], Awaitable[web.StreamResponse]]
"""Does the call's work or not, and sends an answer or none."""


def respond(answer: Answer) -> web.Response:
    """The answer as it is."""
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def reset(request: web.Request) -> web.StreamResponse:
    """Ends the connection with an RST; the response returned is never sent."""
    transport = request.transport
    if transport is not None and not transport.is_closing():
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        transport.abort()
    return web.Response()


async def begin(incident: Incident, answer: Answer, length: int | None) -> web.StreamResponse:
    """Sends status line and headers; without a length, the body follows in chunks."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = length
    await response.prepare(incident.request)
    return response
