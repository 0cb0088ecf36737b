"""The web apps as real servers beside an emulator, and what a browser does with them."""

import asyncio
import importlib
import io
import json
import secrets
import signal
import socket
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from kling_async.emulator import ByClock, Emulator

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "examples" / "images" / "rocket.jpg"
FORM = {"prompt": "It lifts off", "model_name": "kling-v3", "duration": "5"}


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@asynccontextmanager
async def fastapi_server(port):
    """The FastAPI app under uvicorn, which is stopped by the signal that stops it elsewhere."""
    import uvicorn

    app = importlib.reload(importlib.import_module("fastapi_app.app")).app
    ours = signal.signal(
        signal.SIGTERM, lambda *_: None
    )  # where uvicorn sends the signal on when it has stopped
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        yield
    finally:
        if not serving.done():
            signal.raise_signal(signal.SIGTERM)
        await serving
        signal.signal(signal.SIGTERM, ours)


@asynccontextmanager
async def aiohttp_server(port):
    """The app of aiohttp.web, as `run_app` runs it, but with less patience for the rest of a refused upload."""
    from aiohttp_app.app import make_app

    runner = web.AppRunner(make_app(), handler_cancellation=True, shutdown_timeout=10, lingering_time=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


SERVERS = {"fastapi": fastapi_server, "aiohttp": aiohttp_server}


class Browser:
    """What the page's script does, by a real HTTP client.

    Args:
        session: The client.
        url: The app's address.
    """

    def __init__(self, session, url):
        self.session = session
        self.url = url

    async def upload(self, job_id=None, picture=None, **fields):
        """Sends the form; returns the job's id, the status and the sentence of a refusal."""
        job_id = job_id or secrets.token_hex(16)
        body = aiohttp.FormData()
        content = io.BytesIO(PICTURE.read_bytes() if picture is None else picture)
        body.add_field("image", content, filename="../../etc/passwd")
        for name, value in {**FORM, **fields}.items():
            body.add_field(name, value)
        async with self.session.put(f"{self.url}/jobs/{job_id}", data=body) as answer:
            said = await answer.json() if answer.content_type == "application/json" else None
        return job_id, answer.status, said["detail"] if said else None

    async def watch(self, job_id):
        """Yields the events of a job until the server ends the stream."""
        async with self.session.get(f"{self.url}/jobs/{job_id}/events") as answer:
            assert (200, "text/event-stream") == (answer.status, answer.content_type)
            async for line in answer.content:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

    async def until(self, job_id, *states):
        """The first event in one of these states."""
        async for event in self.watch(job_id):
            if event["state"] in states:
                return event
        raise AssertionError(f"the stream ended before {states}")

    async def video(self, job_id, **headers):
        """The status, type and bytes of a job's video."""
        async with self.session.get(f"{self.url}/jobs/{job_id}/video", headers=headers) as answer:
            return answer.status, answer.content_type, await answer.read()


class World:
    """An emulator, a folder, and the app that may be started and stopped; callbacks make it quick.

    Args:
        emulator: The service.
        folder: Where the app keeps its jobs.
        kind: Which app.
        session: An HTTP client.
    """

    def __init__(self, emulator, folder, kind, session):
        self.emulator, self.folder, self.kind = emulator, folder, kind
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.browser = Browser(session, self.url)

    def app(self):
        """Runs the app, for a block."""
        return SERVERS[self.kind](self.port)

    async def finish(self, job_id):
        """Has the job's task end at the service, and waits until the app is done with it."""
        await self.browser.until(job_id, "submitted", "processing")
        await self.emulator.fast_forward(200)
        return await self.browser.until(job_id, "done", "failed")


@pytest.fixture(params=SERVERS)
def kind(request):
    """Each of the two apps."""
    return request.param


@pytest.fixture
async def world(kind, tmp_path, monkeypatch):
    """A service whose tasks take 120 s, and an app that is not started yet."""
    async with (
        Emulator(advance=ByClock(120), render=False) as emulator,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
    ):
        world = World(emulator, tmp_path / "web", kind, session)
        for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("KLING_BASE_URL", emulator.url)
        monkeypatch.setenv("KLING_API_KEY", emulator.api_key)
        monkeypatch.setenv("WEB_FOLDER", str(world.folder))
        monkeypatch.setenv("PUBLIC_URL", world.url)
        yield world
