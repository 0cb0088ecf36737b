"""The steps of one task, of whichever endpoint, on the display: created, waited for and fetched.

Promises: each change of status is seen with both ids; several results go to a folder, a single one to its file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kling_async.cli.ongoing import Ongoing, State
from kling_async.cli.output import put, put_json, results_of, task_document
from kling_async.cli.progress import Display

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.endpoints.base import Endpoint
    from kling_async.schema.task import Task

IMAGE2VIDEO: Final = "/v1/videos/image2video"
"""The path of the endpoint that commands mean if nothing else is said."""


def endpoint_of(kling: KlingClient, path: str | None) -> Endpoint[Any]:
    """The endpoint of a path; None means image2video."""
    from kling_async.schema.family import TYPED  # noqa: PLC0415 - the help shall not wait for it

    path = path or IMAGE2VIDEO
    found: Endpoint[Any] = getattr(kling, TYPED[path]) if path in TYPED else kling.endpoint(path)
    return found


async def submit(endpoint: Endpoint[Any], request: Any, screen: Display) -> Task:
    """Creates the task, and does not wait for it."""
    screen.row("submitting")
    job = await endpoint.submit(request)
    return job.task or await endpoint.get(job.task_id)


async def generate(
    kling: KlingClient,
    endpoint: Endpoint[Any],
    request: Any,
    job: Ongoing,
    screen: Display,
    timeout: float | None,
) -> tuple[Task, list[Path]]:
    """Creates the task, waits for its end and downloads its results; each step is seen on the display."""
    steps = _Steps(screen, "submitting")
    task = await endpoint.generate(request, timeout=timeout, on_update=steps.see)
    return task, await steps.fetch(kling, task, job)


async def wait(
    kling: KlingClient, task_id: str, job: Ongoing, screen: Display, timeout: float | None
) -> tuple[Task, list[Path]]:
    """Waits for a task's end and downloads its results, if the job has a place for them."""
    steps = _Steps(screen, f"polling {task_id}")
    endpoint = endpoint_of(kling, job.endpoint)
    task = await endpoint.wait_for_task(task_id, timeout=timeout, on_update=steps.see)
    job.task_id, job.external_task_id = task.task_id, task.external_task_id
    return task, await steps.fetch(kling, task, job)


def put_result(task: Task, files: list[Path] | None, *, as_json: bool) -> None:
    """Prints the paths of the files, the task's id if nothing was to be fetched, or a result that is not a file.

    Args:
        task: The task.
        files: The files that were written; None: nothing was to be fetched.
        as_json: Whether the task is printed as a document.
    """
    if as_json:
        paths = [str(file) for file in files or ()]
        put_json({**task_document(task), "file": paths[0] if len(paths) == 1 else None, "files": paths})
    elif files is None:
        put(task.task_id)
    elif files:
        put("\n".join(map(str, files)))
    else:
        put_json(task.raw.get("task_result") or {})


class _Steps:
    """The steps of one job on the display."""

    def __init__(self, screen: Display, first: str) -> None:
        self._screen = screen
        self._row = screen.row(first)

    def see(self, task: Task) -> None:
        """Shows a task's new status."""
        self._row.see(task)
        name = "" if task.external_task_id is None else f" external_task_id={task.external_task_id}"
        self._screen.note(f"{task.status} task_id={task.task_id}{name}")

    async def fetch(self, kling: KlingClient, task: Task, job: Ongoing) -> list[Path]:
        """Downloads a task's results, if the job has a place for them; several go to the file's folder."""
        count = results_of(task)
        if count == 0 or (job.output is None and job.directory is None):
            return []
        job.state = State.READY
        if job.output is not None and count == 1:
            self._say(str(job.output), job.output.name)
            return [await kling.download(task, job.output, on_progress=self._row.receive)]
        folder = job.directory if job.output is None else job.output.parent
        self._say(f"{count} results", f"{count} results")
        return await kling.download_all(task, folder or Path(), on_progress=self._row.receive)

    def _say(self, step: str, short: str) -> None:
        self._row.say(f"downloading {short}")
        self._screen.note(f"downloading {step}")
