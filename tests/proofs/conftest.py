"""Fixtures of the proofs."""

from pathlib import Path

import pytest
from proof_helpers import PROOF_TIME, watch_threads

HERE = Path(__file__).parent


@pytest.fixture
def anyio_backend(request, monkeypatch):
    """With the marker `virtual_time`, a clock that jumps, but not while a thread is at work."""
    if request.node.get_closest_marker("virtual_time") is None:
        return "asyncio"
    watch_threads(monkeypatch)
    return PROOF_TIME


def pytest_collection_modifyitems(items):
    """What stands here is a proof: it has a command of its own, so that the everyday tests stay quick."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("proof")
