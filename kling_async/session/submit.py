"""Sends a create once, and says what became of it; looks nothing up and repeats nothing.

Promises: an answer counts as an acceptance only if it has a task id and names no other external id than ours.
"""

from __future__ import annotations

import uuid
from typing import Final

from attrs import evolve

from kling_async.errors import APIError, ConnectionFailedError, MalformedResponseError
from kling_async.schema.task import Task, read_task
from kling_async.session.calls import Calls
from kling_async.session.create_result import Accepted, CreateResult, Unknown, classify
from kling_async.session.upload import Upload

ID_PREFIX: Final = "ka-"
"""How the external ids begin that this library makes."""


def new_external_id() -> str:
    """An id that no other job has, recognizable as this library's."""
    return f"{ID_PREFIX}{uuid.uuid4().hex}"


async def send_create(calls: Calls, path: str, upload: Upload, external_id: str) -> CreateResult:
    """Sends one create.

    Args:
        calls: Sends it, signed.
        path: The endpoint's path.
        upload: The body.
        external_id: The `external_task_id` in the body.

    Raises:
        ValidationError: A picture's file changed or could not be read while it was sent; nothing was created.
        ConfigurationError: The client is closed, or the request cannot be made.
    """
    try:
        envelope = await calls.create(path, upload)
        task = read_task(envelope.data, request_id=envelope.request_id, http_status=envelope.http_status)
    except (APIError, ConnectionFailedError, MalformedResponseError) as error:
        return classify(error)
    return _accepted(task, external_id)


def _accepted(task: Task, external_id: str) -> CreateResult:
    if task.external_task_id is None:
        return Accepted(evolve(task, external_task_id=external_id))
    if task.external_task_id == external_id:
        return Accepted(task)
    reason = f"the answer to the create of {external_id} names another external_task_id"
    return Unknown(MalformedResponseError(reason, excerpt=task.external_task_id))
