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

import anyio
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
from kling_async.jobs.results import Result, all_results, suffix_of
from kling_async.schema.family import TYPED
from kling_async.schema.task import Task

if TYPE_CHECKING:
    from kling_async.client import KlingClient

Store: TypeAlias = Callable[[Task, Result], Awaitable[Path | None] | Path | None]
"""Says where a result goes, plain or async: the file to download to, or None if it has taken the result itself."""

_ENDED: Final = (TaskFailedError, ResultMissingError)
_REFUSED: Final = (ValidationError, BadRequestError, ContentPolicyError, PermissionDeniedError, *_ENDED)
_RAN: Final = (TaskNotFoundError, *_ENDED)
_STORED: Final = (ValidationError, *_RAN)
"""What ends a job before its task is known, while it runs, and after it has ended."""


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
        store: Says where each result goes. What it raises leaves this function, but for `ConnectionError` and
            `TimeoutError`, which put the job back; it may raise `PutBackError` itself. The same holds for `load`.
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
    found_from: float | None = None  # when its task can be found under the job's id, on the loop's clock

    def on_update(task: Task) -> None:
        nonlocal found_from
        settle = submission.SETTLE if found_from is None and not task.is_terminal else 0.0
        found_from = anyio.current_time() + settle  # the first comes with the acceptance, the next from polls

    ended = False
    try:
        task = await _finished(kling, job, load, on_update)
        ended = True
        for result in all_results(task):
            await _stored(kling, task, result, store)
    except asyncio.CancelledError:
        # Its create may be on the way; or nobody has cancelled this, and it is an error of `store` or `load`:
        delay = submission.SETTLE
        if found_from is not None and _is_cancelled():
            delay = 0.0 if ended else max(0.0, found_from - anyio.current_time())
        raise PutBackError(delay, f"the worker was stopped; job {job.key} goes on elsewhere") from None
    except KlingError as error:
        ends = _STORED if ended else _RAN if found_from is not None else _REFUSED
        if isinstance(error, ends) or (isinstance(error, DownloadError) and _is_final(error)):
            raise
        raise PutBackError(submission.SETTLE, f"job {job.key}: {error}") from error
    except (ConnectionError, TimeoutError) as error:  # of `load` or `store`
        raise PutBackError(submission.SETTLE, f"job {job.key}: {type(error).__name__}: {error}") from error
    return task


def in_folder(folder: Path) -> Store:
    """Stores results in a folder, named after the job's id; a file that is there already is left alone.

    Args:
        folder: The folder, made if it is missing.
    """
    folder = Path(folder)

    async def store(task: Task, result: Result) -> Path | None:
        of_kind = next(each for each in (task.videos, task.images, task.audios) if result in each)
        number = "" if len(of_kind) == 1 else f"-{of_kind.index(result) + 1}"
        name = quote(task.external_task_id or task.task_id, safe=" ")
        path = folder / f"{name}{number}{suffix_of(result)}"
        await to_thread.run_sync(lambda: folder.mkdir(parents=True, exist_ok=True))
        return None if await to_thread.run_sync(path.exists) else path

    return store


def _is_cancelled() -> bool:
    """Whether somebody wants this task to end; a `CancelledError` can also leave `store` or `load` by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_final(error: DownloadError) -> bool:
    """Whether no later attempt on this machine can do better: purged, or the path or the disk cannot be used."""
    return error.expired or isinstance(error.__cause__, OSError | ValueError)


async def _finished(kling: KlingClient, job: Payload, load: Load, on_update: Callable[[Task], None]) -> Task:
    """The ended task; found under the job's id, or created."""
    name = TYPED.get(job.path)
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
    return found if submission.is_known_as(found, key) else None


async def _stored(kling: KlingClient, task: Task, result: Result, store: Store) -> None:
    place = store(task, result)
    path = await place if inspect.isawaitable(place) else place
    if path is not None:
        await kling.download(result, path)
