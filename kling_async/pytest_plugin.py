"""The emulator as fixtures for users' own tests; pytest finds this module by its entry point.

Promises: loaded in every pytest run of an environment, so importing it costs next to nothing and brings neither
aiohttp nor the client; both come with the first test that asks for a fixture.

The emulator runs in a thread of its own, so that its fixture serves synchronous tests and those of any event loop. The
client belongs to the test's loop: anyio's plugin or pytest-asyncio (in either mode, whatever the scope of its loops)
opens and closes it, whichever runs the test.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.emulator import Emulator

MARKER: Final = (
    "kling(task_time=None, faults=(), **settings): the test's emulator. task_time: seconds, or a function of the task's "
    "number (from 0); without it tasks have ended by their first poll. faults: (call, kind) or (call, kind, details), as "
    "Emulator.fault takes them. Anything else, such as capacity=2, is an argument of Emulator."
)

POLL_SECONDS: Final = 0.005
"""How long `kling_client` waits between two polls."""

LOOP_SCOPES: Final = ("function", "class", "module", "package", "session")
"""How long a loop of pytest-asyncio can live."""


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker, and the client's fixture for pytest-asyncio if it is there."""
    config.addinivalue_line("markers", MARKER)
    pytest_asyncio = sys.modules.get("pytest_asyncio")
    if pytest_asyncio is not None:
        config.pluginmanager.register(_fixtures_of(pytest_asyncio))


@pytest.fixture
def kling_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A Kling service on this machine, started anew for each test, in a thread of its own.

    Its tasks have ended by their first poll and its videos are one small fixed file, so that tests are quick;
    `@pytest.mark.kling(task_time=120, capacity=2, faults=[("create", "reset-after")])` or
    `@pytest.mark.parametrize("kling_emulator", [{"capacity": 1}], indirect=True)` change that. `requests` lists what was
    sent, `tasks` what was created, `fast_forward` and `fast_forward_sync` move time on; see
    `kling_async.emulator.Emulator`.
    """
    with _emulator(_settings(request)) as emulator:
        yield emulator


@pytest.fixture
def kling_environment(kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The variables that lead a `KlingClient()` or `kling-async` to the test's `kling_emulator`, set for the test."""
    environment = {
        "KLING_ACCESS_KEY": kling_emulator.access_key,
        "KLING_SECRET_KEY": kling_emulator.secret_key,
        "KLING_BASE_URL": kling_emulator.url,
    }
    monkeypatch.delenv("KLING_API_KEY", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


@pytest.fixture
def kling_client(request: pytest.FixtureRequest, kling_emulator: Emulator) -> KlingClient:
    """A client of the test's `kling_emulator`, with its keys; polls without delay, and is closed after the test.

    For tests that anyio's plugin (`@pytest.mark.anyio`, on asyncio) or pytest-asyncio runs.
    """
    del (
        kling_emulator
    )  # asked for so that its parameters can be given to a test that asks for the client alone
    client: KlingClient = request.getfixturevalue(_fixture_of_the_loop(request))
    return client


@pytest.fixture
async def _kling_client_of_anyio(kling_emulator: Emulator) -> AsyncIterator[KlingClient]:
    async with _client(kling_emulator) as client:
        yield client


def _fixtures_of(pytest_asyncio: Any) -> ModuleType:
    """The client's fixture for each scope that a loop of pytest-asyncio can have: its own loop is the test's."""
    fixtures = ModuleType("kling_async_of_pytest_asyncio")
    for scope in LOOP_SCOPES:
        name = _of_pytest_asyncio(scope)
        try:
            setattr(fixtures, name, pytest_asyncio.fixture(name=name, loop_scope=scope)(_opened()))
        except TypeError:  # older than 0.24: other plugins' tests are not to suffer from it
            break
    return fixtures


def _opened() -> Callable[[Emulator], AsyncIterator[KlingClient]]:
    """A new function each time, since a fixture is made of one."""

    async def opened(kling_emulator: Emulator) -> AsyncIterator[KlingClient]:
        async with _client(kling_emulator) as client:
            yield client

    return opened


def _of_pytest_asyncio(scope: str) -> str:
    return f"_kling_client_of_a_{scope}_loop"


def _fixture_of_the_loop(request: pytest.FixtureRequest) -> str:
    """The name of the fixture that opens the client on the loop of the test."""
    test = request.node
    marker = test.get_closest_marker("asyncio")
    pytest_asyncio = sys.modules.get("pytest_asyncio")
    if marker is not None and pytest_asyncio is not None and pytest_asyncio.is_async_test(test):
        own = marker.kwargs.get("loop_scope") or marker.kwargs.get("scope")
        return _of_pytest_asyncio(own or request.config.getini("asyncio_default_test_loop_scope"))
    if not inspect.iscoroutinefunction(getattr(test, "obj", None)):
        pytest.fail(
            "kling_client is for async tests; a synchronous one asks for kling_emulator, or for kling_environment "
            "and makes its KlingClient() where its loop runs",
            pytrace=False,
        )
    if "anyio_backend" not in request.fixturenames:
        pytest.fail(
            "kling_client needs @pytest.mark.anyio or @pytest.mark.asyncio on the test", pytrace=False
        )
    if request.getfixturevalue("anyio_backend_name") != "asyncio":
        pytest.fail(
            'kling_client runs on asyncio: define a fixture anyio_backend that returns "asyncio"',
            pytrace=False,
        )
    return "_kling_client_of_anyio"


def _client(emulator: Emulator) -> KlingClient:
    from kling_async.client import KlingClient  # noqa: PLC0415 - only tests that ask for it pay

    return KlingClient(
        emulator.access_key, emulator.secret_key, base_url=emulator.url, schedule=(POLL_SECONDS,)
    )


def _settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the test's markers and parameters say; what stands closest to the test wins."""
    settings: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("kling"))):
        if marker.args:
            pytest.fail("@pytest.mark.kling takes keyword arguments only", pytrace=False)
        settings.update(marker.kwargs)
    given = getattr(request, "param", {})
    if not isinstance(given, Mapping):
        pytest.fail(
            f"the settings of kling_emulator: a parameter must be a dictionary such as {{'capacity': 1}}, not {given!r}",
            pytrace=False,
        )
    settings.update(given)
    return settings


def _emulator(settings: Mapping[str, Any]) -> Emulator:
    from kling_async.emulator import AtOnce, ByClock, Emulator  # noqa: PLC0415 - as above

    chosen: dict[str, Any] = {"advance": AtOnce(), "render": False, **settings}
    task_time = chosen.pop("task_time", None)
    try:
        faults = [_fault(entry) for entry in chosen.pop("faults", ())]
        if task_time is not None:
            chosen["advance"] = ByClock(task_time)
        emulator = Emulator(**chosen)
        for call, kind, details in faults:
            emulator.fault(call, kind, **details)
    except (TypeError, ValueError) as error:
        pytest.fail(f"the settings of kling_emulator: {error}", pytrace=False)
    return emulator


def _fault(entry: Any) -> tuple[str, str, Mapping[str, Any]]:
    """The parts of a planned fault.

    Raises:
        ValueError: They are not given as `Emulator.fault` takes them.
    """
    match entry:
        case [str(call), str(kind)]:
            return call, kind, {}
        case [str(call), str(kind), Mapping() as details]:
            return call, kind, details
        case _:
            raise ValueError(f"a fault is (call, kind) or (call, kind, details), not {entry!r}")
