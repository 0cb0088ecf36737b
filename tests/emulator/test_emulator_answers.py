"""Every answer in the shape that the service gives it."""

import asyncio

import pytest

from kling_async.emulator import AtOnce, Emulator

pytestmark = pytest.mark.anyio

PATH = "/v1/videos/image2video"
NOW = 1_750_000_000.5


async def test_create_answers_a_submitted_task(emulate):
    """Ids are 18 digits of text, times whole milliseconds, and nothing is made up."""
    async with emulate(clock=lambda: NOW, advance=AtOnce()) as wire:
        status, payload, headers = await wire.create()
        assert (200, 0, "SUCCEED") == (status, payload["code"], payload["message"])
        data = payload["data"]
        assert (18, True) == (len(data["task_id"]), data["task_id"].isdecimal())
        expected = {
            "task_id": data["task_id"],
            "task_status": "submitted",
            "task_info": {},
            "created_at": 1_750_000_000_500,
            "updated_at": 1_750_000_000_500,
        }
        assert expected == data
        assert headers["Content-Type"].startswith("application/json")


async def test_create_tells_the_external_id(emulate):
    """An external id comes back in task_info."""
    async with emulate() as wire:
        _, payload, _ = await wire.create(external_task_id="mine")
        assert {"external_task_id": "mine"} == payload["data"]["task_info"]


async def test_finished_task_has_its_video(emulate):
    """Success carries one video whose length is text."""
    async with emulate() as wire:
        task = await wire.ended(duration="10", external_task_id="mine")
        assert ("succeed", "") == (task["task_status"], task["task_status_msg"])
        (video,) = task["task_result"]["videos"]
        assert f"{wire.emulator.url}/_emulator/videos/{task['task_id']}.mp4" == video["url"]
        assert ("10.1", str) == (video["duration"], type(video["id"]))
        assert {"external_task_id": "mine"} == task["task_info"]


async def test_running_task_has_no_result(emulate):
    """task_result is absent before success."""
    async with emulate() as wire:
        _, payload, _ = await wire.get(await wire.created())
        assert ("processing", False) == (payload["data"]["task_status"], "task_result" in payload["data"])


async def test_task_is_found_by_either_id(emulate):
    """One path serves both ids."""
    async with emulate() as wire:
        task_id = await wire.created(external_task_id="mine")
        for identifier in (task_id, "mine"):
            assert task_id == (await wire.get(identifier))[1]["data"]["task_id"]


@pytest.mark.parametrize(
    ("external_id", "encoded"),
    [
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("%2F", "%252F"),
        ("a b+c", "a%20b+c"),
        ("图?#", "%E5%9B%BE%3F%23"),
    ],
)
async def test_percent_encoded_ids_are_found(external_id, encoded, emulate):
    """An id is read from the raw path and decoded once."""
    async with emulate() as wire:
        await wire.created(external_task_id=external_id)
        _, payload, _ = await wire.get(encoded)
        assert external_id == payload["data"]["task_info"]["external_task_id"]


async def test_unknown_task_is_400_1201(emulate):
    """What is not found is a bad request, as the service has it."""
    async with emulate() as wire:
        status, payload, _ = await wire.get("no%2Fsuch")
        expected = {
            "code": 1201,
            "message": "Task not found by id/external id: no/such",
            "request_id": payload["request_id"],
        }
        assert (400, expected) == (status, payload)


async def test_second_create_of_one_external_id_is_refused(emulate):
    """The id is unique over the account, and no second task is made."""
    async with emulate() as wire:
        await wire.created(external_task_id="mine")
        status, payload, _ = await wire.create(external_task_id="mine")
        assert (400, 1201) == (status, payload["code"])
        assert "External_task_id mine already exists" == payload["message"]
        assert (1, 1) == (len(wire.emulator.tasks), wire.emulator.created_count("mine"))


