"""Every kind of planned trouble really happens, and is counted."""

import asyncio
import json
import random

import aiohttp
import pytest

from kling_async.emulator.trouble.kinds import KINDS
from kling_async.emulator.trouble.plan import FaultPlan
from kling_async.emulator.trouble.spoil import mutate, replace

pytestmark = pytest.mark.anyio

GONE = (aiohttp.ClientConnectionError, ConnectionError)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_does(kind):
    """A kind has its name, a sentence and at least one call."""
    known = KINDS[kind]
    assert (kind, True) == (known.name, known.does.endswith("."))
    assert known.calls


@pytest.mark.parametrize(("kind", "created"), [("reset-before", 0), ("reset-after", 1)])
async def test_reset_before_and_after_the_work(kind, created, emulate):
    """The connection is reset; only the later one leaves a task behind."""
    async with emulate() as wire:
        wire.emulator.fault("create", kind)
        with pytest.raises(GONE):
            await wire.create(external_task_id="mine")
        assert created == wire.emulator.created_count("mine")
        assert {("create", kind): 1} == wire.emulator.injected
        assert (None, kind) == (wire.emulator.requests[0].status, wire.emulator.requests[0].fault)


async def test_reset_during_the_answer(emulate):
    """Some bytes arrive, then the connection is reset."""
    async with emulate() as wire:
        url = (await wire.ended())["task_result"]["videos"][0]["url"]
        wire.emulator.fault("download", "reset-during", at=100)
        got = bytearray()

        async def read():
            async with wire.session.get(url) as response:
                async for chunk in response.content.iter_any():
                    got.extend(chunk)

        with pytest.raises((aiohttp.ClientPayloadError, *GONE)):
            await read()
        assert 100 == len(got)
        assert 1 == wire.emulator.injected["download", "reset-during"]


@pytest.mark.parametrize(("kind", "created"), [("error-before", 0), ("error-after", 1)])
async def test_error_before_and_after_the_work(kind, created, emulate):
    """An error's envelope hides whether the work was done."""
    async with emulate() as wire:
        wire.emulator.fault("create", kind)
        wire.emulator.fault("create", kind, code=5000, message="boom", http=599)
        status, payload, _ = await wire.create()
        assert (503, 5001) == (status, payload["code"])
        status, payload, _ = await wire.create()
        assert (599, 5000, "boom") == (status, payload["code"], payload["message"])
        assert 2 * created == len(wire.emulator.tasks)


@pytest.mark.parametrize(("kind", "created"), [("html-before", 0), ("html-after", 1)])
async def test_html_before_and_after_the_work(kind, created, emulate):
    """A proxy's page comes instead of an envelope."""
    async with emulate() as wire:
        wire.emulator.fault("create", kind)
        status, page, headers = await wire.create()
        assert (502, True) == (status, page.startswith(b"<html>"))
        assert headers["Content-Type"].startswith("text/html")
        assert created == len(wire.emulator.tasks)


@pytest.mark.parametrize("at", [0, 1, 60, None, 10_000])
async def test_truncated_answer_ends_early(at, emulate):
    """The announced length never arrives, wherever the cut is."""
    async with emulate() as wire:
        wire.emulator.fault("list", "truncate", at=at)
        with pytest.raises((aiohttp.ClientPayloadError, *GONE)):
            await wire.list()
        assert 1 == wire.emulator.injected["list", "truncate"]


async def test_cleanly_truncated_answer_claims_to_be_whole(emulate):
    """A proxy may cut a body and announce what is left."""
    async with emulate() as wire:
        wire.emulator.fault("list", "truncate", at=9, clean=True)
        assert (200, b'{"code":0') == (await wire.list())[:2]


async def test_wrong_length(emulate):
    """More bytes are announced than come."""
    async with emulate() as wire:
        wire.emulator.fault("list", "wrong-length", by=5)
        with pytest.raises(aiohttp.ClientPayloadError):
            await wire.list()
        assert 200 == wire.emulator.requests[0].status


