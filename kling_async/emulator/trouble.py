"""Faults carried out on the wire: one short function for each kind, and the table that names them.

Each takes an `Incident`, does the call's work or not, and sends an answer or none. It calls
`happened()` at the moment of the effect, so that only what really struck is counted.
"""

import asyncio
import functools
import json
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
from aiohttp import web

from kling_async.emulator.account import Account
from kling_async.emulator.envelope import Answer, RefusedError, encode, refusal
from kling_async.emulator.faults import Fault, mutate, replace

_LINGER_NOT = struct.pack("ii", 1, 0)
_MEBIBYTE = 1024 * 1024
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_HTML = {"Content-Type": "text/html; charset=utf-8"}


@attrs.frozen
class Incident:
    """A fault and the call that it strikes."""

    request: web.Request
    fault: Fault
    work: Callable[[], Awaitable[Answer]]
    """Does what the call asks for; refusals are answers too."""

    happened: Callable[[], None]
    account: Account
    closing: asyncio.Event
    background: Callable[[Awaitable[Any]], None]
    """Goes on with something after the answer."""

    def detail(self, name: str) -> Any:
        """A parameter of the fault."""
        return self.fault.details[name]


Handler = Callable[[Incident], Awaitable[web.StreamResponse]]


def respond(answer: Answer) -> web.Response:
    """The answer as it is."""
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def reset(request: web.Request) -> web.StreamResponse:
    """End the connection with an RST; the response returned is never sent."""
    transport = request.transport
    if transport is not None and not transport.is_closing():
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        transport.abort()
    return web.Response()


async def _begin(incident: Incident, answer: Answer, length: int | None) -> web.StreamResponse:
    """Send status line and headers; with no length, the body comes in chunks."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = length
    await response.prepare(incident.request)
    return response


async def _reset_before(incident: Incident) -> web.StreamResponse:
    incident.happened()
    return reset(incident.request)


async def _reset_after(incident: Incident) -> web.StreamResponse:
    await incident.work()
    incident.happened()
    return reset(incident.request)


async def _reset_during(incident: Incident) -> web.StreamResponse:
    answer = await incident.work()
    response = await _begin(incident, answer, len(answer.body))
    await response.write(answer.body[: incident.detail("at")])
    await asyncio.sleep(0.02)  # an RST may overtake what is still on its way
    incident.happened()
    reset(incident.request)
    return response


def _error(incident: Incident) -> Answer:
    code, message = incident.detail("code"), incident.detail("message")
    incident.happened()
    return refusal(RefusedError(code, message, http=incident.fault.details.get("http")))


async def _error_before(incident: Incident) -> web.StreamResponse:
    await incident.request.read()
    return respond(_error(incident))


async def _error_after(incident: Incident) -> web.StreamResponse:
    await incident.work()
    return respond(_error(incident))


def _page(incident: Incident) -> web.StreamResponse:
    incident.happened()
    page = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
    return respond(Answer(incident.detail("http"), page, _HTML))


async def _html_before(incident: Incident) -> web.StreamResponse:
    await incident.request.read()
    return _page(incident)


async def _html_after(incident: Incident) -> web.StreamResponse:
    await incident.work()
    return _page(incident)


async def _truncate(incident: Incident) -> web.StreamResponse:
    answer = await incident.work()
    at = incident.detail("at")
    at = len(answer.body) // 2 if at is None else min(at, max(0, len(answer.body) - 1))
    incident.happened()
    if incident.detail("clean"):
        return respond(attrs.evolve(answer, body=answer.body[:at]))
    return await _cut(incident, answer, len(answer.body), answer.body[:at])


async def _wrong_length(incident: Incident) -> web.StreamResponse:
    answer = await incident.work()
    incident.happened()
    return await _cut(incident, answer, len(answer.body) + incident.detail("by"), answer.body)


async def _cut(incident: Incident, answer: Answer, announced: int, sent: bytes) -> web.StreamResponse:
    """Announce one length, send another, and end the connection in order."""
    response = await _begin(incident, answer, announced)
    await response.write(sent)
    response.force_close()
    if incident.request.transport is not None:
        incident.request.transport.close()
    return response


async def _empty(incident: Incident) -> web.StreamResponse:
    answer = await incident.work()
    incident.happened()
    return respond(attrs.evolve(answer, body=b""))


async def _not_json(incident: Incident) -> web.StreamResponse:
    await incident.work()
    incident.happened()
    return respond(Answer(200, b"upstream connect error or disconnect/reset before headers", _TEXT))


async def _wrong_types(incident: Incident) -> web.StreamResponse:
    answer = await incident.work()
    payload, field = json.loads(answer.body), incident.detail("field")
    try:
        if field is None:
            spoiled = mutate(payload, incident.fault.random)
        else:
            spoiled = replace(payload, field, incident.detail("value"))
    except LookupError:  # this answer has no such field: nothing to spoil
        return respond(answer)
    incident.happened()
    return respond(attrs.evolve(answer, body=encode(spoiled)))


async def _gzip_bomb(incident: Incident) -> web.StreamResponse:
    await incident.work()
    head, block, tail = await asyncio.to_thread(_bomb, incident.detail("megabytes"))
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = await _begin(incident, Answer(200, b"", headers), None)
    incident.happened()
    await response.write(head)
    for _ in range(incident.detail("megabytes") - 1):
        await response.write(block)
    await response.write(tail)
    return response


@functools.lru_cache(maxsize=4)
def _bomb(megabytes: int) -> tuple[bytes, bytes, bytes]:
    """A gzip file's first MiB of blanks, each further one, and its end: a few KiB in all."""
    blanks = b" " * _MEBIBYTE
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(blanks) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(blanks, checksum)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    size = (megabytes * _MEBIBYTE) % 2**32
    return header + block, block, packer.flush() + struct.pack("<II", checksum, size)


