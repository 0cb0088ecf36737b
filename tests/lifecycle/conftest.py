"""Fixtures of the lifecycle's tests: virtual time that waits for threads, a picture, a journal's path, a service."""

import pytest
from made_pictures import png
from proof_helpers import PROOF_TIME, watch_threads
from rooms_helpers import emulator


@pytest.fixture
def anyio_backend():
    """Time jumps wherever nothing is ready and no thread is at work."""
    return PROOF_TIME


@pytest.fixture(autouse=True)
def patient_threads(monkeypatch):
    """Virtual time waits for the journal's thread and for files."""
    watch_threads(monkeypatch)


@pytest.fixture
def picture(tmp_path):
    """A picture's file."""
    path = tmp_path / "picture.png"
    path.write_bytes(png())
    return path


@pytest.fixture
def journal(tmp_path):
    """Where a journal can be."""
    return tmp_path / "jobs.sqlite"


@pytest.fixture
async def service():
    """A service whose tasks take two minutes."""
    async with emulator() as running:
        yield running
