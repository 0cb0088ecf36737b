"""Write-ahead order: the journal's sync ends before the create's first byte leaves.

Shown twice: from the system calls of a real process that makes one journalled create (with `strace`, where there is one),
and inside this process, from the order of the journal's commits and the socket's writes.
"""

import asyncio
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from made_pictures import png
from proofs.journal_tools import environment

from kling_async import Image2VideoRequest, KlingClient
from kling_async.emulator import ByPolls, Emulator
from kling_async.jobs import journal_file

pytestmark = pytest.mark.anyio

WORKER = Path(__file__).with_name("kill_worker.py")
CALLS = "openat,close,socket,pwrite64,write,fsync,fdatasync,sendto,sendmsg,writev"
CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>[a-z0-9]+)\((?P<args>.*)$")
UNFINISHED = re.compile(r"^(?P<pid>\d+) +(?P<name>[a-z0-9]+)\((?P<args>.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?P<name>[a-z0-9]+) resumed>(?P<args>.*)$")


def can_trace():
    """Why there is no trace here, or None."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed (apt-get install strace)"
    tried = subprocess.run(
        [strace, "-f", "-e", "trace=fsync", sys.executable, "-c", ""], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else "ptrace is not allowed here"


def events(trace):
    """The trace's calls in the order in which they ended, or began where they send: (name, arguments)."""
    begun = {}
    for line in trace.splitlines():
        if found := UNFINISHED.match(line):
            begun[found["pid"]] = found["args"]
            if found["name"] in {"sendto", "sendmsg", "writev", "write"}:
                yield f"{found['name']} begins", found["args"]
        elif found := RESUMED.match(line):
            yield found["name"], begun.pop(found["pid"], "") + found["args"]
        elif found := CALL.match(line):
            yield found["name"], found["args"]


def first(calls, fits):
    """The place of the first call that fits."""
    return next(place for place, (name, args) in enumerate(calls) if fits(name, args))


@pytest.fixture
def folder(tmp_path):
    """A folder with a batch's picture."""
    (tmp_path / "picture.png").write_bytes(png())
    return tmp_path


async def test_the_system_calls_show_the_sync_before_the_creates_first_byte(folder):
    """In a real process the main file holds the intent and is synced before the POST is handed to the kernel."""
    reason = await asyncio.to_thread(can_trace)
    if reason is not None:
        pytest.skip(reason)
    async with Emulator(render=False, advance=ByPolls(1, 2)) as emulator:
        keys = {"KLING_ACCESS_KEY": emulator.access_key, "KLING_SECRET_KEY": emulator.secret_key}
        spec = json.dumps({"url": emulator.url, "folder": str(folder), "jobs": 1})
        command = ["strace", "-f", "-y", "-s", "9000", "-e", f"trace={CALLS}", "-o", str(folder / "trace")]
        process = await asyncio.create_subprocess_exec(
            *command, sys.executable, str(WORKER), spec, env=environment(**keys)
        )
        assert 0 == await process.wait()
        assert 1 == len(emulator.tasks)
    calls = list(events((folder / "trace").read_text(errors="replace")))
    intent = first(
        calls, lambda name, args: name == "pwrite64" and "jobs.sqlite>" in args and "unknown" in args
    )
    synced = intent + first(
        calls[intent:], lambda name, args: name in {"fsync", "fdatasync"} and "jobs.sqlite>" in args
    )
    posted = first(calls, lambda name, args: '"POST /v1/videos/image2video' in args)
    assert calls[synced][1].rstrip().endswith("= 0")
    assert intent < synced < posted, (calls[synced], calls[posted])


def _ordered(monkeypatch, order):
    """Notes commits that make an intent durable, and creates' bytes that go to a socket."""

    class Connection(sqlite3.Connection):
        intent = False

        def execute(self, statement, *values):
            self.intent = self.intent or (statement.strip().startswith("UPDATE") and "unknown" in values[0])
            result = super().execute(statement, *values)
            if statement == "COMMIT" and self.intent:
                order.append("intent is on the disk")
                self.intent = False
            return result

    def connect(path):
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)

    monkeypatch.setattr(journal_file, "connect_exclusively", connect)
    transport = asyncio.selector_events._SelectorSocketTransport
    for name in ("write", "writelines"):
        send = getattr(transport, name)

        def watched(self, data, send=send):
            text = bytes(data) if isinstance(data, bytes | bytearray | memoryview) else b"".join(data)
            if text.startswith(b"POST "):
                order.append("first byte of a create")
            return send(self, data)

        monkeypatch.setattr(transport, name, watched)


async def test_inside_the_process_the_commit_comes_before_the_sockets_first_write(folder, monkeypatch):
    """Where no system call can be traced: the connection's commit returns before a create's first write begins."""
    order = []
    _ordered(monkeypatch, order)
    async with (
        Emulator(render=False) as emulator,
        KlingClient(
            emulator.access_key, emulator.secret_key, base_url=emulator.url, journal=folder / "jobs.sqlite"
        ) as kling,
    ):
        for number in range(3):
            await kling.image2video.create(
                Image2VideoRequest(image=folder / "picture.png", prompt=f"{number}")
            )
    assert ["intent is on the disk", "first byte of a create"] * 3 == order


async def test_a_create_without_write_ahead_is_found_by_the_same_order(folder, monkeypatch):
    """The control: with an intent that is never written, the create's first byte stands alone."""
    order = []
    _ordered(monkeypatch, order)
    monkeypatch.setattr("kling_async.jobs.journal.JournalRecord.sending", lambda self, key: asyncio.sleep(0))
    async with (
        Emulator(render=False) as emulator,
        KlingClient(
            emulator.access_key, emulator.secret_key, base_url=emulator.url, journal=folder / "jobs.sqlite"
        ) as kling,
    ):
        await kling.image2video.create(Image2VideoRequest(image=folder / "picture.png", prompt="too soon"))
    assert ["first byte of a create"] == order
