"""An emulator in a thread of its own, and the command line against it: in this process or in a real one."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from kling_async.cli.group import cli
from kling_async.emulator import AtOnce, Emulator

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "images" / "astronaut.jpg"
KEYS = ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY", "KLING_BASE_URL")


@pytest.fixture
def photo():
    """A real photograph."""
    return PHOTO


@pytest.fixture
def service(monkeypatch, tmp_path):
    """A running emulator whose keys are in the environment; the current directory is an empty one."""
    emulator = Emulator(render=False, advance=AtOnce())
    started, loops = threading.Event(), []

    async def serve():
        async with emulator:
            ended = asyncio.Event()
            loops.append((asyncio.get_running_loop(), ended))
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(10)
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KLING_ACCESS_KEY", emulator.access_key)
    monkeypatch.setenv("KLING_SECRET_KEY", emulator.secret_key)
    monkeypatch.setenv("KLING_BASE_URL", emulator.url)
    monkeypatch.chdir(tmp_path)
    yield emulator
    loop, ended = loops[0]
    loop.call_soon_threadsafe(ended.set)
    thread.join()


@pytest.fixture
def run():
    """Run a command in this process: `run("tasks", "list")` gives exit_code, stdout and stderr."""
    return lambda *words, **options: CliRunner().invoke(cli, [str(word) for word in words], **options)


@pytest.fixture
def documents():
    """The JSON documents of a stdout, one a line."""
    return lambda stdout: [json.loads(line) for line in stdout.splitlines()]


@pytest.fixture
def python():
    """Start a Python process with the package at hand: `python("-m", "kling_async.cli", …)`."""
    started = []

    def start(*words, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        environment = {**os.environ, "PYTHONPATH": path}
        process = subprocess.Popen([sys.executable, *map(str, words)], env=environment, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def unused_port():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def interrupt():
    """Send a process Ctrl-C, or another signal, as soon as something holds; gives exit code, stdout and stderr.

    With `twice`, once more when the first one has been told of.
    """

    def send(process, when, number=signal.SIGINT, *, twice=False):
        deadline = time.monotonic() + 30
        while not when():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.3)  # so that the answer has arrived as well
        process.send_signal(number)
        if twice:
            time.sleep(0.7)
            process.send_signal(number)
        stdout, stderr = process.communicate(timeout=20)
        return process.returncode, stdout, stderr

    return send