async def test_capacity_answers_1303_without_data(emulate):
    """Over the limit nothing is created; a slot is free again when a task has ended."""
    async with emulate(capacity=1) as wire:
        task_id = await wire.created()
        status, payload, _ = await wire.create()
        expected = {
            "code": 1303,
            "message": "parallel task over resource pack limit",
            "request_id": payload["request_id"],
        }
        assert (429, expected) == (status, payload)
        await wire.get(task_id)
        await wire.get(task_id)
        await wire.created()


async def test_strangers_hold_slots(emulate):
    """Somebody else's tasks count, and both numbers may change while it runs."""
    async with emulate(capacity=2) as wire:
        wire.emulator.strangers = 2
        assert 429 == (await wire.create())[0]
        wire.emulator.capacity = None
        assert 200 == (await wire.create())[0]


@pytest.mark.parametrize(("setting", "value"), [("capacity", -1), ("strangers", True), ("list_order", "up")])
def test_settings_have_bounds(setting, value):
    """A senseless setting is refused at once."""
    with pytest.raises(ValueError, match=setting):
        setattr(Emulator(), setting, value)


async def test_empty_list_is_an_empty_array(emulate):
    """No tasks: still success, and an array."""
    async with emulate() as wire:
        status, payload, _ = await wire.list()
        assert (200, []) == (status, payload["data"])


async def test_list_pages_newest_first(emulate):
    """Pages count from 1 and the last may be short."""
    async with emulate() as wire:
        ids = [await wire.created() for _ in range(5)]

        async def page(query):
            return [task["task_id"] for task in (await wire.list(query))[1]["data"]]

        assert ids[::-1] == await page("")
        assert ids[2:0:-1] == await page("?pageNum=2&pageSize=2")
        assert ids[:1] == await page("?pageNum=3&pageSize=2")
        wire.emulator.list_order = "oldest"
        assert ids == await page("")
        wire.emulator.list_order = "random"
        assert sorted(ids) == sorted(await page(""))


@pytest.mark.parametrize(
    "query", ["?pageNum=0", "?pageNum=1001", "?pageSize=0", "?pageSize=501", "?pageNum=x", "?pageNum="]
)
async def test_page_out_of_range_is_refused(query, emulate):
    """The bounds of a page hold on the server too."""
    async with emulate() as wire:
        status, payload, _ = await wire.list(query)
        assert (400, 1201) == (status, payload["code"])


@pytest.mark.parametrize("query", ["?pageNum=1000&pageSize=500", "?pageNum=1&pageSize=1"])
async def test_page_at_its_bounds_is_taken(query, emulate):
    """The bounds themselves are allowed."""
    async with emulate() as wire:
        assert 200 == (await wire.list(query))[0]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("PUT", PATH, 1202),
        ("DELETE", f"{PATH}/1", 1202),
        ("GET", f"{PATH}/a/b", 1203),
        ("GET", "/v1/videos/text3video", 1203),
        ("GET", "/v1/videos/identify-face", 1202),
        ("POST", "/account/costs", 1202),
        ("POST", "/v1/general/presets-voices", 1202),
        ("GET", "/", 1203),
    ],
)
async def test_wrong_method_and_path_are_envelopes(method, path, code, emulate):
    """404 comes with the service's own code."""
    async with emulate() as wire:
        status, payload, _ = await wire.send(method, path)
        assert (404, code) == (status, payload["code"])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b'{"cfg_scale": NaN}', b"[" * 100_000, b'{"a": "\xff"}']
)
async def test_body_that_is_no_object_is_1200(body, emulate):
    """A malformed body has a code of its own."""
    async with emulate() as wire:
        status, payload, _ = await wire.send(
            "POST", PATH, body=body, headers={"Content-Type": "application/json"}
        )
        assert (400, 1200) == (status, payload["code"])


async def test_other_content_type_is_1200(emulate):
    """JSON has to say that it is JSON."""
    async with emulate() as wire:
        status, payload, _ = await wire.send("POST", PATH, body=b"{}", headers={"Content-Type": "text/plain"})
        assert (400, 1200) == (status, payload["code"])


