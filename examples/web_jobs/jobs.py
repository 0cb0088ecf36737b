"""All jobs of a small web app, without the web.

A job belongs to the app and not to a browser. Each has a folder with its picture, its record and, at last, its video.
After a restart, each job whose record has no end goes on; the client's journal sees to it that none is paid for twice.
"""

import asyncio
import contextlib
import json
import logging
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from kling_async import Image2VideoRequest, JobState, KlingClient, KlingError, Problem, Task, ValidationError
from web_jobs.job import Job, Record
from web_jobs.words import in_plain_words, is_over

JOB_ID = "[0-9a-f]{32}"  # 128 random bits, made by the page: who knows an id may see its job
MODELS = ("kling-v3", "kling-v2-6", "kling-v2-5-turbo")  # each has its price: offer what you want to pay for
MOST_BYTES = 12 * 1024 * 1024  # of an upload; Kling takes pictures of 10 MB
MOST_OPEN = 100  # jobs that run or wait
GRACE = 10.0  # seconds that a shutdown gives to creates that are on their way

logger = logging.getLogger(__name__)


class Jobs:
    """The jobs; entering the block goes on with those that have no end yet.

    Args:
        kling: The app's one client, with a journal.
        folder: Holds the folders of the jobs.
    """

    def __init__(self, kling: KlingClient, folder: Path) -> None:
        self._kling = kling
        self._folder = folder
        self._open: dict[str, tuple[Job, asyncio.Task[None]]] = {}

    async def is_full(self) -> bool:
        """Whether so many jobs are open that no more should be taken."""
        return len(self._open) >= MOST_OPEN

    async def __aenter__(self) -> Self:
        for file in self._folder.glob("*/job.json"):
            self.find(file.parent.name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Has creates that are on their way answered, then ends the waits; the tasks go on at the service."""
        journal = self._kling.journal
        sent = {entry.key for entry in await journal.entries(JobState.UNKNOWN)} if journal else set()
        runners = [runner for _, runner in self._open.values()]
        for job_id, (_, runner) in self._open.items():
            if job_id not in sent:
                runner.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                for job, _ in [self._open[job_id] for job_id in sent & self._open.keys()]:
                    await job.accepted.wait()
        for runner in runners:
            runner.cancel()
        await asyncio.gather(*runners, return_exceptions=True)

    def hang_up(self) -> None:
        """Ends every watch, so that no browser holds up a shutdown."""
        for job, _ in self._open.values():
            job.hang_up()

    async def start(
        self, job_id: str, picture: bytes, *, prompt: str, model_name: str, duration: str
    ) -> None:
        """Starts a job, once: the same id again, after a lost answer or a double click, changes nothing.

        Raises:
            ValidationError: Rules that the request breaks; nothing was kept.
        """
        if self.find(job_id) is not None:
            return
        if model_name not in MODELS:
            raise ValidationError([Problem("model_name", f"is none of {', '.join(MODELS)}")])
        record = Record(prompt, model_name, duration, time.time())
        self._request(job_id, record)
        self._folder.joinpath(job_id).mkdir(exist_ok=True)
        self._folder.joinpath(job_id, "picture").write_bytes(picture)
        self._save(job_id, record)
        self.find(job_id)

    def find(self, job_id: str) -> Job | None:
        """A job by its id, None if there is none; one that was interrupted goes on."""
        if job_id in self._open:
            return self._open[job_id][0]
        try:
            record = Record(**json.loads(self._folder.joinpath(job_id, "job.json").read_bytes()))
        except FileNotFoundError:
            return None
        job = Job(record)
        if record.state not in {"done", "failed"}:
            self._open[job_id] = job, asyncio.create_task(self._run(job_id, job))
        return job

    def video(self, job_id: str) -> Path | None:
        """The file of a job's video, None if there is none."""
        job = self.find(job_id)
        return self._folder / job_id / "video.mp4" if job and job.record.state == "done" else None

    async def _run(self, job_id: str, job: Job) -> None:
        def on_update(task: Task) -> None:
            if not task.is_terminal:
                job.show(str(task.status))

        try:
            request = self._request(job_id, job.record)
            task = await self._kling.image2video.generate(request, timeout=None, on_update=on_update)
            job.show("saving")
            await self._kling.download(task, self._folder / job_id / "video.mp4")
            job.show("done")
            self._keep_end(job_id, job)
        except KlingError as error:
            logger.warning("job %s %s: %s", job_id, "failed" if is_over(error) else "is interrupted", error)
            job.show("failed", in_plain_words(error))
            if is_over(error):
                self._keep_end(job_id, job)
        except Exception:
            logger.exception("job %s is interrupted", job_id)
            job.show("failed", "Something went wrong here. Reload this page to try again.")
        finally:
            del self._open[job_id]

    def _keep_end(self, job_id: str, job: Job) -> None:
        self._save(job_id, job.record)
        self._folder.joinpath(job_id, "picture").unlink(missing_ok=True)

    def _save(self, job_id: str, record: Record) -> None:
        file = self._folder / job_id / "job.json"
        file.with_suffix(".new").write_text(json.dumps(asdict(record)), encoding="utf-8")
        file.with_suffix(".new").replace(file)

    def _request(self, job_id: str, record: Record) -> Image2VideoRequest:
        return Image2VideoRequest(
            image=self._folder / job_id / "picture",
            prompt=record.prompt or None,
            model_name=record.model_name,
            duration=record.duration,
            external_task_id=job_id,
        )
