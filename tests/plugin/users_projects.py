"""Users' projects whose tests use the fixtures: one for each way in which tests are run."""

import shutil
from pathlib import Path

import attrs

HERE = Path(__file__).parent
PICTURE = HERE.parents[1] / "examples" / "images" / "rocket.jpg"


@attrs.frozen
class Project:
    """A project's files, and how its pytest is called."""

    name: str
    tests: str
    """The file beside this one that holds the tests."""

    passes: int
    """How many tests there are."""

    head: str = ""
    """Stands before the tests."""

    style: str = ""
    """The module `style`: what makes an async fixture."""

    options: tuple[str, ...] = ()
    """Of the pytest command."""

    plugins: tuple[str, ...] = ()
    """The plugins that are needed besides ours."""

    def write(self, folder):
        """Lays the project out in a folder."""
        body = HERE.joinpath(self.tests).read_text(encoding="utf-8")
        folder.joinpath("test_users.py").write_text(body + self.head, encoding="utf-8")
        folder.joinpath("style.py").write_text(self.style, encoding="utf-8")
        shutil.copy(PICTURE, folder / "photo.jpg")


ANYIO_HEAD = """

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"
"""
BY_ASYNCIO = "import pytest_asyncio\nasync_fixture = pytest_asyncio.fixture\n"
BY_PYTEST = "import pytest\nasync_fixture = pytest.fixture\n"
BOTH = ("anyio.pytest_plugin", "pytest_asyncio.plugin")
SCOPES = "asyncio_default_fixture_loop_scope="
ASYNC, ASYNC_TESTS = "users_async_tests.py", 11
FUNCTION_LOOPS = ("-o", f"{SCOPES}function")

PROJECTS = [
    Project("sync", "users_sync_tests.py", 4),
    Project("anyio", ASYNC, ASYNC_TESTS, ANYIO_HEAD, BY_PYTEST, plugins=BOTH[:1]),
    Project("anyio beside asyncio", ASYNC, ASYNC_TESTS, ANYIO_HEAD, BY_PYTEST, FUNCTION_LOOPS, BOTH),
    Project(
        "asyncio strict",
        ASYNC,
        ASYNC_TESTS,
        "\npytestmark = pytest.mark.asyncio\n",
        BY_ASYNCIO,
        FUNCTION_LOOPS,
        BOTH,
    ),
    Project(
        "asyncio auto", ASYNC, ASYNC_TESTS, "", BY_PYTEST, ("-o", "asyncio_mode=auto", *FUNCTION_LOOPS), BOTH
    ),
    Project(
        "asyncio, one loop for the session",
        ASYNC,
        ASYNC_TESTS,
        '\npytestmark = pytest.mark.asyncio(loop_scope="session")\n',
        BY_ASYNCIO,
        ("-o", f"{SCOPES}session"),
        BOTH,
    ),
    Project(
        "asyncio, loops by module, from the settings",
        ASYNC,
        ASYNC_TESTS,
        "",
        BY_PYTEST,
        ("-o", "asyncio_mode=auto", "-o", f"{SCOPES}module", "-o", "asyncio_default_test_loop_scope=module"),
        BOTH,
    ),
]