@pytest.mark.parametrize(("kind", "body"), [("empty", b""), ("not-json", b"upstream connect error")])
async def test_bodies_that_are_no_envelopes(kind, body, emulate):
    """Status 200 and nothing that can be read; the work is done."""
    async with emulate() as wire:
        wire.emulator.fault("create", kind)
        status, payload, _ = await wire.create()
        assert (200, body) == (status, payload[: len(body) or None])
        assert 1 == len(wire.emulator.tasks)


async def test_wrong_types_by_chance(emulate):
    """The answer stays JSON, and is no longer the same."""
    async with emulate() as wire:
        task_id = await wire.created()
        await wire.get(task_id)
        good = (await wire.get(task_id))[1]
        wire.emulator.fault("get", "wrong-types", times=None, seed=7)
        seen = [(await wire.get(task_id))[1] for _ in range(20)]
        for payload in seen:
            if isinstance(payload, dict) and "request_id" in payload:
                payload["request_id"] = good["request_id"]
        assert sum(1 for payload in seen if payload != good) >= 19
        assert 20 == wire.emulator.injected["get", "wrong-types"]


async def test_wrong_types_at_a_place(emulate):
    """A dotted path names the place; an answer without it is left alone and not counted."""
    async with emulate() as wire:
        wire.emulator.fault("create", "wrong-types", field="data.task_id", value=5)
        assert 5 == (await wire.create())[1]["data"]["task_id"]
        wire.emulator.fault("list", "wrong-types", field="data.9.task_id", value=5)
        assert 1 == len((await wire.list())[1]["data"])
        assert {("create", "wrong-types"): 1} == wire.emulator.injected


def test_mutations_copy_and_reach_every_place():
    """A mutation spoils one place and leaves its source alone."""
    payload = {"a": [1, {"b": "c"}], "d": None}
    before = json.dumps(payload)
    seen = {json.dumps(mutate(payload, random.Random(seed))) for seed in range(200)}
    assert before == json.dumps(payload)
    assert len(seen) > 30
    assert {"a": [1, {"b": 2}], "d": None} == replace(payload, "a.1.b", 2)


async def test_gzip_bomb(emulate):
    """A small compressed body unfolds to as many MiB as asked for."""
    async with emulate() as wire:
        wire.emulator.fault("list", "gzip-bomb", megabytes=3)
        headers = {"Authorization": f"Bearer {wire.emulator.api_key}"}
        url = f"{wire.emulator.url}/v1/videos/image2video"
        async with wire.session.get(url, headers=headers) as response:
            unfolded = await response.read()
        assert (3 * 1024 * 1024, b" ") == (len(unfolded), unfolded[:1])
        async with aiohttp.ClientSession(auto_decompress=False) as raw:
            wire.emulator.fault("list", "gzip-bomb", megabytes=3)
            async with raw.get(url, headers=headers) as response:
                assert len(await response.read()) < 20_000


async def test_drip(emulate):
    """The body arrives byte by byte, whole in the end."""
    async with emulate() as wire:
        wire.emulator.fault("list", "drip", seconds=0)
        assert (200, []) == ((answer := await wire.list())[0], answer[1]["data"])


@pytest.mark.parametrize("before", [False, True])
async def test_delay(before, emulate):
    """The answer waits; the work waits with it only on request."""
    async with emulate() as wire:
        wire.emulator.fault("create", "delay", seconds=0.1, before=before)
        call = asyncio.ensure_future(wire.create())
        await asyncio.sleep(0.05)
        assert [not before, False] == [bool(wire.emulator.tasks), call.done()]
        assert 200 == (await call)[0]


@pytest.mark.parametrize("before", [False, True])
async def test_hang(before, emulate):
    """No answer ever comes, and the emulator still closes."""
    async with emulate() as wire:
        wire.emulator.fault("create", "hang", before=before)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.create(), 0.05)
        assert (not before) == bool(wire.emulator.tasks)
        assert 1 == wire.emulator.injected["create", "hang"]


