"""Jobs are queued once, all or none, within the caller's transaction, and never with what cannot be run."""

from contextlib import suppress

import asyncpg
import psycopg
import pytest
from made_pictures import png_of_size
from workers.workers_helpers import request, requests, rows

from kling_async import ConfigurationError, Image2VideoRequest, ValidationError
from kling_async.integrations import pgqueuer

pytestmark = pytest.mark.anyio


async def test_a_job_that_is_queued_already_is_not_queued_again(connection):
    """The id is the key: the second time there is no row for it, and nothing is raised."""
    first = await pgqueuer.enqueue(connection, requests(2))
    second = await pgqueuer.enqueue(connection, requests(3))
    assert ["job-0", "job-1"] == [each.key for each in first]
    assert [False, False, True] == [each.row is not None for each in second]
    assert {"queued": 3} == await rows(connection)


async def test_a_transaction_that_rolls_back_queues_nothing(connection):
    """The jobs are part of the caller's transaction; the control commits."""
    with suppress(ZeroDivisionError):
        async with connection.transaction():
            await pgqueuer.enqueue(connection, requests(2))
            raise ZeroDivisionError
    assert {} == await rows(connection)
    async with connection.transaction():
        await pgqueuer.enqueue(connection, requests(2))
    assert {"queued": 2} == await rows(connection)


async def test_psycopg_s_connections_and_asyncpg_s_pools_do_as_well(connection, database):
    """Whatever the caller's application uses."""
    async with asyncpg.create_pool(database, min_size=1, max_size=2) as pool:
        await pgqueuer.enqueue(pool, requests(1))
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
        with suppress(ZeroDivisionError):
            async with other.transaction():
                await pgqueuer.enqueue(other, [request(1)])
                raise ZeroDivisionError
        await pgqueuer.enqueue(other, [request(2)])
    assert {"queued": 2} == await rows(connection)


async def test_one_request_that_cannot_be_queued_queues_none(connection):
    """The problem names the request's number and its field."""
    bad = Image2VideoRequest(image=png_of_size(300_000))
    with pytest.raises(ValidationError) as caught:
        await pgqueuer.enqueue(connection, [request(1), bad])
    assert ["requests[1].image"] == [each.path for each in caught.value.problems]
    assert {} == await rows(connection)


async def test_missing_tables_name_the_command_that_makes_them(database):
    """Whichever driver finds it out."""
    connection = await asyncpg.connect(database)
    with pytest.raises(ConfigurationError, match="kling-async queue --install"):
        await pgqueuer.enqueue(connection, requests(1))
    await connection.close()
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
        with pytest.raises(ConfigurationError, match="kling-async queue --install"):
            await pgqueuer.enqueue(other, requests(1))


async def test_the_tables_can_be_made_twice(connection):
    """The second time brings them up to date, and rows stay."""
    await pgqueuer.enqueue(connection, requests(1))
    await connection.execute("ALTER TABLE pgqueuer DROP COLUMN headers CASCADE")
    with pytest.raises(ConfigurationError, match="kling-async queue --install"):
        await pgqueuer.enqueue(connection, [request(1)])
    await pgqueuer.install(connection)
    await pgqueuer.enqueue(connection, [request(1)])
    assert {"queued": 2} == await rows(connection)
