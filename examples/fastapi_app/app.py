"""Upload a picture, watch the progress, play the video: with FastAPI.

Usage, in the folder examples: uvicorn fastapi_app.app:app

KLING_* are the client's variables, WEB_FOLDER is where the jobs are kept, PUBLIC_URL is how Kling reaches this app if it can.
With KLING_POSTGRES the app only queues jobs, and `kling-async worker` runs them; it needs no keys then.
"""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Annotated

from fastapi import Depends, FastAPI, Form, HTTPException, Path, Request, UploadFile
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from kling_async import KlingClient, ValidationError
from kling_async.callbacks import CallbackReceiver
from web_jobs import PAGE, jobs_folder
from web_jobs.job import AnyJobs, WatchedJob
from web_jobs.jobs import JOB_ID, MOST_BYTES, Jobs
from web_jobs.words import in_plain_words


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One client for the app's life; jobs without an end go on."""
    folder = jobs_folder()
    if postgres := os.environ.get("KLING_POSTGRES"):
        from web_jobs.queued import queued_jobs  # noqa: PLC0415 - it needs kling-async[pgqueuer]

        async with queued_jobs(postgres, folder) as queued:
            app.state.jobs = queued
            with hang_up_on_exit(queued):
                yield
        return
    async with KlingClient(journal=folder / "jobs.sqlite", max_in_flight=5) as kling:
        if public_url := os.environ.get("PUBLIC_URL"):
            local = public_url.startswith(
                "http://127.0.0.1"
            )  # the emulator reaches this, the service does not
            receiver = CallbackReceiver(kling, public_url=f"{public_url}/callbacks", allow_private=local)
            app.mount("/callbacks", receiver.asgi)
        async with Jobs(kling, folder) as jobs:
            app.state.jobs = jobs
            with hang_up_on_exit(jobs):
                yield


@contextmanager
def hang_up_on_exit(jobs: AnyJobs) -> Iterator[None]:
    """Ends the streams of events when uvicorn is told to stop, since it waits for them first of all."""
    loop, main = asyncio.get_running_loop(), threading.current_thread() is threading.main_thread()
    numbers = (
        (signal.SIGINT, signal.SIGTERM) if main else ()
    )  # elsewhere, as in a test client, there are no signals
    before = {number: then for number in numbers if callable(then := signal.getsignal(number))}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(jobs.hang_up)
        before[signal.Signals(number)](number, frame)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, then in before.items():
            signal.signal(number, then)


app = FastAPI(lifespan=lifespan, max_body_size=MOST_BYTES)


async def jobs_of(request: Request) -> AnyJobs:
    """The app's jobs."""
    jobs: AnyJobs = request.app.state.jobs
    return jobs


AppJobs = Annotated[AnyJobs, Depends(jobs_of)]
JobId = Annotated[str, Path(pattern=f"^{JOB_ID}$")]


async def known_job(job_id: JobId, jobs: AppJobs) -> WatchedJob:
    """The job of a path, or 404."""
    job = jobs.find(job_id)
    if job is None:
        raise HTTPException(404, "There is no such job.")
    return job


@app.get("/")
async def page() -> FileResponse:
    """The page."""
    return FileResponse(PAGE)


@app.put("/jobs/{job_id}", status_code=202)
async def start(
    jobs: AppJobs,
    job_id: JobId,
    image: UploadFile,
    model_name: Annotated[str, Form()],
    duration: Annotated[str, Form()],
    prompt: Annotated[str, Form()] = "",
) -> None:
    """Starts a job under the id that the page made up; again, it changes nothing."""
    if await jobs.is_full():
        raise HTTPException(503, "Too many videos are being made. Please try again later.")
    try:
        await jobs.start(job_id, await image.read(), prompt=prompt, model_name=model_name, duration=duration)
    except ValidationError as error:
        raise HTTPException(422, in_plain_words(error)) from error


@app.get("/jobs/{job_id}/events", response_class=EventSourceResponse)
async def events(job: Annotated[WatchedJob, Depends(known_job)]) -> AsyncIterator[ServerSentEvent]:
    """A job's progress; a browser that goes away ends this and not the job."""
    async for shown in job.watch():
        yield ServerSentEvent(data=shown, retry=1000)


@app.get("/jobs/{job_id}/video")
async def video(job_id: JobId, jobs: AppJobs) -> FileResponse:
    """A finished job's video."""
    file = jobs.video(job_id)
    if file is None:
        raise HTTPException(404, "There is no such video.")
    return FileResponse(file, media_type="video/mp4")
