"""Fixtures for every test."""

import pytest


@pytest.fixture
def anyio_backend():
    """Async tests run on asyncio, and on nothing else."""
    return "asyncio"
