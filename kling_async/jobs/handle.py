"""The public handle of a job: its ids at once, then wait, watch, download.

Promises: a plain object, safe to drop; every call has a watch of its own; what it says of itself holds no secret.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Generic, TypeVar

from typing_extensions import override

from kling_async.jobs.job import JobLife
from kling_async.jobs.waits import Waits, check_wait
from kling_async.polling.schedule import Schedule
from kling_async.polling.wait import OnUpdate
from kling_async.schema.task import Task
from kling_async.session.upload import Request

RequestT = TypeVar("RequestT", bound=Request)


class Job(Generic[RequestT]):
    """A job whose task the service has accepted; `endpoint.submit` returns it.

    Attributes:
        task_id: The service's id of the task.
        external_task_id: The job's own id, by which the task can be asked for as well.
        request: The request, under its id.
    """

    task_id: str
    external_task_id: str
    request: RequestT

    def __init__(
        self,
        life: JobLife[RequestT],
        request: RequestT,
        waits: Waits,
        download: Callable[[Task, Path], Awaitable[Path]],
        *,
        check_target: Callable[[Path], Awaitable[None]],
    ) -> None:
        self.external_task_id = life.external_task_id
        self.task_id = life.task_id or life.external_task_id
        self.request = request
        self._life = life
        self._waits = waits
        self._download = download
        self._check_target = check_target

    @override
    def __repr__(self) -> str:
        status = "not polled yet" if self.task is None else str(self.task.status)
        return f"Job(task_id={self.task_id!r}, external_task_id={self.external_task_id!r}, status={status!r})"

    @property
    def task(self) -> Task | None:
        """The task as last seen; None if it was taken over from a journal and not polled yet."""
        return self._life.task

    async def wait(
        self,
        *,
        timeout: float | None = 3600,
        on_update: OnUpdate | None = None,
        schedule: Schedule | None = None,
    ) -> Task:
        """Waits until the task has ended; can be called any number of times, also at once.

        Args:
            timeout: Seconds until the wait is given up, above 0; None waits without limit.
            on_update: Called with the task when its status changes, plain or async; what it raises is logged.
            schedule: When to poll, see `kling_async.polling.schedule`; None: the client's.

        Returns:
            The task, succeeded, with its results.

        Raises:
            TaskFailedError: The task failed; the error holds it and the service's reason.
            TaskTimeoutError: The time was over; the task goes on at the service and can be waited for again.
            ResultMissingError: The task succeeded, but several polls showed no result.
            ClientClosedError: The client was closed.
            KlingError: A permanent error, such as revoked keys. Transient ones never end the wait.
        """
        check_wait(timeout, schedule, on_update)
        return await self._life.until_end(timeout, on_update, schedule)

    async def watch(
        self, *, timeout: float | None = 3600, schedule: Schedule | None = None
    ) -> AsyncIterator[Task]:
        """The task's changes of status, the terminal one last, whether it succeeded or failed.

        Args:
            timeout: Seconds until the wait is given up, above 0; None waits without limit.
            schedule: When to poll; None: the client's.

        Raises:
            KlingError: As `wait`, but for a failed task, which is yielded.
        """
        check_wait(timeout, schedule)
        async for task in self._waits.changes(self._life.watching(timeout, schedule)):
            self._life.see(task)
            yield task

    async def download(self, path: Path) -> Path:
        """Waits until the task has ended, and downloads its result; raises as `wait` and `client.download`.

        Args:
            path: The file to write; an existing one is replaced. Its folder is checked before the wait.
        """
        await self._check_target(path)
        return await self._download(await self.wait(), path)
