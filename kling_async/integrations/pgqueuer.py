"""Many machines, one account: jobs in a table of PostgreSQL, run by as many workers as there are (extra `pgqueuer`).

Promises: at most `slots` jobs run at once over all workers; a worker's death loses no job and repeats no paid one: its
rows are taken over after the lease, and whoever takes one looks its task up first; a row leaves the table only when its
results are stored, and is held with the reason if it cannot be run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import anyio
import asyncpg
from attrs import frozen
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver, Driver, PsycopgDriver
from pgqueuer.domain.settings import DBSettings
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job, TracebackRecord
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries
from typing_extensions import override

from kling_async.client import KlingClient
from kling_async.errors import ConfigurationError, Problem, ValidationError
from kling_async.integrations.job_function import PutBackError, Store, run_job
from kling_async.integrations.payload import Load, to_payload
from kling_async.integrations.pulse import pulse
from kling_async.jobs import submission
from kling_async.jobs.closing import finished_whatever_comes
from kling_async.schema.requests import AnyRequest

ENTRYPOINT: Final = "kling_async"
"""The name under which the queue's rows are found."""

LONGEST_LEASE: Final = 86_400.0
"""Most seconds of a lease: a day, since so long the jobs of a worker that died would wait."""

_BATCH: Final = 1000  # rows of one insert
_FAREWELL: Final = 10.0  # seconds in which PostgreSQL is to take the jobs back at the end
_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,  # too many connections, a full disk
    asyncpg.exceptions.InvalidAuthorizationSpecificationError,  # a password that is being changed
    asyncpg.ObjectNotInPrerequisiteStateError,  # a database that takes no connections
    asyncpg.OperatorInterventionError,  # shut down, or starting
)
"""What says that PostgreSQL cannot be used now, but may be later."""

_NO_SCHEMA: Final = {"42P01", "42703", "42704"}  # undefined table, column, type

Connection: TypeAlias = Any
"""An `asyncpg.Connection` or `Pool`, or a `psycopg.AsyncConnection` with autocommit."""

T = TypeVar("T")

logger: Final = logging.getLogger(__name__)


@frozen
class Enqueued:
    """A job that was handed to the queue."""

    key: str
    """Its `external_task_id`, under which the service will know its task."""

    row: int | None
    """Its row in the queue; None if a job of this id was queued already."""


async def install(connection: Connection) -> None:
    """Makes the queue's tables, or brings them up to date.

    Args:
        connection: A connection that may create tables.
    """
    queries = queries_of(connection)
    if await queries.schema_is_installed():
        await queries.upgrade()
    else:
        await queries.install()


async def enqueue(
    connection: Connection,
    requests: Iterable[AnyRequest],
    *,
    account: str | None = None,
    priority: int = 0,
) -> list[Enqueued]:
    """Queues jobs; if one of the requests cannot be queued, none is.

    With a connection that is in a transaction the jobs are part of it.

    Args:
        connection: See `Connection`.
        requests: The requests. An id that is queued or running already is not queued again.
        account: `KlingClient.account_digest` of whoever is to pay; None: any worker's account.
        priority: Higher ones are taken first.

    Returns:
        One entry for each request, in their order.

    Raises:
        ValidationError: A request cannot be queued; the problem's path begins with its number, from 0.
        ConfigurationError: The queue's tables are missing or of another version.
    """
    payloads = []
    for number, request in enumerate(requests):
        try:
            payloads.append(to_payload(request, account))
        except ValidationError as error:
            raise ValidationError([each.below(f"requests[{number}]") for each in error.problems]) from None
    queries, done = queries_of(connection), []
    for start in range(0, len(payloads), _BATCH):
        part = payloads[start : start + _BATCH]
        size = len(part)
        rows = await with_schema(
            queries.enqueue(
                [ENTRYPOINT] * size,
                [each.to_json() for each in part],
                [priority] * size,
                dedupe_key=[each.key for each in part],
                on_conflict="skip",
            )
        )
        done += [Enqueued(each.key, row) for each, row in zip(part, rows, strict=True)]
    return done


