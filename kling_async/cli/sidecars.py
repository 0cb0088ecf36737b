"""Writes the sidecars of a batch's results: `007-cat.json` beside `007-cat.mp4`, alone if the job failed.

Promises: a sidecar is there whole or as it was; one that cannot be written is told of and ends nothing, since the video is
what was paid for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from anyio import to_thread

from kling_async import errors
from kling_async.cli.naming import write_whole
from kling_async.cli.wording import line_of
from kling_async.schema.sidecar import sidecar_of
from kling_async.schema.task import Task

FINAL: Final = (
    errors.TaskFailedError,
    errors.BadRequestError,
    errors.ContentPolicyError,
    errors.PermissionDeniedError,
)
"""Errors after which a job has ended: trying it again is another job, or another request."""


async def write_sidecar(
    video: Path,
    request: Mapping[str, Any],
    put: Callable[[str], None],
    *,
    endpoint: str,
    task: Task | None,
    key: str | None,
    error: BaseException | None,
    number: int | None = None,
) -> None:
    """Writes the sidecar of a job that has ended; does nothing for one that may go on.

    Args:
        video: Where its video is, or would be.
        request: The request's document, or its record in a journal.
        put: Shows a line if the sidecar cannot be written.
        endpoint: Path of the endpoint.
        task: The task as it ended; None if none was created.
        key: The job's own id.
        error: How it failed; None for a success.
        number: Its row; the first is 1.
    """
    if error is not None and not isinstance(error, FINAL):
        return
    sidecar = sidecar_of(
        video,
        endpoint,
        request,
        task=task,
        external_task_id=key,
        reason=None if error is None else line_of(error),
        number=number,
    )
    text = json.dumps(sidecar.document(), ensure_ascii=False, indent=2) + "\n"
    content = text.encode("utf-8", "backslashreplace")  # half a surrogate pair becomes JSON's own escape
    path = video.with_suffix(".json")
    try:
        await to_thread.run_sync(write_whole, path, content)
    except OSError as failure:
        put(f"warning: {path} cannot be written: {line_of(failure)}")
