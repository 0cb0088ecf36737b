"""Answers that lie, and file hosts that handle ranges badly: each really happens, and is counted."""

import asyncio

import pytest

from kling_async.emulator import AtOnce
from kling_async.emulator.trouble.lies import SOMEBODY
from kling_async.emulator.videos.gallery import FIXED_VIDEO

pytestmark = pytest.mark.anyio

PATH = "/v1/videos/image2video"


@pytest.mark.parametrize("code", [429, 408, 404, 1, 500])
@pytest.mark.parametrize("call", ["get", "list"])
async def test_unknown_codes_with_any_status(call, code, emulate):
    """A gateway's code in the body, under its own HTTP status or another one."""
    async with emulate() as wire:
        task_id = await wire.created()
        for http in (200, code if code > 100 else 400, 503):
            wire.emulator.fault(call, "error-before", code=code, http=http)
            status, payload, _ = await (wire.list() if call == "list" else wire.get(task_id))
            assert (http, code) == (status, payload["code"])
        assert 3 == wire.emulator.injected[call, "error-before"]


@pytest.mark.parametrize("code", [1201, 1301, 1102, 5001])
async def test_http_503_with_any_code(code, emulate):
    """The status and the code need not fit."""
    async with emulate() as wire:
        wire.emulator.fault("get", "error-before", code=code, http=503)
        status, payload, _ = await wire.get("x")
        assert (503, code) == (status, payload["code"])


async def test_get_shows_another_task(emulate):
    """A finished one of the same endpoint, if there is any; an invented one otherwise."""
    async with emulate() as wire:
        mine = await wire.created(external_task_id="mine")
        wire.emulator.fault("get", "another-task", times=None)
        data = (await wire.get(mine))[1]["data"]
        assert (True, SOMEBODY) == (data["task_id"] != mine, data["task_info"]["external_task_id"])
        assert ("succeed", True) == (data["task_status"], bool(data["task_result"]["videos"]))
        wire.emulator.advance = AtOnce()
        other = await wire.created()
        assert other == (await wire.get(mine))[1]["data"]["task_id"]
        assert 400 == (await wire.get("nobody"))[0]
        assert 2 == wire.emulator.injected["get", "another-task"]


async def test_create_tells_another_id(emulate):
    """The task is made, and the answer names somebody else's."""
    async with emulate() as wire:
        wire.emulator.fault("create", "another-id", times=2)
        for expected in (SOMEBODY, "mine"):
            _, payload, _ = await wire.create(external_task_id="mine" if expected == SOMEBODY else "second")
            assert expected == payload["data"]["task_info"]["external_task_id"]
        assert ["mine", "second"] == [task.external_task_id for task in wire.emulator.tasks]
        wire.emulator.fault("create", "another-id")
        assert 400 == (await wire.create(mode="8k"))[0]
        assert 2 == wire.emulator.injected["create", "another-id"]


async def test_list_rows_stay_submitted(emulate):
    """The list is out of date while the task's own query is not."""
    async with emulate(advance=AtOnce()) as wire:
        wire.emulator.fault("list", "stale-rows", times=None)
        assert [] == (await wire.list())[1]["data"]
        task_id = await wire.created()
        (row,) = (await wire.list())[1]["data"]
        assert (task_id, "submitted", False) == (row["task_id"], row["task_status"], "task_result" in row)
        assert "succeed" == (await wire.get(task_id))[1]["data"]["task_status"]
        assert {("list", "stale-rows"): 1} == wire.emulator.injected


async def test_a_list_can_hang(emulate):
    """No page ever comes, and single queries are answered."""
    async with emulate() as wire:
        task_id = await wire.created()
        wire.emulator.fault("list", "hang")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.list(), 0.05)
        assert 200 == (await wire.get(task_id))[0]


async def test_rate_limit_after_the_work(emulate):
    """1302, and the task is there all the same."""
    async with emulate() as wire:
        wire.emulator.fault("create", "rate-limit-after", retry_after=7)
        status, payload, headers = await wire.create(external_task_id="mine")
        assert (429, 1302, "7") == (status, payload["code"], headers["Retry-After"])
        assert 1 == wire.emulator.created_count("mine")


async def url_of(wire):
    """The URL of a finished task's file."""
    return (await wire.ended())["task_result"]["videos"][0]["url"]


async def test_download_is_redirected(emulate):
    """To any place, or to where the file really is."""
    async with emulate() as wire:
        url = await url_of(wire)
        wire.emulator.fault("download", "redirect", http=302, location="{path}?again")
        status, _, headers = await wire.send("GET", url)
        assert (302, f"{url.removeprefix(wire.emulator.url)}?again") == (status, headers["Location"])
        async with wire.session.get(url + "?again") as response:
            assert FIXED_VIDEO == await response.read()


async def test_etag_missing_and_changing(emulate):
    """The file is whole; what would name it is not there, or new each time."""
    async with emulate() as wire:
        url = await url_of(wire)
        honest = (await wire.send("GET", url))[2]["ETag"]
        wire.emulator.fault("download", "etag-missing")
        assert "ETag" not in (await wire.send("GET", url))[2]
        wire.emulator.fault("download", "etag-changes", times=2)
        seen = {(await wire.send("GET", url, headers={"Range": "bytes=5-"}))[2]["ETag"] for _ in range(2)}
        assert 3 == len({honest, *seen})


async def test_range_ignored(emulate):
    """The whole file comes instead of a part; a request for the whole is not counted."""
    async with emulate() as wire:
        url = await url_of(wire)
        wire.emulator.fault("download", "range-ignored", times=None)
        for headers in ({}, {"Range": "bytes=100-"}):
            async with wire.session.get(url, headers=headers) as response:
                assert (200, FIXED_VIDEO) == (response.status, await response.read())
        assert {("download", "range-ignored"): 1} == wire.emulator.injected


async def test_range_wrong(emulate):
    """A part that begins elsewhere, and says so."""
    async with emulate() as wire:
        url = await url_of(wire)
        wire.emulator.fault("download", "range-wrong", times=None, by=10)
        async with wire.session.get(url, headers={"Range": "bytes=100-199"}) as response:
            assert (206, "bytes 110-199/4136") == (response.status, response.headers["Content-Range"])
            assert FIXED_VIDEO[110:200] == await response.read()
        async with wire.session.get(url) as response:
            assert FIXED_VIDEO == await response.read()
        assert {("download", "range-wrong"): 1} == wire.emulator.injected
