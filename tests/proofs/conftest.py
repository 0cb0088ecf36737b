"""Fixtures of the proofs."""

from pathlib import Path

import pytest
from proof_helpers import watch_threads

HERE = Path(__file__).parent


@pytest.fixture
def patient_threads(monkeypatch):
    """Virtual time waits for the journal's thread and for files."""
    watch_threads(monkeypatch)


def pytest_collection_modifyitems(items):
    """What stands here is a proof: it has a command of its own, so that the everyday tests stay quick."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("proof")