async def test_redirect(emulate):
    """The caller is sent elsewhere and nothing is done."""
    async with emulate() as wire:
        wire.emulator.fault("create", "redirect", location="http://127.0.0.1:1/x")
        status, _, headers = await wire.create()
        assert (307, "http://127.0.0.1:1/x") == (status, headers["Location"])
        assert [] == wire.emulator.tasks


async def test_rate_limit_and_concurrency(emulate):
    """1302 with and without Retry-After, and 1303."""
    async with emulate() as wire:
        wire.emulator.fault("create", "rate-limit", retry_after=7)
        status, payload, headers = await wire.create()
        assert (429, 1302, "7") == (status, payload["code"], headers["Retry-After"])
        wire.emulator.fault("create", "rate-limit")
        assert "Retry-After" not in (await wire.create())[2]
        wire.emulator.fault("create", "concurrency")
        status, payload, _ = await wire.create()
        assert (429, 1303, False) == (status, payload["code"], "data" in payload)


@pytest.mark.parametrize(
    ("code", "http"), [(1000, 401), (1100, 429), (1101, 429), (1102, 429), (1103, 403), (1304, 429)]
)
async def test_account_codes(code, http, emulate):
    """Each account error comes with its own status."""
    async with emulate() as wire:
        wire.emulator.fault("any", "account", code=code)
        status, payload, _ = await wire.list()
        assert (http, code) == (status, payload["code"])


async def test_account_out_of_money_is_worded_as_the_services(emulate):
    """1102 is the default and has its real message."""
    async with emulate() as wire:
        wire.emulator.fault("create", "account")
        assert "Account balance not enough" == (await wire.create())[1]["message"]


async def test_moderation_at_the_create(emulate):
    """An unsafe request is refused before it is a task."""
    async with emulate() as wire:
        wire.emulator.fault("create", "moderation")
        status, payload, _ = await wire.create()
        assert (400, 1301, 0) == (status, payload["code"], len(wire.emulator.tasks))


async def test_late_creation(emulate):
    """The answer is a timeout, and the task appears afterwards."""
    async with emulate() as wire:
        wire.emulator.fault("create", "late-creation", seconds=0.05)
        status, payload, _ = await wire.create(external_task_id="mine")
        assert (504, 5002, 0) == (status, payload["code"], wire.emulator.created_count("mine"))
        await asyncio.sleep(0.1)
        assert 1 == wire.emulator.created_count("mine")


async def test_late_creation_meets_the_unique_id(emulate):
    """Where the id was taken meanwhile, the late one makes no second task."""
    async with emulate() as wire:
        wire.emulator.fault("create", "late-creation", seconds=0.05)
        await wire.create(external_task_id="mine")
        await wire.created(external_task_id="mine")
        await asyncio.sleep(0.1)
        assert 1 == wire.emulator.created_count("mine")


async def test_lagging(emulate):
    """Neither a poll nor the list finds the task for a while; its id is taken all the same."""
    async with emulate() as wire:
        wire.emulator.fault("create", "lagging", seconds=0.1)
        await wire.created(external_task_id="mine")
        assert 400 == (await wire.get("mine"))[0]
        assert [] == (await wire.list())[1]["data"]
        assert "already exists" in (await wire.create(external_task_id="mine"))[1]["message"]
        await asyncio.sleep(0.12)
        assert 200 == (await wire.get("mine"))[0]


async def test_amnesia_without_limit(emulate):
    """The service forgets the task and its id; the ledger does not."""
    async with emulate() as wire:
        await wire.created(external_task_id="mine")
        wire.emulator.fault("get", "amnesia", after=1)
        assert [200, 200, 400] == [(await wire.get("mine"))[0] for _ in range(3)]
        await wire.created(external_task_id="mine")
        assert 2 == wire.emulator.created_count("mine")


async def test_amnesia_for_a_while(emulate):
    """A task may come back."""
    async with emulate() as wire:
        wire.emulator.fault("create", "amnesia", seconds=0.05)
        task_id = await wire.created()
        assert 400 == (await wire.get(task_id))[0]
        await asyncio.sleep(0.06)
        assert 200 == (await wire.get(task_id))[0]


