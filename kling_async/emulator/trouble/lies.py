"""Trouble with what an answer shows: another task's object, another's id, rows that are out of date."""

import json
from typing import Any

import attrs
from aiohttp import web

from kling_async.emulator.service.answers import Answer, encode
from kling_async.emulator.service.states import Status, Task
from kling_async.emulator.trouble.incident import Incident, respond
from kling_async.emulator.trouble.kind import CREATE, Kinds

LIES = Kinds()
SOMEBODY = "somebody-elses"
"""The external id of a task that the account does not have."""


@LIES.declare("another-task", frozenset({"get"}))
async def _another_task(incident: Incident) -> web.StreamResponse:
    """Shows another of the endpoint's tasks, a finished one if there is any; an invented one if there is no other."""
    answer = await incident.work()
    if answer.task is None:
        return respond(answer)
    incident.happened()
    other = _other(incident, answer.task)
    shown = _invented(incident.show(answer.task)) if other is None else incident.show(other)
    return respond(_with_data(answer, shown))


@LIES.declare("another-id", CREATE)
async def _another_id(incident: Incident) -> web.StreamResponse:
    """Creates the task and tells the external id of another one."""
    answer = await incident.work()
    if answer.task is None:
        return respond(answer)
    incident.happened()
    other = _other(incident, answer.task)
    name = SOMEBODY if other is None or other.external_task_id is None else other.external_task_id
    data = json.loads(answer.body)["data"]
    return respond(_with_data(answer, {**data, "task_info": {"external_task_id": name}}))


@LIES.declare("stale-rows", frozenset({"list"}))
async def _stale_rows(incident: Incident) -> web.StreamResponse:
    """Shows every row of the page as `submitted`, whatever the task's status is."""
    answer = await incident.work()
    rows = json.loads(answer.body).get("data")
    if not rows:
        return respond(answer)
    incident.happened()
    return respond(_with_data(answer, [_stale(row) for row in rows]))


def _other(incident: Incident, task: Task) -> Task | None:
    others = [one for one in incident.account.tasks if one is not task and one.product is task.product]
    return max(others, key=lambda one: (one.status is Status.SUCCEED, one.number), default=None)


def _invented(shown: dict[str, Any]) -> dict[str, Any]:
    video = {"id": SOMEBODY, "url": f"https://files.example/{SOMEBODY}.mp4", "duration": "5.1"}
    other = {
        "task_id": str(int(shown["task_id"]) + 1),
        "task_status": Status.SUCCEED,
        "task_info": {"external_task_id": SOMEBODY},
        "task_result": {"videos": [video]},
    }
    return {**shown, **other}


def _stale(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in {"task_result", "final_unit_deduction"}}
    return {
        **kept,
        "task_status": Status.SUBMITTED,
        "task_status_msg": "",
        "updated_at": row["created_at"],
    }


def _with_data(answer: Answer, data: Any) -> Answer:
    return attrs.evolve(answer, body=encode({**json.loads(answer.body), "data": data}))
