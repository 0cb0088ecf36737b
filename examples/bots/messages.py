"""What both bots do: tell of a job in one message, and deliver its video or, if it is too large, its link."""

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from kling_async import (
    ContentPolicyError,
    Image2VideoRequest,
    Job,
    KlingClient,
    KlingError,
    Task,
    TaskFailedError,
    ValidationError,
)

logger = logging.getLogger(__name__)

Edit = Callable[[str], Awaitable[object]]
"""Changes the text of the message that tells of the job."""


async def follow(job: Job[Image2VideoRequest], edit: Edit, *, every: float) -> Task:
    """Waits for a job, and edits a message at most once in `every` seconds.

    The text has the job's id from the first edit on: whoever restarts the bot finds the task by it.

    Args:
        job: The job.
        edit: What edits the message; its errors end nothing, since users may delete messages.
        every: Seconds; messengers limit how often a bot may edit.

    Returns:
        The task, succeeded.
    """
    begun = asyncio.get_running_loop().time()

    async def tell() -> None:
        while True:
            status = "accepted" if job.task is None else job.task.status
            seconds = asyncio.get_running_loop().time() - begun
            try:
                await edit(f"{status}, {seconds:.0f} s\nTask {job.task_id}")
            except Exception:
                logger.warning("the message of task %s cannot be edited", job.task_id, exc_info=True)
            await asyncio.sleep(every)

    teller = asyncio.create_task(tell())
    try:
        return await job.wait()
    finally:
        teller.cancel()
        await asyncio.wait([teller])  # an edit that is under way shall not come after the next one


async def deliver(
    kling: KlingClient,
    task: Task,
    limit: int,
    send_file: Callable[[Path], Awaitable[object]],
    send_text: Callable[[str], Awaitable[object]],
) -> None:
    """Sends a task's video as a file, or as a link if the messenger does not take files of its size.

    Args:
        kling: The client.
        task: The succeeded task.
        limit: The messenger's limit, in bytes.
        send_file: Sends the file, which is gone afterwards.
        send_text: Sends a text.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = await kling.download(task, Path(folder) / f"{task.task_id}.mp4")
        if path.stat().st_size <= limit:
            await send_file(path)
        else:
            await send_text(f"The video is too large to be sent here: {task.videos[0].url}")


def reason(error: KlingError) -> str:
    """What a user is told: what he can change, but nothing of the account."""
    if isinstance(error, ContentPolicyError | TaskFailedError | ValidationError):
        return f"This cannot be made into a video: {error}"[:1900]
    logger.error("a job has failed: %s", error)
    return "The video service has a problem. Please try again later."
