"""Trouble with result files."""

from aiohttp import web

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
