"""Trouble with what is answered: errors, proxies' pages, refusals, bodies that are not envelopes."""

import asyncio
import json

import attrs
from aiohttp import web

from kling_async.emulator.service.answers import Answer, RefusedError, encode, refusal
from kling_async.emulator.trouble.bomb import bomb
from kling_async.emulator.trouble.incident import Incident, begin, respond
from kling_async.emulator.trouble.kind import API, CREATE, Kinds
from kling_async.emulator.trouble.spoil import mutate, replace

REPLIES = Kinds()

_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_HTML = {"Content-Type": "text/html; charset=utf-8"}


def _error(incident: Incident) -> web.StreamResponse:
    code, message = incident.details["code"], incident.details["message"]
    incident.happened()
    return respond(refusal(RefusedError(code, message, http=incident.details.get("http"))))


@REPLIES.declare("error-before", http=None, code=5001, message=None)
async def _error_before(incident: Incident) -> web.StreamResponse:
    """Answers an error instead of the work."""
    await incident.request.read()
    return _error(incident)


@REPLIES.declare("error-after", http=None, code=5001, message=None)
async def _error_after(incident: Incident) -> web.StreamResponse:
    """Does the work and answers an error."""
    await incident.work()
    return _error(incident)


def _page(incident: Incident) -> web.StreamResponse:
    incident.happened()
    page = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
    return respond(Answer(incident.details["http"], page, _HTML))


@REPLIES.declare("html-before", http=502)
async def _html_before(incident: Incident) -> web.StreamResponse:
    """Answers a proxy's HTML page instead of the work."""
    await incident.request.read()
    return _page(incident)


@REPLIES.declare("html-after", http=502)
async def _html_after(incident: Incident) -> web.StreamResponse:
    """Does the work and answers a proxy's HTML page."""
    await incident.work()
    return _page(incident)


@REPLIES.declare("empty")
async def _empty(incident: Incident) -> web.StreamResponse:
    """Does the work and answers with an empty body."""
    answer = await incident.work()
    incident.happened()
    return respond(attrs.evolve(answer, body=b""))


@REPLIES.declare("not-json", API)
async def _not_json(incident: Incident) -> web.StreamResponse:
    """Does the work and answers text that is not JSON."""
    await incident.work()
    incident.happened()
    return respond(Answer(200, b"upstream connect error or disconnect/reset before headers", _TEXT))


@REPLIES.declare("wrong-types", API, field=None, value=None)
async def _wrong_types(incident: Incident) -> web.StreamResponse:
    """Answers JSON with one value deleted or of a wrong type; `field` (dotted) and `value` say which."""
    answer = await incident.work()
    payload, field = json.loads(answer.body), incident.details["field"]
    try:
        if field is None:
            spoiled = mutate(payload, incident.chance)
        else:
            spoiled = replace(payload, field, incident.details["value"])
    except LookupError:  # this answer has no such field: nothing to spoil
        return respond(answer)
    incident.happened()
    return respond(attrs.evolve(answer, body=encode(spoiled)))


@REPLIES.declare("gzip-bomb", megabytes=64)
async def _gzip_bomb(incident: Incident) -> web.StreamResponse:
    """Answers `megabytes` MiB of blanks, compressed."""
    await incident.work()
    head, block, tail = await asyncio.to_thread(bomb, incident.details["megabytes"])
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = await begin(incident, Answer(200, b"", headers), None)
    incident.happened()
    await response.write(head)
    for _ in range(incident.details["megabytes"] - 1):
        await response.write(block)
    await response.write(tail)
    return response


@REPLIES.declare("redirect", location="http://127.0.0.1:9/", http=307)
async def _redirect(incident: Incident) -> web.StreamResponse:
    """Sends the caller to `location` instead of the work; `{path}` in it is the path that was asked for."""
    await incident.request.read()
    incident.happened()
    location = incident.details["location"].replace("{path}", incident.request.raw_path)
    return respond(Answer(incident.details["http"], b"", {"Location": location}))


async def _refuse(incident: Incident, code: int) -> web.StreamResponse:
    await incident.request.read()
    incident.happened()
    wait = incident.details.get("retry_after")
    headers = {} if wait is None else {"Retry-After": str(wait)}
    return respond(refusal(RefusedError(code, headers=headers)))


@REPLIES.declare("rate-limit", API, retry_after=None)
async def _rate_limit(incident: Incident) -> web.StreamResponse:
    """Refuses the call as too frequent (1302)."""
    return await _refuse(incident, 1302)


@REPLIES.declare("rate-limit-after", API, retry_after=None)
async def _rate_limit_after(incident: Incident) -> web.StreamResponse:
    """Does the work and refuses the call as too frequent (1302)."""
    await incident.work()
    return await _refuse(incident, 1302)


@REPLIES.declare("concurrency", API, retry_after=None)
async def _concurrency(incident: Incident) -> web.StreamResponse:
    """Refuses the call as over the resource pack's limit (1303)."""
    return await _refuse(incident, 1303)


@REPLIES.declare("account", API, code=1102, message=None)
async def _account(incident: Incident) -> web.StreamResponse:
    """Refuses the call with an account's code."""
    await incident.request.read()
    return _error(incident)


@REPLIES.declare("moderation", CREATE)
async def _moderation(incident: Incident) -> web.StreamResponse:
    """Refuses the create as unsafe (1301)."""
    return await _refuse(incident, 1301)
