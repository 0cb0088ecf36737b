"""One job of a queue, from its payload to its stored result; knows no engine.

Promises: the job's id is looked up before anything else, and a task that exists is adopted, whoever created it; a job
never ends while its task may still run: whatever is not an end raises `PutBackError`, and the engine is to queue the
job again.

    queue's row ──> look up ──> found: wait ─────────────┐
                        └─────> not found: create, wait ─┴──> store each result ──> done
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote

from anyio import to_thread

from kling_async.errors import (
    BadRequestError,
    ContentPolicyError,
    DownloadError,
    KlingError,
    PermissionDeniedError,
    Problem,
    ResultMissingError,
    TaskFailedError,
    TaskNotFoundError,
    ValidationError,
)
from kling_async.integrations.payload import Load, Payload, read_payload
from kling_async.jobs import submission
from kling_async.schema.task import Audio, Image, Task, Video

if TYPE_CHECKING:
    from kling_async.client import KlingClient

Result: TypeAlias = Video | Image | Audio
"""One result of a task."""

Store: TypeAlias = Callable[[Task, Result], Awaitable[Path | None] | Path | None]
"""Says where a result goes, plain or async: the file to download to, or None if it has taken the result itself."""

_TYPED: Final = {
    "/v1/videos/image2video": "image2video",
    "/v1/videos/text2video": "text2video",
    "/v1/videos/video-extend": "video_extend",
}
_REFUSALS: Final = (ValidationError, BadRequestError, ContentPolicyError, PermissionDeniedError)
_ENDS: Final = (TaskFailedError, ResultMissingError, TaskNotFoundError)


class PutBackError(Exception):
    """The job has not ended and is to be queued again.

    Attributes:
        delay: Seconds until it may be taken again.
        reason: Why, in a line.
    """

    def __init__(self, delay: float, reason: str) -> None:
        super().__init__(reason)
        self.delay = delay
        self.reason = reason


async def run_job(
    kling: KlingClient, payload: bytes | str | None, *, store: Store, load: Load = Path
) -> Task:
    """Runs one job of a queue to its end.

    Args:
        kling: The client. The queue limits how many jobs run, so it needs no `max_in_flight`.
        payload: What was queued, see `kling_async.integrations.payload`.
        store: Says where each result goes.
        load: Resolves the references of pictures; by default a path on this machine.

    Returns:
        The task, succeeded, its results stored.

    Raises:
        PutBackError: The job is to be queued again; also in place of a cancellation.
        ValidationError: The payload, or the request in it, cannot be used; nothing was sent.
        KlingError: The service refused the request, or the task has ended without a result.
    """
    job = read_payload(payload)
    if job.account not in {None, kling.account_digest}:
        raise ValidationError(
            [Problem("account", f"job {job.key} was queued for another account than this worker's")]
        )
    accepted = False

    def on_update(_task: Task) -> None:
        nonlocal accepted
        accepted = True

    try:
        task = await _finished(kling, job, load, on_update)
        accepted = True
        results: tuple[Result, ...] = (*task.videos, *task.images, *task.audios)
        for result in results:
            await _stored(kling, task, result, store)
    except asyncio.CancelledError:
        delay = 0.0 if accepted else submission.SETTLE  # its create may be on the way
        raise PutBackError(delay, f"the worker was stopped; job {job.key} goes on elsewhere") from None
    except KlingError as error:
        if isinstance(error, _ENDS if accepted else (*_REFUSALS, TaskFailedError, ResultMissingError)):
            raise
        if isinstance(error, DownloadError) and (error.expired or isinstance(error.__cause__, OSError)):
            raise
        raise PutBackError(submission.SETTLE, f"job {job.key}: {error}") from error
    return task


def in_folder(folder: Path) -> Store:
    """Stores results in a folder, named after the job's id; a file that is there already is left alone.

    Args:
        folder: The folder, made if it is missing.
    """
    folder = Path(folder)
    suffixes = {Video: ".mp4", Image: ".png", Audio: ".mp3"}

    async def store(task: Task, result: Result) -> Path | None:
        of_kind = next(each for each in (task.videos, task.images, task.audios) if result in each)
        number = "" if len(of_kind) == 1 else f"-{of_kind.index(result) + 1}"
        name = quote(task.external_task_id or task.task_id, safe=" ")
        path = folder / f"{name}{number}{suffixes[type(result)]}"
        await to_thread.run_sync(lambda: folder.mkdir(parents=True, exist_ok=True))
        return None if await to_thread.run_sync(path.exists) else path

    return store


async def _finished(kling: KlingClient, job: Payload, load: Load, on_update: Callable[[Task], None]) -> Task:
    """The ended task; found under the job's id, or created."""
    name = _TYPED.get(job.path)
    endpoint: Any = kling.endpoint(job.path) if name is None else getattr(kling, name)
    found = await _existing(endpoint, job.key)
    if found is not None:
        on_update(found)
        ended: Task = await endpoint.wait_for_task(found, timeout=None)
        return ended
    request: Any = await job.request(load)
    given = request.fields if name is None else request
    generated: Task = await endpoint.generate(given, timeout=None, on_update=on_update)
    return generated


async def _existing(endpoint: Any, key: str) -> Task | None:
    try:
        found: Task = await endpoint.get(key)
    except TaskNotFoundError:
        return None
    return found if found.external_task_id in {None, key} and found.task_id != key else None


async def _stored(kling: KlingClient, task: Task, result: Result, store: Store) -> None:
    place = store(task, result)
    path = await place if inspect.isawaitable(place) else place
    if path is not None:
        await kling.download(result, path)
