"""What a callback tells: its body as a `Task`.

Promises: no I/O; total: whatever the bytes, a `Task` or `MalformedResponseError`. A callback is news, not truth: it
comes at most once and in no order, so whoever needs to be certain polls the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from kling_async.errors import MalformedResponseError
from kling_async.schema.task import Task, read_task
from kling_async.schema.wire import parse

_NEWER_NAMES: Final = {
    "task_id": "id",
    "task_status": "status",
    "task_status_msg": "message",
    "created_at": "create_time",
    "updated_at": "update_time",
}
"""The API reference's names and what the newer API calls them."""


def read_callback(body: bytes) -> Task:
    """Reads a callback's body.

    Two shapes are read: the bare task object of the API reference, and that of the newer API and of the console's test
    callback (`id, status, message, create_time, update_time, external_id, outputs`), whose status
    `succeeded` reads as succeed and whose outputs with a `url` become videos.

    Args:
        body: The body's bytes; check them with `verify_signature` first.

    Returns:
        The task as told; `raw` holds the mapping as received.

    Raises:
        MalformedResponseError: The bytes are not a JSON object with a task's id.
    """
    if not isinstance(body, bytes):  # whatever a framework hands over
        raise MalformedResponseError(f"the callback is of type {type(body).__name__}; it must be bytes")
    try:
        received = parse(body)
    except (ValueError, RecursionError):
        excerpt = body[:800].decode("utf-8", "replace")
        raise MalformedResponseError("the callback is not JSON", excerpt=excerpt) from None
    if isinstance(received, dict) and "task_id" not in received and "id" in received:
        return evolve(read_task(_older_shape(received)), raw=received)
    return read_task(received)


def _older_shape(received: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{older: received.get(newer) for older, newer in _NEWER_NAMES.items()},
        "task_info": {"external_task_id": received.get("external_id")},
        "task_result": {"videos": received.get("outputs")},
    }
