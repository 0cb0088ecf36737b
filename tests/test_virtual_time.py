"""The clock that tests move: it jumps, and it never jumps over I/O."""

import asyncio
import time

import anyio
import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


async def test_an_hour_passes_in_a_moment():
    """Sleeping moves the loop's clock by what was slept, and costs next to nothing."""
    begun, real = asyncio.get_running_loop().time(), time.monotonic()
    await anyio.sleep(3600)
    assert 3600 <= asyncio.get_running_loop().time() - begun < 3601
    assert time.monotonic() - real < 30


async def test_everyone_due_at_one_instant_wakes_together():
    """A thousand sleepers of one length cost one jump."""
    before = asyncio.get_running_loop().jumps
    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(anyio.sleep, 120)
    assert asyncio.get_running_loop().jumps - before <= 3
