"""The emulator as fixtures for users' own tests; pytest finds this module by its entry point.

Promises: loaded in every pytest run of an environment, so importing it costs next to nothing and brings neither
aiohttp nor the client; both come with the first test that asks for a fixture.

The fixtures are async and belong to the test's own event loop. anyio's plugin runs them (`@pytest.mark.anyio`, with
a fixture `anyio_backend` that returns "asyncio"), and so does pytest-asyncio in its mode "auto"; its mode "strict" runs
no other plugin's fixtures, there a test enters `Emulator` and `KlingClient` itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.emulator import Emulator


@pytest.fixture
async def kling_emulator() -> AsyncIterator[Emulator]:
    """A Kling service on this machine, started anew for each test.

    Its tasks have ended by their first poll and its videos are one small fixed file, so that tests are quick;
    `advance`, `capacity`, `fail_next(…)`, `fault(…)` and so on change that, see `kling_async.emulator.Emulator`.
    """
    from kling_async.emulator import AtOnce, Emulator  # noqa: PLC0415 - only tests that ask for it pay

    async with Emulator(advance=AtOnce(), render=False) as emulator:
        yield emulator


@pytest.fixture
async def kling_client(kling_emulator: Emulator) -> AsyncIterator[KlingClient]:
    """A client of the test's `kling_emulator`, with its keys; closed after the test."""
    from kling_async.client import KlingClient  # noqa: PLC0415 - only tests that ask for it pay

    async with KlingClient(
        kling_emulator.access_key, kling_emulator.secret_key, base_url=kling_emulator.url
    ) as client:
        yield client