async def test_broken_rule_is_refused_over_the_wire(emulate):
    """A rule's code and message arrive, and no task is made."""
    async with emulate() as wire:
        status, payload, _ = await wire.create(duration=[5])
        assert (400, 1201, "duration must be a string") == (status, payload["code"], payload["message"])
        assert [] == wire.emulator.tasks


async def test_mask_of_another_ratio_fails_the_task(emulate, pictures):
    """The page refuses such a mask not at the create: the task fails."""
    image, mask = pictures.b64(pictures.png(512, 512)), pictures.b64(pictures.png(600, 300))
    async with emulate() as wire:
        task = await wire.ended(image=image, static_mask=mask)
        assert "failed" == task["task_status"]
        assert task["task_status_msg"].startswith("The resolution or aspect ratio of the input image")


async def test_big_body_is_read_in_a_thread(emulate, pictures):
    """A large picture is taken, and the ledger keeps its size alone."""
    picture = pictures.png(padding=300_000)
    async with emulate() as wire:
        await wire.created(image=pictures.b64(picture))
        shown = {"kind": "png", "bytes": len(picture), "width": 512, "height": 512}
        assert shown == wire.emulator.tasks[0].body["image"]


async def test_unknown_paths_are_authenticated_first(emulate):
    """Without a key nobody learns what the service has."""
    async with emulate() as wire:
        for path in ("/nowhere", "/v1/videos/nothing", "/"):
            assert 404 == (await wire.send("GET", path))[0]
            status, payload, _ = await wire.send("GET", path, headers={"Authorization": "Bearer x"})
            assert (401, 1002) == (status, payload["code"])


async def test_slashes_of_the_vendors_samples_are_served(emulate):
    """A slash after the path of a create, and two before an id."""
    async with emulate() as wire:
        body = {"image": "http://127.0.0.1:9/a.png", "external_task_id": "mine"}
        status, payload, _ = await wire.send("POST", f"{PATH}/", body=body)
        assert 200 == status
        for target in (f"{PATH}//{payload['data']['task_id']}", f"{PATH}//mine", f"{PATH}/mine/"):
            status, found, _ = await wire.send("GET", target)
            assert (200, payload["data"]["task_id"]) == (status, found["data"]["task_id"])
        assert 1 == len((await wire.send("GET", f"{PATH}/?pageNum=1"))[1]["data"])


async def test_body_beyond_all_bounds_is_1200(emulate, monkeypatch):
    """Eight pictures fit; what is larger is refused in an envelope."""
    monkeypatch.setattr("kling_async.emulator.front.LARGEST_BODY", 1000)
    async with emulate() as wire:
        status, payload, _ = await wire.create(prompt="x" * 1000)
        assert (400, 1200) == (status, payload["code"])


async def test_caller_that_leaves_while_sending_is_no_task(emulate):
    """Half a body is no create; the request is on record without a status."""
    async with emulate() as wire:
        port = int(wire.emulator.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        writer.write(head.encode() + b"{")
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.close()
        await asyncio.sleep(0.02)
        assert [("create", None)] == [(one.call, one.status) for one in wire.emulator.requests]
        assert [] == wire.emulator.tasks


async def test_emulator_can_be_entered_once():
    """A second start would mix two lives."""
    emulator = Emulator()
    async with emulator:
        assert emulator.url in repr(emulator)
        assert emulator.secret_key not in repr(emulator)
    with pytest.raises(RuntimeError, match="once"):
        await emulator.__aenter__()


async def test_taken_port_is_an_error(emulate):
    """A port in use is told at once."""
    async with emulate() as wire:
        port = int(wire.emulator.url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            await Emulator(port=port).__aenter__()


async def test_ipv6_address_is_bracketed():
    """The address is a URL's on any loopback."""
    async with Emulator(host="::1") as emulator:
        assert emulator.url.startswith("http://[::1]:")
