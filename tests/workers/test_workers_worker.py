"""Workers on one table: within the slots together, nothing lost when one stops, held only where nobody can go on."""

import asyncio
import time

import pytest
from workers.workers_helpers import (
    client_of,
    emptied,
    nowhere,
    reasons,
    request,
    requests,
    rows,
    until,
    working,
)

from kling_async import ConfigurationError, ValidationError
from kling_async.emulator import AtOnce, ByClock, Emulator
from kling_async.integrations import pgqueuer
from kling_async.integrations.job_function import in_folder

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hasty")]


@pytest.fixture
async def service():
    """A service whose tasks take a second."""
    async with Emulator(render=False, advance=ByClock(1.0)) as emulator:
        yield emulator


async def test_two_workers_share_the_slots(connection, database, service, tmp_path):
    """Each job is created once, its video stored, its row gone; never do more run than there are slots."""
    await pgqueuer.enqueue(connection, requests(15))
    peak = 0
    options = {"store": in_folder(tmp_path)}
    async with working(database, service, **options), working(database, service, **options):

        async def is_empty():
            nonlocal peak
            peak = max(peak, service.in_flight)
            return {} == await rows(connection)

        await until(is_empty)
    assert 15 == service.counts["create"] == len({each.external_task_id for each in service.tasks})
    assert 15 == len(list(tmp_path.glob("job-*.mp4")))
    assert 5 == peak


async def test_one_slot_is_enough(connection, database, service):
    """A batch of rows larger than the slots kills an engine's worker at its start; not this one."""
    await pgqueuer.enqueue(connection, requests(2))
    async with working(database, service, slots=1):
        await emptied(connection)
    assert 2 == len(service.tasks)


@pytest.mark.parametrize("way", ["stop", "cancel"])
async def test_a_worker_that_stops_puts_its_jobs_back_at_once(connection, database, way):
    """Another one goes on with the same tasks, long before the lease has run out."""
    async with Emulator(render=False, advance=ByClock(3.0)) as service:
        await pgqueuer.enqueue(connection, requests(3))
        async with working(database, service, lease=60) as (worker, stop):
            await until(lambda: 3 == len(service.tasks))
            began = time.monotonic()
            stop.set() if way == "stop" else worker.cancel()
            await asyncio.wait({worker})
            assert time.monotonic() - began < 2
        assert {"queued": 3} == await rows(connection)
        async with working(database, service):
            await emptied(connection)
        assert 3 == service.counts["create"]


async def test_without_the_conversion_a_cancelled_job_is_written_off(connection, database, monkeypatch):
    """The control of the test above: the engine deletes the row of a job that lets the cancellation through."""

    async def run_job(*_, **__):
        await asyncio.sleep(60)

    monkeypatch.setattr(pgqueuer, "run_job", run_job)
    async with Emulator(render=False) as service:
        await pgqueuer.enqueue(connection, requests(1))
        async with working(database, service) as (_, stop):
            await until(lambda: _picked(connection))
            stop.set()
    assert {} == await rows(connection)


async def _picked(connection):
    return "picked" in await rows(connection)


async def test_a_failed_task_is_held_with_its_reason(connection, database):
    """The row stays with the service's words; queued again, its task is met and not paid again."""
    async with Emulator(render=False, advance=AtOnce(), fail_when=lambda _body: "too dark") as service:
        await pgqueuer.enqueue(connection, requests(1))
        async with working(database, service):
            for _ in range(2):
                await until(lambda: _held(connection))
                await pgqueuer.queries_of(connection).requeue_jobs([1])
            await until(lambda: _held(connection))
        assert 1 == service.counts["create"]
    assert all("too dark" in each for each in await reasons(connection))


async def _held(connection):
    return {"failed": 1} == await rows(connection)


async def test_a_row_of_another_account_or_version_is_held(connection, database, service):
    """The reason says what to do; nothing is sent."""
    await pgqueuer.enqueue(connection, [request(0)], account="0" * 16)
    await pgqueuer.enqueue(connection, [request(1)])
    await connection.execute(
        "UPDATE pgqueuer SET payload = convert_to(replace(convert_from(payload, 'utf8'), '\"version\": 1', '\"version\": 9'), 'utf8') WHERE id = 2"
    )
    async with working(database, service):

        async def are_held():
            return {"failed": 2} == await rows(connection)

        await until(are_held)
    assert 0 == service.counts["create"]
    assert ["another account", "update the workers first"] == [
        word
        for each in sorted(await reasons(connection))
        for word in ("another account", "update the workers first")
        if word in each
    ]


async def test_lost_connections_are_waited_for(connection, database):
    """Every connection of the worker is cut while its job waits; the job ends and its row goes."""
    async with Emulator(render=False, advance=ByClock(2.0)) as service:
        await pgqueuer.enqueue(connection, requests(2))
        async with working(database, service, slots=1):
            await until(lambda: 1 == len(service.tasks))
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid != pg_backend_pid()"
            )
            await emptied(connection)
        assert 2 == service.counts["create"]


@pytest.mark.parametrize(
    "url", ["postgresql://127.0.0.1:1/x", "not a url", "postgresql://", "http://127.0.0.1/"]
)
async def test_no_postgresql_is_one_clear_error(url, service):
    """It is told at once, not after the lease."""
    async with client_of(service) as kling:
        with pytest.raises(ConfigurationError, match="PostgreSQL cannot be used"):
            await pgqueuer.worker(url, slots=1, store=nowhere, kling=kling)


async def test_missing_tables_are_one_clear_error(database, service):
    """The worker does not make them by itself: other workers may be of another version."""
    async with client_of(service) as kling:
        with pytest.raises(ConfigurationError, match="kling-async queue --install"):
            await pgqueuer.worker(database, slots=1, store=nowhere, kling=kling)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"slots": 0}, ["slots"]),
        ({"slots": True}, ["slots"]),
        ({"slots": 2.5, "lease": 1.9}, ["slots", "lease"]),
        ({"slots": 1, "lease": float("nan")}, ["lease"]),
    ],
)
async def test_arguments_out_of_bounds_are_refused(options, names):
    """All of them, with their names, before anything is connected."""
    with pytest.raises(ValidationError) as caught:
        await pgqueuer.worker("postgresql://127.0.0.1:1/x", store=nowhere, **options)
    assert names == [each.path for each in caught.value.problems]
