"""Waits end in time and with the ledger's truth, whatever polls answer; slots come free."""

import asyncio
import random

import pytest
from outside_judge import PICTURE
from outside_server import Server, Trouble, raw, says

from kling_async import Failed, Image2VideoRequest, Succeeded, TaskNotFoundError, TaskTimeoutError

pytestmark = pytest.mark.anyio


def requests(count):
    """So many different requests."""
    return [Image2VideoRequest(image=PICTURE, prompt=str(number)) for number in range(count)]


@pytest.mark.parametrize("status", [200, 400, 404, 429, 500, 503])
async def test_unknown_codes_end_no_wait(connect, status):
    """Five minutes of polls with codes that the reference does not have end no wait, under any HTTP status."""
    for code in (429, 404, 1, 500, -1, 1303, 5000):
        async with Server() as server, connect(server, max_in_flight=1) as kling:
            server.weather = lambda seen, server=server, code=code: (
                says(code, "?", status=status) if seen.kind != "create" and server.now() < 1300 else None
            )
            task = await kling.image2video.generate(image=PICTURE)
            assert (True, 1, 0) == (task.succeeded, len(server.created), kling.slots.held)
            assert len(server.requests) < 150


async def test_page_rows_are_believed_for_their_own_task_alone(connect):
    """Polls that show other tasks, stale rows, shuffled pages and rubbish mislead nobody."""
    chance = random.Random(3)
    rubbish = [None, 1, {}, {"task_id": None}, {"task_id": 5, "task_status": "succeed"}, []]

    def weather(seen):
        if seen.kind not in {"get", "list"} or server.now() > 1400 or chance.random() < 0.5:
            return None
        rows = [server.task(made) for made in server.created] + rubbish
        chance.shuffle(rows)
        for row in rows:
            if isinstance(row, dict) and chance.random() < 0.3:
                row["task_status"] = "submitted"
        return says(0, "", status=200, data=rows if seen.kind == "list" else rows[0])

    ends = iter(["succeed", "failed", "succeed"] * 10)
    async with Server(duration=lambda: chance.uniform(30, 300), end=lambda: next(ends)) as server:
        async with connect(server, max_in_flight=20) as kling:
            server.weather, server.order = weather, lambda rows: chance.sample(rows, len(rows))
            outcomes = await kling.image2video.generate_all(requests(30))
            for outcome in outcomes:
                [made] = [made for made in server.created if made.body["prompt"] == str(outcome.index)]
                assert (made.task_id, made.end) == (outcome.task.task_id, outcome.task.status)
                assert isinstance(outcome, Succeeded if made.end == "succeed" else Failed)
            assert 0 == kling.slots.held


async def test_hanging_and_dripping_polls_keep_deadlines(connect):
    """A wait's deadline holds while its poll hangs, and the next wait has the result."""
    async with Server(duration=200) as server, connect(server, max_in_flight=1) as kling:
        server.weather = lambda seen: (
            random.choice([Trouble(hang=True), Trouble(drip=2)])
            if seen.kind != "create" and server.now() < 1150
            else None
        )
        request = requests(1)[0]
        with pytest.raises(TaskTimeoutError) as caught:
            await kling.image2video.generate(request, timeout=100)
        assert server.now() < 1102
        assert server.created[0].task_id == caught.value.task_id
        task = await kling.image2video.generate(request)
        assert (caught.value.task_id, 1, 0) == (task.task_id, len(server.created), kling.slots.held)


async def test_vanished_task_is_told_with_its_ids_and_frees_its_slot(connect):
    """A task that no poll finds any more ends its wait with both ids, and keeps no slot for good."""
    async with Server() as server, connect(server, max_in_flight=1) as kling:
        server.on("get", says(1201, "Task not found by id/external id: x", status=400), 999)
        server.on("list", raw(b'{"code":0,"message":"","data":[]}'), 999)
        with pytest.raises(TaskNotFoundError) as caught:
            await kling.image2video.generate(image=PICTURE)
        made = server.created[0]
        assert made.task_id in str(caught.value)
        assert made.external in str(caught.value)
        await asyncio.sleep(4000)
        assert 0 == kling.slots.held


async def test_account_of_three_is_kept_full_and_never_asked_in_vain_for_long(connect):
    """30 jobs on an account of 3 slots take ten rounds, with few refused creates."""
    async with Server(capacity=3) as server, connect(server, max_in_flight=20) as kling:
        outcomes = await kling.image2video.generate_all(requests(30))
        assert 30 == sum(outcome.error is None for outcome in outcomes) == len(server.created)
        assert server.now() - 1000 < 1.1 * 600
        assert server.count("create") < 120
        assert (3, 0) == (server.peak, kling.slots.held)


@pytest.mark.parametrize("skew", [-86400, -7200, -60, 7200, 86400 * 400])
async def test_clock_that_is_off_is_no_error(connect, skew):
    """Whatever the service's clock says, a job costs one more request at most, and one task."""
    async with Server(skew=skew, duration=5) as server, connect(server) as kling:
        await kling.image2video.generate(image=PICTURE)
        assert 1 == len(server.created)
        assert server.count("create") <= 2


async def test_hundreds_of_waits_share_their_requests(connect):
    """150 waits for long-tailed tasks read pages, and each learns its end within seconds."""
    chance = random.Random(5)
    async with Server(duration=lambda: chance.lognormvariate(4.5, 0.5)) as server, connect(server) as kling:
        delays = []

        async def job(request):
            task = await kling.image2video.generate(request)
            [made] = [made for made in server.created if made.task_id == task.task_id]
            delays.append(server.now() - made.ends)

        await asyncio.gather(*(job(request) for request in requests(150)))
        assert (150, 150) == (len(server.created), len(delays))
        assert server.count("list") + server.count("get") < 3 * 150
        assert max(delays) < 15


async def test_hook_that_raises_a_cancellation_ends_no_job(connect):
    """A CancelledError out of a hook, as a cancelled future's `result()` raises it, is the hook's alone."""

    def hook(_):
        raise asyncio.CancelledError

    async with Server() as server, connect(server, max_in_flight=1, on_event=hook) as kling:
        task = await kling.image2video.generate(image=PICTURE, on_update=hook)
        assert (True, 0) == (task.succeeded, kling.slots.held)
