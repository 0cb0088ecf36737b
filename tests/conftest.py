"""Fixtures for every test."""

import pytest
from virtual_time import VIRTUAL_TIME


@pytest.fixture
def anyio_backend(request):
    """Async tests run on asyncio and on nothing else; with the marker `virtual_time`, on a clock that jumps."""
    return "asyncio" if request.node.get_closest_marker("virtual_time") is None else VIRTUAL_TIME
