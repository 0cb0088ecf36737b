"""Trouble with result files: refusals, and hosts that handle ranges and ETags badly."""

from collections.abc import Mapping

import attrs
from aiohttp import hdrs, web

from kling_async.emulator.service.answers import Answer
from kling_async.emulator.trouble.incident import Incident, respond
from kling_async.emulator.trouble.kind import Kinds

DOWNLOADS = Kinds()
_DOWNLOAD = frozenset({"download"})


@DOWNLOADS.declare("forbidden", _DOWNLOAD)
async def _forbidden(incident: Incident) -> web.StreamResponse:
    """Refuses the file (403)."""
    incident.happened()
    body = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'
    return respond(Answer(403, body, {"Content-Type": "application/xml"}))


@DOWNLOADS.declare("etag-missing", _DOWNLOAD)
async def _etag_missing(incident: Incident) -> web.StreamResponse:
    """Sends the file without an ETag."""
    answer = await incident.work()
    incident.happened()
    return respond(_with_etag(answer, None))


@DOWNLOADS.declare("etag-changes", _DOWNLOAD)
async def _etag_changes(incident: Incident) -> web.StreamResponse:
    """Sends the file, or the part asked for, with an ETag that it never had before."""
    answer = await incident.work()
    incident.happened()
    return respond(_with_etag(answer, f'"{incident.chance.randrange(2**64):016x}"'))


@DOWNLOADS.declare("range-ignored", _DOWNLOAD)
async def _range_ignored(incident: Incident) -> web.StreamResponse:
    """Sends the whole file (200) to a request for a part of it."""
    asked = incident.request.headers
    answer = await incident.work(_without(asked, hdrs.RANGE))
    if hdrs.RANGE in asked:
        incident.happened()
    return respond(answer)


@DOWNLOADS.declare("range-wrong", _DOWNLOAD, by=1)
async def _range_wrong(incident: Incident) -> web.StreamResponse:
    """Sends (206) a part that begins `by` bytes after the one asked for, and says so."""
    answer = await incident.work()
    by = incident.details["by"]
    if answer.status != 206 or by >= len(answer.body):
        return respond(answer)
    incident.happened()
    first, rest = answer.headers[hdrs.CONTENT_RANGE].removeprefix("bytes ").split("-")
    headers = {**answer.headers, hdrs.CONTENT_RANGE: f"bytes {int(first) + by}-{rest}"}
    return respond(attrs.evolve(answer, body=answer.body[by:], headers=headers))


def _with_etag(answer: Answer, etag: str | None) -> Answer:
    headers = _without(answer.headers, hdrs.ETAG)
    return attrs.evolve(answer, headers=headers if etag is None else {**headers, hdrs.ETAG: etag})


def _without(headers: Mapping[str, str], left_out: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != left_out.lower()}
