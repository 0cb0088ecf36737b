"""The commands of docs/web_backends.md start the apps, and the signal of every supervisor stops them cleanly."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import anyio
import pytest

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "fastapi": ("-m", "uvicorn", "--app-dir", "examples", "fastapi_app.app:app", "--port"),
    "aiohttp": ("-m", "aiohttp_app.app"),
}


@asynccontextmanager
async def running(world):
    """The app in a process of its own; its end is awaited by whoever sends a signal."""
    *command, last = COMMANDS[world.kind]
    arguments = [*command, last, str(world.port)] if last == "--port" else [*command, last]
    process = await anyio.open_process(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PORT": str(world.port), "PYTHONPATH": "examples"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        with anyio.fail_after(40):
            while not await answers(world):  # noqa: ASYNC110 - another process's server is not an event
                await asyncio.sleep(0.02)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.aclose()


async def answers(world):
    """Whether the page is served."""
    try:
        async with world.browser.session.get(world.url) as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


async def test_a_signal_stops_the_app_and_the_next_start_goes_on(world):
    """It stops at once with a stream open, writes no traceback, and another process finishes the job: one task."""
    async with running(world) as process:
        job_id, status, _ = await world.browser.upload()
        assert 202 == status
        events = world.browser.watch(job_id)
        while (await anext(events))["state"] != "submitted":
            pass
        process.send_signal(signal.SIGTERM)
        assert [] == [event async for event in events]
        with anyio.fail_after(10):
            said = b"".join([part async for part in process.stderr]).decode()
            assert await process.wait() in {0, -signal.SIGTERM}
    assert "Traceback" not in said
    assert "goes on at the service" in said  # with both ids
    async with world.app():
        assert "done" == (await world.finish(job_id))["state"]
    assert 1 == len(world.emulator.tasks)


@pytest.mark.parametrize("kind", ["aiohttp"], indirect=True)  # what is kept is the same for both
async def test_a_killed_app_loses_no_job(world):
    """SIGKILL right after the upload was taken: the next start finishes it, with one task."""
    async with running(world) as process:
        job_id, status, _ = await world.browser.upload()
        process.kill()
        assert 202 == status
        await process.wait()
    async with world.app():
        assert "done" == (await world.finish(job_id))["state"]
    assert 1 == len(world.emulator.tasks)