async def worker(
    postgres: str,
    *,
    slots: int,
    store: Store,
    load: Load = Path,
    kling: KlingClient | None = None,
    lease: float = 60.0,
    stop: asyncio.Event | None = None,
) -> None:
    """Runs the queue's jobs until it is told to stop; any number of workers share one queue.

    A connection that is lost is waited for, however long that takes; the waits for tasks go on meanwhile.

    Args:
        postgres: The database's URL, such as `postgresql://user@host/name`.
        slots: How many jobs run at once over all workers, 1 or more: the account's limit. The same for all workers.
        store: Says where each result goes, see `kling_async.integrations.job_function`.
        load: Resolves the references of pictures; by default a path on this machine.
        kling: The client, without `max_in_flight`; None: one with the environment's keys.
        lease: Seconds after which the jobs of a worker that is gone are taken over; from 60, twice the time for
            which a create of unknown outcome is looked up, to 86,400.
        stop: Set by the caller to end it: its jobs are put back at once, and go on elsewhere. Cancelling does the same.

    Raises:
        ValidationError: An argument is out of its bounds.
        ConfigurationError: PostgreSQL cannot be reached, or the queue's tables are missing or of another version.
    """
    _check(slots, lease)
    async with AsyncExitStack() as stack:
        client = kling if kling is not None else await stack.enter_async_context(KlingClient())
        pool = await connected(postgres, lease)
        stack.callback(pool.terminate)
        beating = await stack.enter_async_context(pulse(postgres, lease))
        over = asyncio.Event()
        manager = QueueManager(_Queries(_PatientDriver(pool, over)))
        manager.shutdown = over
        scopes: set[anyio.CancelScope] = set()

        @manager.entrypoint(ENTRYPOINT, concurrency_limit=slots, on_failure="hold", accepts_context=False)
        async def run(job: Job) -> None:
            if over.is_set():
                raise RetryRequested(reason="the worker was stopped")
            beating.add(job.id)
            with anyio.CancelScope() as scope:
                scopes.add(scope)
                try:
                    await run_job(client, job.payload, store=store, load=load)
                except PutBackError as error:
                    raise RetryRequested(timedelta(seconds=error.delay), error.reason) from error
                finally:
                    scopes.discard(scope)
                    beating.discard(job.id)

        async def end() -> None:
            over.set()
            for scope in tuple(scopes):
                scope.cancel()
            await asyncio.wait({running}, timeout=_FAREWELL)
            pool.terminate()  # if PostgreSQL takes nothing back by now, the leases will run out
            running.cancel()
            await asyncio.wait({running}, timeout=_FAREWELL)

        await with_schema(manager.verify_structure())
        told = asyncio.create_task((stop or asyncio.Event()).wait())
        running = asyncio.create_task(
            manager.run(
                batch_size=min(10, slots),
                dequeue_timeout=timedelta(seconds=min(5.0, lease / 6)),
                heartbeat_timeout=timedelta(seconds=lease),
            )
        )
        try:
            await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped = not running.done()
            told.cancel()
            await finished_whatever_comes(end())
        if running.done() and not running.cancelled():
            with suppress(*(_LOST if stopped else ())):
                await with_schema(running)


def queries_of(connection: Connection) -> Queries:
    """The queue's operations over a caller's connection."""
    driver: Driver
    if isinstance(connection, asyncpg.Pool):
        driver = AsyncpgPoolDriver(connection)
    elif type(connection).__module__.startswith("psycopg"):
        driver = PsycopgDriver(connection)
    else:
        driver = AsyncpgDriver(connection)
    return Queries(driver)


async def connected(postgres: str, lease: float = 60.0) -> asyncpg.Pool:
    """A pool of connections.

    Raises:
        ConfigurationError: PostgreSQL cannot be reached, or refuses.
    """
    patience = min(10.0, lease / 3)
    try:
        DBSettings()  # the environment's PGQUEUER_PREFIX and PGQUEUER_SCHEMA
        return await asyncpg.create_pool(
            postgres, min_size=1, max_size=4, timeout=patience, command_timeout=lease / 3
        )
    except (*_LOST, asyncpg.PostgresError, ValueError, OverflowError) as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise ConfigurationError(f"PostgreSQL cannot be used: {said}") from None


async def with_schema(asked: Awaitable[T]) -> T:
    """Awaits what needs the queue's tables; says which command makes them if they are missing."""
    try:
        return await asked
    except Exception as error:
        if not isinstance(error, RuntimeError) and getattr(error, "sqlstate", None) not in _NO_SCHEMA:
            raise
        what = f"the queue's tables are missing or of another version ({error})"
        raise ConfigurationError(
            f"{what}; make them with: kling-async queue --install --postgres URL"
        ) from None


def _check(slots: object, lease: object) -> None:
    least, problems = 2 * submission.SETTLE, []
    if not isinstance(slots, int) or isinstance(slots, bool) or slots < 1:
        problems.append(Problem("slots", f"is {slots!r}; it must be a whole number of 1 or more"))
    if not isinstance(lease, int | float) or not least <= lease <= LONGEST_LEASE:
        bounds = f"{least:.0f} seconds or more, at most {LONGEST_LEASE:.0f}"
        problems.append(Problem("lease", f"is {lease!r}; it must be {bounds}"))
    if problems:
        raise ValidationError(problems)


class _Queries(Queries):
    @override
    async def retry_job(self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        """Puts a row back; if that fails it stays leased and is taken over, and is not held as failed."""
        try:
            await super().retry_job(job, delay, traceback_record)
        except (*_LOST, asyncpg.PostgresError) as error:
            logger.warning("row %d could not be put back, its lease will run out: %s", job.id, error)


class _PatientDriver(AsyncpgPoolDriver):
    """Repeats what a lost connection prevented, until the worker is over."""

    def __init__(self, pool: asyncpg.Pool, over: asyncio.Event) -> None:
        super().__init__(pool)
        self._over = over

    @override
    async def __aexit__(self, *error: object) -> None:
        with suppress(*_LOST):  # it gives the listener's connection back
            await super().__aexit__(*error)

    @override
    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._patiently(lambda: AsyncpgPoolDriver.fetch(self, query, *args))

    @override
    async def execute(self, query: str, *args: object) -> str:
        return await self._patiently(lambda: AsyncpgPoolDriver.execute(self, query, *args))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        wait = 0.25
        while True:
            try:
                return await ask()
            except _LOST as error:
                if self._over.is_set():
                    raise
                logger.warning("PostgreSQL does not answer, again in %.2f s: %s", wait, error)
            await asyncio.sleep(wait)
            wait = min(2 * wait, 5.0)
