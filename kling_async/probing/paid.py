"""One short job that costs money, and what it shows.

Promises: the create is sent once, and under the same id a second time, which is what is to be seen; the id is told before
anything is sent. A create whose outcome is unclear is looked up, and never sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import anyio
from attrs import define, field

from kling_async.errors import KlingError, SubmissionUnknownError, harmless
from kling_async.probing.answers import Seen, members, rows_of
from kling_async.probing.caller import PATH, Caller, task_id_of
from kling_async.schema.task import TERMINAL, read_status
from kling_async.schema.wire import task_path
from kling_async.session.upload import Upload

LOOKED_FOR: Final = 60.0
"""Seconds for which a new task is looked for."""

STEP: Final = 1.0
"""Seconds between two looks for a new task."""

POLL: Final = 5.0
"""Seconds between two polls of a running task."""

CALLED_BACK: Final = 30.0
"""Seconds after the end for which a callback is waited for."""


class Listener(Protocol):
    """What receives callbacks."""

    @property
    def bodies(self) -> Sequence[Any]:
        """What was posted, parsed; None for a body that is not JSON."""
        ...

    async def until(self, wanted: Callable[[Any], bool]) -> None:
        """Returns when a body that is wanted was posted."""
        ...


@define
class Job:
    """What one job showed."""

    external_task_id: str
    """Its own id."""

    task_id: str | None = None
    """The service's id, once it is known."""

    created: Seen = field(factory=lambda: Seen(trouble="not sent"))
    """The answer to the create."""

    found_after: dict[str, float | None] = field(factory=dict)
    """Seconds until the task was found, by `task id`, `external id` and `list`; None: not within `LOOKED_FOR`."""

    repeated: Seen = field(factory=lambda: Seen(trouble="not sent"))
    """The answer to the second create."""

    ended: Seen = field(factory=lambda: Seen(trouble="the task was not seen to end"))
    """The query that showed the end."""

    row: Mapping[str, Any] | None = None
    """The list's row then."""

    file: str | None = None
    """What the file server did; None if there was no file to ask for."""

    file_status: int | None = None
    """The HTTP status of the file server."""

    callbacks: list[Any] | None = None
    """What was posted; None if nothing listened."""

    second_task_id: str | None = None
    """The task that the second create made, which it should not."""


async def carry_out(
    caller: Caller,
    upload: Upload,
    job: Job,
    listener: Listener | None,
    say: Callable[[str], None],
    timeout: float | None,
) -> None:
    """Creates the job's task, creates it again, and follows it to its end.

    Args:
        caller: Sends the calls.
        upload: The request, with the job's external id.
        job: Updated as it goes.
        listener: Receives callbacks; None: there are none.
        say: Told what is going on.
        timeout: Seconds to wait for the end; None: without limit.

    Raises:
        SubmissionUnknownError: Whether the task was created is not known.
        KlingError: The service refused the create, or the time was over.
    """
    caller.hide(job.external_task_id)
    say(f"creating a task under external_task_id {job.external_task_id}")
    job.created = await caller.create(upload)
    job.task_id = task_id_of(job.created) if job.created.code == 0 else None
    began = anyio.current_time()
    if job.task_id is None and job.created.refused:
        raise KlingError(f"the service refused the job: {job.created.shown}; nothing was created")
    if job.task_id is not None:
        say(f"created task {job.task_id}")
        caller.hide(job.task_id)
    await _find(caller, job, began)
    if job.task_id is None:
        raise SubmissionUnknownError(job.external_task_id, job.created.shown)
    say("creating it again, under the same id")
    job.repeated = await caller.create(upload)
    if job.repeated.code == 0 and task_id_of(job.repeated) != job.task_id:
        job.second_task_id = task_id_of(job.repeated)
        say(f"the service made a SECOND task under the same id: {job.second_task_id}")
    say("waiting for the end")
    with anyio.move_on_after(timeout) as limit:
        await _until_end(caller, job)
    if limit.cancelled_caught:
        raise KlingError(f"task {job.task_id} has not ended within {timeout:g} s; it goes on")
    await _fetch_first_bytes(caller, job)
    if listener is not None:
        await _called_back(job, listener)


async def _find(caller: Caller, job: Job, began: float) -> None:
    """Looks for the task by both ids and on the list, until all three show it or the time is over."""
    waits = {"external id": task_path(PATH, job.external_task_id), "list": PATH}
    if job.task_id is not None:
        waits["task id"] = task_path(PATH, job.task_id)
    job.found_after = dict.fromkeys(waits)
    while anyio.current_time() < began + LOOKED_FOR:
        for name in [name for name, after in job.found_after.items() if after is None]:
            answer = await caller.get(
                waits[name], {"pageNum": "1", "pageSize": "30"} if name == "list" else None
            )
            if _shows(answer, job):
                job.found_after[name] = anyio.current_time() - began
                job.task_id = job.task_id or task_id_of(answer)
        if None not in job.found_after.values():
            return
        await anyio.sleep(STEP)


def _shows(answer: Seen, job: Job) -> bool:
    rows = rows_of(answer) or [members(answer.data)]
    return answer.code == 0 and any(
        row.get("task_id") and (job.task_id in {None, str(row["task_id"])}) for row in rows
    )


async def _until_end(caller: Caller, job: Job) -> None:
    path = task_path(PATH, str(job.task_id))
    while True:
        answer = await caller.get(path)
        if read_status(members(answer.data).get("task_status")) in TERMINAL:
            job.ended = answer
            break
        await anyio.sleep(POLL)
    rows = rows_of(await caller.get(PATH, {"pageNum": "1", "pageSize": "30"}))
    job.row = next((row for row in rows if str(row["task_id"]) == job.task_id), None)


async def _fetch_first_bytes(caller: Caller, job: Job) -> None:
    videos = members(members(job.ended.data).get("task_result")).get("videos")
    url = members(videos[0] if isinstance(videos, list) and videos else None).get("url")
    if not isinstance(url, str):
        return
    try:
        where = caller.transport.file_url(url)
        async with caller.transport.file(where, {"Range": "bytes=0-63"}) as answer:
            job.file_status = answer.http_status
            job.file = f"HTTP {answer.http_status}, {harmless(answer.content_type, 40)}"
    except KlingError as error:
        job.file = type(error).__name__


async def _called_back(job: Job, listener: Listener) -> None:
    with anyio.move_on_after(CALLED_BACK):
        await listener.until(_is_end)
    job.callbacks = list(listener.bodies)


def _is_end(body: Any) -> bool:
    status = members(body).get("task_status") or members(body).get("status")
    return read_status(status) in TERMINAL
