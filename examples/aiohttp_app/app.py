"""Upload a picture, watch the progress, play the video: with aiohttp.web.

Usage, in the folder examples: python -m aiohttp_app.app

KLING_* are the client's variables, WEB_FOLDER is where the jobs are kept, PUBLIC_URL is how Kling reaches this app if it can.
"""

import json
import os
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp_sse import sse_response

from kling_async import KlingClient, ValidationError
from kling_async.callbacks import CallbackReceiver
from web_jobs import PAGE, jobs_folder
from web_jobs.jobs import JOB_ID, MOST_BYTES, Jobs
from web_jobs.words import in_plain_words

JOBS = web.AppKey("JOBS", Jobs)
RECEIVER = web.AppKey("RECEIVER", CallbackReceiver)

routes = web.RouteTableDef()


async def lifespan(app: web.Application) -> AsyncIterator[None]:
    """One client for the app's life; jobs without an end go on."""
    folder = jobs_folder()
    async with KlingClient(journal=folder / "jobs.sqlite", max_in_flight=5) as kling:
        if public_url := os.environ.get("PUBLIC_URL"):
            local = public_url.startswith(
                "http://127.0.0.1"
            )  # the emulator reaches this, the service does not
            app[RECEIVER] = CallbackReceiver(kling, public_url=f"{public_url}/callbacks", allow_private=local)
        async with Jobs(kling, folder) as jobs:
            app[JOBS] = jobs
            yield


async def hang_up(app: web.Application) -> None:
    """Ends the streams of events when the app is told to stop."""
    app[JOBS].hang_up()


def refusal(status: int, text: str) -> web.Response:
    """An answer with a sentence for the page."""
    return web.json_response({"detail": text}, status=status)


@routes.get("/")
async def page(_: web.Request) -> web.FileResponse:
    """The page."""
    return web.FileResponse(PAGE)


@routes.put(f"/jobs/{{job_id:{JOB_ID}}}")
async def start(request: web.Request) -> web.Response:
    """Starts a job under the id that the page made up; again, it changes nothing."""
    jobs = request.app[JOBS]
    if await jobs.is_full():
        return refusal(503, "Too many videos are being made. Please try again later.")
    form = await request.post()
    image = form.get("image")
    if not isinstance(image, web.FileField):
        return refusal(422, "The picture is missing.")
    try:
        await jobs.start(
            request.match_info["job_id"],
            image.file.read(),
            prompt=str(form.get("prompt", "")),
            model_name=str(form.get("model_name", "")),
            duration=str(form.get("duration", "")),
        )
    except ValidationError as error:
        return refusal(422, in_plain_words(error))
    return web.Response(status=202)


@routes.get(f"/jobs/{{job_id:{JOB_ID}}}/events")
async def events(request: web.Request) -> web.StreamResponse:
    """A job's progress; a browser that goes away ends this and not the job."""
    job = request.app[JOBS].find(request.match_info["job_id"])
    if job is None:
        return refusal(404, "There is no such job.")
    async with sse_response(request) as stream:
        async for shown in job.watch():
            await stream.send(json.dumps(shown), retry=1000)
    return stream


@routes.get(f"/jobs/{{job_id:{JOB_ID}}}/video")
async def video(request: web.Request) -> web.StreamResponse:
    """A finished job's video."""
    file = request.app[JOBS].video(request.match_info["job_id"])
    if file is None:
        return refusal(404, "There is no such video.")
    return web.FileResponse(file, headers={"Content-Type": "video/mp4"})


@routes.post("/callbacks/{token}")
async def callback(request: web.Request) -> web.StreamResponse:
    """What Kling tells of a task; it only makes the client ask sooner."""
    if RECEIVER not in request.app:
        return refusal(404, "There are no callbacks here.")
    return await request.app[RECEIVER].aiohttp_handler(request)


def make_app() -> web.Application:
    """The app."""
    app = web.Application(client_max_size=MOST_BYTES)
    app.add_routes(routes)
    app.cleanup_ctx.append(lifespan)
    app.on_shutdown.append(hang_up)
    return app


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8000"))
    web.run_app(make_app(), host="127.0.0.1", port=port, shutdown_timeout=10, handler_cancellation=True)
