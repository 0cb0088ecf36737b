"""The FastAPI app that only queues: workers elsewhere run its jobs, and its progress comes from the queue's table."""

import asyncio
import importlib
import io
import json
import secrets
from contextlib import asynccontextmanager, nullcontext

import aiohttp
import pytest
import uvicorn
from made_pictures import png
from workers.workers_helpers import rows, until, working

from kling_async.emulator import AtOnce, ByClock, Emulator
from kling_async.integrations.job_function import in_folder

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("connection", "hasty")]


@pytest.fixture
def folder(tmp_path, database, monkeypatch):
    """The folder that the app shares with the workers; the app has no keys."""
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KLING_POSTGRES", database)
    monkeypatch.setenv("WEB_FOLDER", str(tmp_path))
    monkeypatch.setattr("web_jobs.queued.PAUSE", 0.05)
    return tmp_path


@asynccontextmanager
async def browser():
    """Runs the app under uvicorn; gives an HTTP client with its address."""
    app = importlib.reload(importlib.import_module("fastapi_app.app")).app
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    server.capture_signals = nullcontext  # the test's process keeps its own
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session
    server.should_exit = True
    app.state.jobs.hang_up()
    await serving


async def upload(session, job_id=None, picture=None, **fields):
    """Sends the form; returns the job's id and the status."""
    job_id = job_id or secrets.token_hex(16)
    body = aiohttp.FormData()
    body.add_field("image", io.BytesIO(png() if picture is None else picture), filename="a.png")
    for name, value in {"prompt": "up", "model_name": "kling-v3", "duration": "5", **fields}.items():
        body.add_field(name, value)
    async with session.put(f"/jobs/{job_id}", data=body) as answer:
        return job_id, answer.status


async def states(session, job_id):
    """The events of a job, from now to its end."""
    async with session.get(f"/jobs/{job_id}/events") as answer:
        return [
            json.loads(line.removeprefix(b"data: "))
            async for line in answer.content
            if line.startswith(b"data: ")
        ]


async def test_a_queued_job_is_run_by_a_worker_and_played_in_the_page(folder, connection, database):
    """The events go from waiting to done, and the video is the worker's."""
    async with Emulator(render=False, advance=ByClock(0.5)) as service, browser() as session:
        job_id, status = await upload(session)
        assert (202, {"queued": 1}) == (status, await rows(connection))
        watching = asyncio.create_task(states(session, job_id))
        await asyncio.sleep(0.1)
        async with working(database, service, store=in_folder(folder / "videos")):
            seen = await watching
        assert ["waiting", "processing", "done"] == [each["state"] for each in seen]
        async with session.get(f"/jobs/{job_id}/video") as answer:
            assert (200, "video/mp4") == (answer.status, answer.content_type)
            assert (folder / "videos" / f"{job_id}.mp4").read_bytes() == await answer.read()


async def test_the_same_upload_sent_twice_is_one_job(folder, connection):
    """The id that the page made up is the job's id in the queue."""
    async with browser() as session:
        job_id, _ = await upload(session)
        assert 202 == (await upload(session, job_id))[1]
        assert {"queued": 1} == await rows(connection)


async def test_what_would_be_refused_is_not_queued(folder, connection):
    """A length that cannot be is a sentence for people, and no row."""
    async with browser() as session:
        assert 422 == (await upload(session, duration="soon"))[1]
    assert {} == await rows(connection)
    assert [] == list(folder.glob("*/picture"))


async def test_a_failed_task_tells_why(folder, connection, database):
    """The reason is the held row's."""
    async with (
        Emulator(render=False, advance=AtOnce(), fail_when=lambda _body: "too dark") as service,
        browser() as session,
        working(database, service),
    ):
        job_id, _ = await upload(session)

        async def is_held():
            return {"failed": 1} == await rows(connection)

        await until(is_held)
        seen = await states(session, job_id)
    assert "failed" == seen[-1]["state"]
    assert "too dark" in seen[-1]["message"]


async def test_unknown_jobs_are_unknown(folder):
    """A page that was made up has no events and no video."""
    async with browser() as session:
        for path in ("events", "video"):
            async with session.get(f"/jobs/{'0' * 32}/{path}") as answer:
                assert 404 == answer.status
