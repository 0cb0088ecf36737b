"""Trouble with the connection: resets, cuts, waits."""

import asyncio

import attrs
from aiohttp import web

from kling_async.emulator.service.answers import Answer
from kling_async.emulator.trouble.incident import Incident, begin, reset, respond
from kling_async.emulator.trouble.kind import Kinds

CONNECTION = Kinds()


@CONNECTION.declare("reset-before")
async def _reset_before(incident: Incident) -> web.StreamResponse:
    """Resets the connection before the work; the body is not even read."""
    incident.happened()
    return reset(incident.request)


@CONNECTION.declare("reset-after")
async def _reset_after(incident: Incident) -> web.StreamResponse:
    """Does the work and resets the connection instead of answering."""
    await incident.work()
    incident.happened()
    return reset(incident.request)


@CONNECTION.declare("reset-during", at=0)
async def _reset_during(incident: Incident) -> web.StreamResponse:
    """Resets the connection after `at` bytes of the answer's body."""
    answer = await incident.work()
    response = await begin(incident, answer, len(answer.body))
    await response.write(answer.body[: incident.details["at"]])
    await asyncio.sleep(0.02)  # an RST may overtake what is still on its way
    incident.happened()
    reset(incident.request)
    return response


@CONNECTION.declare("truncate", at=None, clean=False)
async def _truncate(incident: Incident) -> web.StreamResponse:
    """Cuts the answer after `at` bytes, by default in its middle.

    The connection ends early, or with `clean` the answer claims to be whole.
    """
    answer = await incident.work()
    at = incident.details["at"]
    at = len(answer.body) // 2 if at is None else min(at, max(0, len(answer.body) - 1))
    incident.happened()
    if incident.details["clean"]:
        return respond(attrs.evolve(answer, body=answer.body[:at]))
    return await _cut(incident, answer, len(answer.body), answer.body[:at])


@CONNECTION.declare("wrong-length", by=1)
async def _wrong_length(incident: Incident) -> web.StreamResponse:
    """Announces `by` more bytes than it sends."""
    answer = await incident.work()
    incident.happened()
    return await _cut(incident, answer, len(answer.body) + incident.details["by"], answer.body)


async def _cut(incident: Incident, answer: Answer, announced: int, sent: bytes) -> web.StreamResponse:
    """Announces one length, sends another, and ends the connection in order."""
    response = await begin(incident, answer, announced)
    await response.write(sent)
    response.force_close()
    if incident.request.transport is not None:
        incident.request.transport.close()
    return response


@CONNECTION.declare("drip", seconds=0.001)
async def _drip(incident: Incident) -> web.StreamResponse:
    """Sends the body byte by byte, `seconds` apart."""
    answer = await incident.work()
    response = await begin(incident, answer, len(answer.body))
    incident.happened()
    for byte in answer.body:
        await response.write(bytes((byte,)))
        await asyncio.sleep(incident.details["seconds"])
    return response


@CONNECTION.declare("delay", seconds=1.0, before=False)
async def _delay(incident: Incident) -> web.StreamResponse:
    """Answers `seconds` later; with `before` the work waits as well."""
    await incident.request.read()
    answer = None if incident.details["before"] else await incident.work()
    incident.happened()
    await asyncio.sleep(incident.details["seconds"])
    return respond(await incident.work() if answer is None else answer)


@CONNECTION.declare("hang", before=False)
async def _hang(incident: Incident) -> web.StreamResponse:
    """Never answers; with `before` it never does the work either."""
    await incident.request.read()
    if not incident.details["before"]:
        await incident.work()
    incident.happened()
    await incident.closing.wait()
    return reset(incident.request)
