"""Fixtures of the proofs."""

import pytest
from proof_helpers import watch_threads


@pytest.fixture
def patient_threads(monkeypatch):
    """Virtual time waits for the journal's thread and for files."""
    watch_threads(monkeypatch)
