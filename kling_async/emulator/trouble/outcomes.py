"""Trouble with what becomes of a task: created late, hidden, forgotten, denied."""

import asyncio

from aiohttp import web

from kling_async.emulator.service.answers import RefusedError, refusal
from kling_async.emulator.trouble.incident import Incident, respond
from kling_async.emulator.trouble.kind import CREATE, Kinds

OUTCOMES = Kinds()


@OUTCOMES.declare("late-creation", CREATE, seconds=1.0)
async def _late_creation(incident: Incident) -> web.StreamResponse:
    """Answers 504/5002 and creates the task `seconds` later."""
    await incident.request.read()
    incident.happened()

    async def later() -> None:
        await asyncio.sleep(incident.details["seconds"])
        await incident.work()

    incident.background(later())
    return respond(refusal(RefusedError(5002)))


@OUTCOMES.declare("lagging", CREATE, seconds=1.0)
async def _lagging(incident: Incident) -> web.StreamResponse:
    """Creates the task, and no query finds it for `seconds`."""
    return await _hide(incident)


@OUTCOMES.declare("amnesia", frozenset({"create", "get"}), seconds=None)
async def _amnesia(incident: Incident) -> web.StreamResponse:
    """Forgets the task after answering, for `seconds` or without limit."""
    return await _hide(incident)


async def _hide(incident: Incident) -> web.StreamResponse:
    answer = await incident.work()
    if answer.task is not None:
        incident.happened()
        incident.account.hide(answer.task, incident.details["seconds"])
    return respond(answer)


@OUTCOMES.declare("duplicate", CREATE)
async def _duplicate(incident: Incident) -> web.StreamResponse:
    """Creates the task, and says that its external id already exists."""
    answer = await incident.work()
    if answer.task is None:
        return respond(answer)
    incident.happened()
    return respond(refusal(incident.account.duplicate(answer.task.external_task_id)))
