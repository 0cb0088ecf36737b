"""Fixtures of the journal's tests: a picture, a service, and a script that can be run again."""

from contextlib import asynccontextmanager

import pytest
from jobs.journal_files import OWNER, without_sync
from made_pictures import png
from yarl import URL

from kling_async import KlingClient
from kling_async.emulator import AtOnce, Emulator
from kling_async.jobs import submission
from kling_async.jobs.download import Downloader
from kling_async.jobs.store import Store
from kling_async.session.http import Transport


@pytest.fixture
def fast(monkeypatch):
    """Settle times, polls and disks that fit a test; what they are is tested elsewhere."""
    without_sync(monkeypatch)
    monkeypatch.setattr(submission, "SETTLE", 0.1)
    monkeypatch.setattr(submission, "LOOK_UP_GAPS", (0.02,))
    monkeypatch.setattr("kling_async.polling.schedule.Backoff.__call__", lambda self, age: 0.02)


@pytest.fixture
def picture(tmp_path):
    """A picture's file."""
    path = tmp_path / "picture.png"
    path.write_bytes(png())
    return path


@pytest.fixture
async def emulator():
    """A service whose tasks have ended by their first poll."""
    async with Emulator(render=False, advance=AtOnce()) as running:
        yield running


@pytest.fixture
def script(emulator, tmp_path):
    """A block in which one run of the user's script has its client; each run is as good as a new process."""

    @asynccontextmanager
    async def run(**options):
        options = {
            "access_key": emulator.access_key,
            "secret_key": emulator.secret_key,
            "base_url": emulator.url,
            "journal": tmp_path / "jobs.sqlite",
            **options,
        }
        async with KlingClient(**options) as kling:
            yield kling

    return run


@pytest.fixture
def path(tmp_path):
    """Where the journal is."""
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def opened(path):
    """Opens stores, and closes them in the end."""
    stores = []

    def make(owner=OWNER, at=path, **options):
        stores.append(Store(at, owner, **options))
        return stores[-1]

    yield make
    for each in stores:
        each.close()


@pytest.fixture
async def downloader(server):
    """A downloader of a client of its own, for the test module's `server`."""
    transport = Transport(URL(server.url))
    yield Downloader(transport)
    await transport.aclose()
