"""The jobs of a web app that only queues them; workers on other machines run them.

The folder is one that the app and all workers can read: the app puts pictures and records there, the workers put videos
there. Progress comes from the queue's table. Workers: kling-async worker --slots 5 --output WEB_FOLDER/videos
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import asyncpg

from kling_async import Image2VideoRequest
from kling_async.integrations.pgqueuer import enqueue
from kling_async.integrations.queue_state import job_in_queue, queue_state
from web_jobs.job import Record

MOST_OPEN = 1000  # jobs that are queued or run
PAUSE = 1.0  # seconds between two looks at the table
SHOWN = {"queued": "waiting", "running": "processing"}


@asynccontextmanager
async def queued_jobs(postgres: str, folder: Path) -> AsyncIterator["QueuedJobs"]:
    """The app's jobs, as long as the block runs."""
    async with asyncpg.create_pool(postgres, min_size=1) as pool:
        yield QueuedJobs(pool, folder)


class QueuedJob:
    """One job, as a browser watches it."""

    def __init__(self, jobs: "QueuedJobs", job_id: str, record: Record) -> None:
        self._jobs = jobs
        self._id = job_id
        self._record = record

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Yields what the page shows, now and after each change, until the job ends or the app closes."""
        before = None
        while not self._jobs.closing.is_set():
            state, message = await self._jobs.state_of(self._id)
            if (state, message) != before:
                before = state, message
                seconds = time.time() - self._record.began
                yield {**asdict(self._record), "state": state, "message": message, "seconds": seconds}
            if state in {"done", "failed"}:
                return
            try:
                await asyncio.wait_for(self._jobs.closing.wait(), PAUSE)
            except TimeoutError:
                continue


class QueuedJobs:
    """The jobs of the app.

    Args:
        pool: Connections to the queue's database.
        folder: The folder that the app shares with the workers.
    """

    def __init__(self, pool: asyncpg.Pool, folder: Path) -> None:
        self.closing = asyncio.Event()
        self._pool = pool
        self._folder = folder

    async def is_full(self) -> bool:
        """Whether so many jobs are open that no more should be taken."""
        state = await queue_state(self._pool)
        return state.queued + state.running >= MOST_OPEN

    def hang_up(self) -> None:
        """Ends every watch, and no job."""
        self.closing.set()

    async def start(
        self, job_id: str, picture: bytes, *, prompt: str, model_name: str, duration: str
    ) -> None:
        """Queues a job, once: the same id again changes nothing.

        Raises:
            ValidationError: Rules that the request breaks; nothing was kept.
        """
        if self.find(job_id) is not None:
            return
        file = self._folder.absolute() / job_id / "picture"
        request = Image2VideoRequest(
            image=file,
            prompt=prompt or None,
            model_name=model_name,
            duration=duration,
            external_task_id=job_id,
        )
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(picture)
        await enqueue(self._pool, [request])
        record = json.dumps(asdict(Record(prompt, model_name, duration, time.time())))
        file.with_name("job.json").write_text(record, encoding="utf-8")

    def find(self, job_id: str) -> QueuedJob | None:
        """A job by its id, None if there is none."""
        try:
            record = Record(**json.loads(self._folder.joinpath(job_id, "job.json").read_bytes()))
        except FileNotFoundError:
            return None
        return QueuedJob(self, job_id, record)

    async def state_of(self, job_id: str) -> tuple[str, str]:
        """The state that the page shows, and the message of a failed one."""
        if self.video(job_id) is not None:
            return "done", ""
        found = await job_in_queue(self._pool, job_id)
        if found is None and self.video(job_id) is None:
            return "failed", "Somebody took this video out of the queue."
        state, reason = found or ("done", "")
        return ("failed", reason) if state == "held" else (SHOWN.get(state, "done"), "")

    def video(self, job_id: str) -> Path | None:
        """The file of a job's video, None if there is none."""
        file = self._folder / "videos" / f"{job_id}.mp4"
        return file if file.is_file() else None
