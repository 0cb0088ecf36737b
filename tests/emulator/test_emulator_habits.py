"""In what the emulator can be told to differ from what is assumed of the service."""

import pytest

from kling_async.emulator import AtOnce, Emulator

pytestmark = pytest.mark.anyio

PATH = "/v1/videos/image2video"


async def test_slashes_can_count(emulate):
    """A slash at the end is another path then, and a doubled one leads to no task."""
    async with emulate(ignores_slashes=False) as wire:
        task_id = await wire.created()
        assert (404, 1203) == _refusal(await wire.send("GET", f"{PATH}/?pageNum=1"))
        assert 200 != (await wire.send("GET", f"{PATH}//{task_id}"))[0]
        wire.emulator.ignores_slashes = True
        assert 200 == (await wire.send("GET", f"{PATH}/?pageNum=1"))[0]
        assert 200 == (await wire.send("GET", f"{PATH}//{task_id}"))[0]


async def test_empty_texts_can_count(emulate):
    """An empty address is not one then; null is still absent."""
    async with emulate(ignores_empty_values=False) as wire:
        assert (400, 1201) == _refusal(await wire.create(callback_url=""))
        assert 200 == (await wire.create(callback_url=None))[0]


@pytest.mark.parametrize(("rows", "size", "status"), [(100, 101, 400), (100, 100, 200), (1000, 501, 200)])
async def test_largest_page_can_be_another(emulate, rows, size, status):
    """What is larger is refused."""
    async with emulate(largest_page=rows) as wire:
        assert status == (await wire.list(f"?pageSize={size}"))[0]


@pytest.mark.parametrize("rows", [0, 1.5, "500", True])
def test_senseless_largest_page_is_refused(rows):
    """As the other settings are."""
    with pytest.raises(ValueError, match="largest_page"):
        Emulator(largest_page=rows)


async def test_service_that_judges_nothing_makes_a_task_of_nothing(emulate):
    """An empty object is enough; what is not an object is still refused, and the task ends."""
    async with emulate(judges=False, advance=AtOnce()) as wire:
        status, payload, _ = await wire.send("POST", PATH, body={})
        assert (200, 0) == (status, payload["code"])
        assert 400 == (await wire.send("POST", PATH, body=[]))[0]
        _, payload, _ = await wire.get(payload["data"]["task_id"])
        assert "succeed" == payload["data"]["task_status"]


async def test_trouble_strikes_paths_that_are_not_there(emulate):
    """A call of what the service does not have is `other`, and counted as such."""
    async with emulate() as wire:
        wire.emulator.fault("other", "error-before", code=1103)
        assert (403, 1103) == _refusal(await wire.send("GET", "/v1/nothing"))
        assert (404, 1203) == _refusal(await wire.send("GET", "/v1/nothing"))
        assert {("other", "error-before"): 1} == dict(wire.emulator.injected)


async def test_habits_change_over_the_wire(emulate):
    """Programs in other languages can tell them too."""
    async with emulate() as wire:
        wanted = {
            "ignores_slashes": False,
            "ignores_empty_values": False,
            "largest_page": 10,
            "judges": False,
        }
        _, settings, _ = await wire.send("POST", "/_emulator/settings", body=wanted)
        assert wanted.items() <= settings.items()


def _refusal(answer):
    status, payload, _ = answer
    return status, payload["code"]
