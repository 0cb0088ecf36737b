"""Callbacks: the bare task object, once for each change of status."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from kling_async.emulator import AtOnce, ByClock, CallbackHabits, Emulator
from kling_async.emulator.service.callbacks import sign

pytestmark = pytest.mark.anyio

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="


@asynccontextmanager
async def receiver(status=200):
    """A server that keeps what is posted to it."""
    got = asyncio.Queue()

    async def take(request):
        got.put_nowait((await request.json(), request.headers))
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", got
    finally:
        await runner.cleanup()


async def answered(emulator):
    """Wait until every callback has an outcome."""
    async with asyncio.timeout(5):
        await emulator.fast_forward(0)


async def test_each_change_is_posted_at_the_poll(emulate):
    """Two polls, two changes, two bare task objects."""
    async with receiver() as (url, got), emulate() as wire:
        task = await wire.ended(callback_url=url, external_task_id="mine")
        await answered(wire.emulator)
        posted = {body["task_status"]: body for body in (got.get_nowait()[0] for _ in range(2))}
        assert {"processing", "succeed"} == set(posted)
        assert task == posted["succeed"]
        assert [200, 200] == [one.http for one in wire.emulator.callbacks]


async def test_changes_by_the_clock_are_posted_when_they_happen(emulate):
    """Nobody polls, and the callbacks come all the same."""
    async with receiver(500) as (url, got), emulate(advance=ByClock(0.04)) as wire:
        await wire.created(callback_url=url)
        async with asyncio.timeout(5):
            seen = {(await got.get())[0]["task_status"] for _ in range(2)}
        await answered(wire.emulator)
        assert {"processing", "succeed"} == seen
        assert [500, 500] == [one.http for one in wire.emulator.callbacks]


async def test_failure_is_told(emulate):
    """A failed task's callback has its reason and no result."""
    async with receiver() as (url, got), emulate() as wire:
        wire.emulator.fail_next("no")
        await wire.ended(callback_url=url)
        await answered(wire.emulator)
        bodies = [got.get_nowait()[0] for _ in range(2)]
        failed = next(body for body in bodies if body["task_status"] == "failed")
        assert ("no", False) == (failed["task_status_msg"], "task_result" in failed)


async def test_callbacks_are_signed_with_a_secret(emulate):
    """The three headers of the Standard Webhooks scheme."""
    async with receiver() as (url, got), emulate(webhook_secret=SECRET, clock=lambda: 1e9) as wire:
        await wire.ended(callback_url=url)
        await answered(wire.emulator)
        _, headers = got.get_nowait()
        assert "1000000000" == headers["webhook-timestamp"]
        assert headers["webhook-signature"].startswith("v1,")
        assert headers["webhook-id"]


def test_signature_of_the_published_vector():
    """The service's own example."""
    body = (
        b'{"id":"1234567890","status":"succeeded","message":"",'
        b'"create_time":1781080778802,"update_time":1781080794151}'
    )
    headers = sign(body, b"testsecrettestsecrettestsecret12", "9876543210", 1781080794)
    assert "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=" == headers["webhook-signature"]


def test_secret_must_be_base64():
    """A secret that could sign nothing is refused at once."""
    with pytest.raises(ValueError, match="webhook_secret"):
        Emulator(webhook_secret="whsec_!")


async def test_other_hosts_are_skipped(emulate):
    """The emulator calls nobody outside this machine."""
    async with emulate(advance=AtOnce()) as wire:
        await wire.created(callback_url="https://somebody.example/hook")
        assert [True, True] == [one.skipped for one in wire.emulator.callbacks]


async def test_closing_gives_up_what_is_under_way(emulate):
    """A receiver that never answers holds nobody."""

    async def swallow(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server, emulate(advance=AtOnce()) as wire:
        port = server.sockets[0].getsockname()[1]
        await wire.created(callback_url=f"http://127.0.0.1:{port}/hook")
        await asyncio.sleep(0.02)
    assert [None, None] == [one.http for one in wire.emulator.callbacks]


async def test_receiver_that_is_not_there_is_recorded(emulate):
    """A callback is tried once; its failure is kept and nothing else happens."""
    async with emulate(advance=AtOnce()) as wire:
        await wire.created(callback_url="http://127.0.0.1:9/hook")
        await answered(wire.emulator)
        assert {"ClientConnectorError"} == {one.error for one in wire.emulator.callbacks}


async def habitual(emulate, **habits):
    """The bodies that reach a receiver for one task, and the emulator's own record."""
    async with receiver() as (url, got), emulate(callback_habits=CallbackHabits(**habits)) as wire:
        await wire.ended(callback_url=url, external_task_id="mine")
        await answered(wire.emulator)
        late = habits.get("late", 0.0)
        if late:
            await asyncio.sleep(late)
        return [got.get_nowait()[0] for _ in range(got.qsize())], list(wire.emulator.callbacks)


async def test_callbacks_can_be_lost(emulate):
    """None is sent; each is recorded as lost."""
    bodies, records = await habitual(emulate, lost=1.0)
    assert [] == bodies
    assert [True, True] == [each.lost for each in records]


async def test_callbacks_can_come_twice(emulate):
    """The same body each time."""
    bodies, records = await habitual(emulate, twice=1.0)
    assert ["processing"] * 2 + ["succeed"] * 2 == sorted(body["task_status"] for body in bodies)
    assert 4 == len(records)


async def test_callbacks_can_be_late(emulate):
    """Not yet there when the others would be, and there in the end."""
    bodies, _ = await habitual(emulate, late=0.05)
    assert {"processing", "succeed"} == {body["task_status"] for body in bodies}


async def test_callbacks_can_have_the_newer_shape(emulate):
    """The fields of the newer API, and its word for success."""
    bodies, _ = await habitual(emulate, newer=True)
    succeeded = next(body for body in bodies if body["status"] == "succeeded")
    assert "mine" == succeeded["external_id"]
    assert succeeded["outputs"][0]["url"].startswith("http")
    assert "task_id" not in succeeded
    assert {"processing", "succeeded"} == {body["status"] for body in bodies}


@pytest.mark.parametrize("habits", [{"lost": 1.1}, {"twice": -0.1}, {"late": -1.0}])
def test_habits_have_bounds(habits):
    """Fractions are from 0 to 1, seconds from 0 on."""
    with pytest.raises(ValueError, match=next(iter(habits))):
        CallbackHabits(**habits)
