"""What the tests of the journal's file share: a store to open, a job to insert, and another process that looks in."""

import asyncio
import os
import subprocess
import sys

from attrs import evolve, frozen
from proofs.journal_tools import environment

from kling_async.jobs import journal_file

OWNER = "https://api.klingai.com 0123456789abcdef"
PATH = "/v1/videos/image2video"
INSERT = "INSERT INTO jobs (key, endpoint, state, request, checksum) VALUES (?, '/v1', 'queued', '{}', x'00')"

_OPEN = """
import asyncio, sys
from pathlib import Path
from kling_async.jobs.store import Store
store = Store(Path(sys.argv[1]), sys.argv[2])
try:
    asyncio.run(store.run(lambda db: db.execute("SELECT count(*) FROM jobs").fetchone()))
except Exception as error:
    print(type(error).__name__, error)
else:
    print("opened")
"""


@frozen
class Plain:
    """What a journal needs to know of a request."""

    prompt: str
    external_task_id: str | None = None
    callback_url: str | None = None

    def pictures(self):
        """None."""
        return []

    def with_external_task_id(self, external_id):
        """The same under another id."""
        return evolve(self, external_task_id=external_id)


def add(key):
    """The work of inserting one job."""
    return lambda db: db.execute(INSERT, (key,)).lastrowid


def count(db):
    """The work of counting the jobs."""
    return db.execute("SELECT count(*) FROM jobs").fetchone()[0]


def without_sync(monkeypatch):
    """Lets journals skip their syncs: no machine is switched off in a test."""
    configure = journal_file._configure

    def quick(connection):
        configure(connection)
        connection.execute("PRAGMA synchronous = OFF")

    monkeypatch.setattr(journal_file, "_configure", quick)
    monkeypatch.setattr(os, "fsync", lambda _: None)


async def elsewhere(path, owner=OWNER):
    """What another process hears that opens the file."""
    command = [sys.executable, "-c", _OPEN, str(path), owner]
    run = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, env=environment(), check=True
    )
    return run.stdout.strip()