async def test_amnesia_without_an_external_id(emulate):
    """A task that has no id of the caller's can be forgotten too."""
    async with emulate() as wire:
        wire.emulator.fault("create", "amnesia")
        assert 400 == (await wire.get(await wire.created()))[0]


async def test_late_creation_is_given_up_when_the_emulator_closes(emulate):
    """What was to come late does not come after the end."""
    async with emulate() as wire:
        wire.emulator.fault("create", "late-creation", seconds=0.05)
        await wire.create()
    await asyncio.sleep(0.1)
    assert [] == wire.emulator.tasks


async def test_duplicate(emulate):
    """The very call that creates a task says that it exists already."""
    async with emulate() as wire:
        wire.emulator.fault("create", "duplicate")
        status, payload, _ = await wire.create(external_task_id="mine")
        assert (400, "External_task_id mine already exists") == (status, payload["message"])
        assert 1 == wire.emulator.created_count("mine")


@pytest.mark.parametrize("kind", ["duplicate", "lagging"])
async def test_a_refused_create_is_not_counted_as_struck(kind, emulate):
    """Where no task is made there is nothing to hide."""
    async with emulate() as wire:
        wire.emulator.fault("create", kind)
        assert "mode value '4k' is invalid" == (await wire.create(mode="4k"))[1]["message"]
        assert {} == wire.emulator.injected


async def test_forbidden_download(emulate):
    """A file host refuses in its own words."""
    async with emulate() as wire:
        url = (await wire.ended())["task_result"]["videos"][0]["url"]
        wire.emulator.fault("download", "forbidden")
        status, body, headers = await wire.send("GET", url)
        assert (403, "application/xml", True) == (status, headers["Content-Type"], b"AccessDenied" in body)


async def test_times_and_after(emulate):
    """A fault passes some calls, strikes some, and is over."""
    async with emulate() as wire:
        wire.emulator.fault("list", "error-before", after=1, times=2)
        assert [200, 503, 503, 200] == [(await wire.list())[0] for _ in range(4)]
        assert {("list", "error-before"): 2} == wire.emulator.injected


async def test_earliest_plan_strikes_first_and_clear_ends_all(emulate):
    """One fault strikes a call, the others wait."""
    async with emulate() as wire:
        wire.emulator.fault("list", "error-before", code=5000)
        wire.emulator.fault("any", "error-before", times=None)
        assert [500, 503, 503] == [(await wire.list())[0] for _ in range(3)]
        wire.emulator.clear_faults()
        assert 200 == (await wire.list())[0]


def test_chance_is_seeded():
    """The same seed gives the same strikes, at about the asked-for rate."""

    def strikes(seed):
        plan = FaultPlan()
        plan.fault("get", "empty", times=None, probability=0.3, seed=seed)
        return [plan.draw("get") is not None for _ in range(1000)]

    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)
    assert 300 == pytest.approx(sum(strikes(1)), abs=60)


@pytest.mark.parametrize(
    ("call", "kind", "options", "complaint"),
    [
        ("create", "fire", {}, "no fault is called 'fire'"),
        ("download", "moderation", {}, "cannot strike 'download'"),
        ("costs", "empty", {}, "cannot strike 'costs'"),
        ("create", "empty", {"seconds": 1}, "has no 'seconds'"),
        ("create", "delay", {"seconds": "1"}, "must be a number"),
        ("create", "empty", {"probability": 1.5}, "probability"),
        ("create", "empty", {"times": -1}, "times"),
        ("create", "empty", {"after": -1}, "after"),
    ],
)
def test_senseless_plans_are_refused(call, kind, options, complaint):
    """A plan that could never strike as meant is an error at once."""
    with pytest.raises(ValueError, match=complaint):
        FaultPlan().fault(call, kind, **options)


def test_fault_tells_its_state():
    """A fault's repr says what is left of it."""
    plan = FaultPlan()
    assert "<Fault empty on any, 2 more>" == repr(plan.fault("any", "empty", times=2))
    assert "<Fault hang on get, without limit>" == repr(plan.fault("get", "hang", times=None))