async def _drip(incident: Incident) -> web.StreamResponse:
    answer = await incident.work()
    response = await _begin(incident, answer, len(answer.body))
    incident.happened()
    for byte in answer.body:
        await response.write(bytes((byte,)))
        await asyncio.sleep(incident.detail("seconds"))
    return response


async def _delay(incident: Incident) -> web.StreamResponse:
    await incident.request.read()
    answer = None if incident.detail("before") else await incident.work()
    incident.happened()
    await asyncio.sleep(incident.detail("seconds"))
    return respond(await incident.work() if answer is None else answer)


async def _hang(incident: Incident) -> web.StreamResponse:
    await incident.request.read()
    if not incident.detail("before"):
        await incident.work()
    incident.happened()
    await incident.closing.wait()
    return reset(incident.request)


async def _redirect(incident: Incident) -> web.StreamResponse:
    await incident.request.read()
    incident.happened()
    return respond(Answer(incident.detail("http"), b"", {"Location": incident.detail("location")}))


async def _refuse(incident: Incident, code: int) -> web.StreamResponse:
    await incident.request.read()
    incident.happened()
    wait = incident.fault.details.get("retry_after")
    headers = {} if wait is None else {"Retry-After": str(wait)}
    return respond(refusal(RefusedError(code, headers=headers)))


async def _rate_limit(incident: Incident) -> web.StreamResponse:
    return await _refuse(incident, 1302)


async def _concurrency(incident: Incident) -> web.StreamResponse:
    return await _refuse(incident, 1303)


async def _moderation(incident: Incident) -> web.StreamResponse:
    return await _refuse(incident, 1301)


async def _late_creation(incident: Incident) -> web.StreamResponse:
    await incident.request.read()
    incident.happened()

    async def later() -> None:
        await asyncio.sleep(incident.detail("seconds"))
        await incident.work()

    incident.background(later())
    return respond(refusal(RefusedError(5002)))


async def _hide(incident: Incident) -> web.StreamResponse:
    answer = await incident.work()
    if answer.task is not None:
        incident.happened()
        incident.account.hide(answer.task, incident.detail("seconds"))
    return respond(answer)


async def _duplicate(incident: Incident) -> web.StreamResponse:
    answer = await incident.work()
    if answer.task is None:
        return respond(answer)
    incident.happened()
    external_id = answer.task.external_task_id or ""
    return respond(refusal(RefusedError(1201, f"External_task_id {external_id} already exists")))


async def _forbidden(incident: Incident) -> web.StreamResponse:
    incident.happened()
    body = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'
    return respond(Answer(403, body, {"Content-Type": "application/xml"}))


HANDLERS: Mapping[str, Handler] = {
    "reset-before": _reset_before,
    "reset-after": _reset_after,
    "reset-during": _reset_during,
    "error-before": _error_before,
    "error-after": _error_after,
    "html-before": _html_before,
    "html-after": _html_after,
    "truncate": _truncate,
    "wrong-length": _wrong_length,
    "empty": _empty,
    "not-json": _not_json,
    "wrong-types": _wrong_types,
    "gzip-bomb": _gzip_bomb,
    "drip": _drip,
    "delay": _delay,
    "hang": _hang,
    "redirect": _redirect,
    "rate-limit": _rate_limit,
    "concurrency": _concurrency,
    "account": _error_before,
    "moderation": _moderation,
    "late-creation": _late_creation,
    "lagging": _hide,
    "amnesia": _hide,
    "duplicate": _duplicate,
    "forbidden": _forbidden,
}
"""What each kind of `faults.KINDS` does."""
