"""Settings: keys, addresses, refusals of repeated ids, strangers; checked when given and when changed."""

import ssl
import sys

import aiohttp
import pytest

from kling_async.emulator import AtOnce, Emulator

pytestmark = pytest.mark.anyio

PATH = "/v1/videos/image2video"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("capacity", 1.5),
        ("capacity", {"video": -1}),
        ("capacity", {"voice": 1}),
        ("list_order", "up"),
        ("repeated_ids", "maybe"),
        ("public_url", "ftp://a.example"),
        ("files_url", "a.example"),
        ("secret_key", "short"),
    ],
)
def test_senseless_settings_are_refused(setting, value):
    """When the emulator is made, and while it runs."""
    with pytest.raises(ValueError, match=setting):
        Emulator(**{setting: value})
    with pytest.raises(ValueError, match=setting):
        setattr(Emulator(), setting, value)


def test_keys_can_be_fixed_and_are_not_shown():
    """The keys of one start can be those of the next."""
    keys = {"access_key": "ak", "secret_key": "s" * 32, "api_key": "api-key-kling-1"}
    emulator = Emulator(**keys)
    assert keys == {name: getattr(emulator, name) for name in keys}
    assert not [value for value in keys.values() if value in repr(emulator)]


async def test_keys_can_be_rotated(emulate):
    """An old key is refused from then on."""
    async with emulate() as wire:
        old = wire.emulator.api_key
        wire.emulator.api_key = "api-key-kling-new"
        assert 200 == (await wire.list())[0]
        assert 401 == (await wire.send("GET", PATH, headers={"Authorization": f"Bearer {old}"}))[0]


async def test_results_point_at_the_public_address(emulate):
    """With or without a slash at its end; the file host may be yet another one."""
    async with emulate(advance=AtOnce(), public_url="https://kling.example/") as wire:
        task = await wire.ended()
        path = f"/_emulator/videos/{task['task_id']}.mp4"
        assert f"https://kling.example{path}" == task["task_result"]["videos"][0]["url"]
        wire.emulator.files_url = "http://127.0.0.1:9"
        _, payload, _ = await wire.get(task["task_id"])
        assert f"http://127.0.0.1:9{path}" == payload["data"]["task_result"]["videos"][0]["url"]
        wire.emulator.files_url = wire.emulator.public_url = None
        _, payload, _ = await wire.get(task["task_id"])
        assert f"{wire.emulator.url}{path}" == payload["data"]["task_result"]["videos"][0]["url"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("任务ID {external_task_id} 重复: {external_id}", "任务ID {external_task_id} 重复: mine"),
        ("duplicate", "duplicate"),
        ("{external_id} has been used", "mine has been used"),
        ("", ""),
    ],
)
async def test_refusal_of_a_repeated_id_has_any_wording(message, expected, emulate):
    """Code and status stay the service's, and no second task is made; the planned fault speaks alike."""
    async with emulate(duplicate_message=message) as wire:
        await wire.created(external_task_id="mine")
        status, payload, _ = await wire.create(external_task_id="mine")
        assert (400, 1201, expected) == (status, payload["code"], payload["message"])
        assert 1 == len(wire.emulator.tasks)
        wire.emulator.fault("create", "duplicate")
        _, payload, _ = await wire.create(external_task_id="other")
        assert expected.replace("mine", "other") == payload["message"]


async def test_refusal_of_a_repeated_id_can_be_silent_and_of_any_code(emulate):
    """No message at all, another code, another HTTP status."""
    async with emulate(duplicate_message=None) as wire:
        await wire.created(external_task_id="mine")
        status, payload, _ = await wire.create(external_task_id="mine")
        assert (400, {"code", "request_id"}) == (status, set(payload))
        wire.emulator.duplicate_http = 409
        wire.emulator.duplicate_code = 1200
        status, payload, _ = await wire.create(external_task_id="mine")
        assert (409, 1200) == (status, payload["code"])


async def test_repeated_ids_can_be_accepted(emulate):
    """A second task is made and counted, and queries find the newer one."""
    async with emulate(repeated_ids="accept") as wire:
        first = await wire.created(external_task_id="mine")
        second = await wire.created(external_task_id="mine")
        assert 2 == wire.emulator.created_count("mine")
        assert second == (await wire.get("mine"))[1]["data"]["task_id"] != first
        wire.emulator.repeated_ids = "refuse"
        assert 400 == (await wire.create(external_task_id="mine"))[0]


async def test_a_stranger_fills_the_account_for_a_while(emulate):
    """Creates of videos are refused until he leaves; running tasks go on, and images are not concerned."""
    async with emulate() as wire:
        task_id = await wire.created()
        wire.emulator.fill(60)
        status, payload, _ = await wire.create()
        assert (429, 1303) == (status, payload["code"])
        assert 200 == (await wire.get(task_id))[0]
        assert 200 == (await wire.send("POST", "/v1/images/generations", body={}))[0]
        await wire.emulator.fast_forward(59)
        assert 429 == (await wire.create())[0]
        await wire.emulator.fast_forward(2)
        assert 200 == (await wire.create())[0]


async def test_filling_can_be_asked_for_over_the_wire(emulate):
    """For other languages and processes."""
    async with emulate() as wire:
        assert 200 == (await wire.send("POST", "/_emulator/fill", body={"seconds": 60}))[0]
        assert 429 == (await wire.create())[0]


async def test_https_with_a_certificate_of_its_own(emulate):
    """Whoever trusts the certificate gets through, nobody else; it is gone with the emulator."""
    pytest.importorskip("cryptography")
    async with emulate(tls=True, public_url="https://kling.example") as wire:
        assert wire.emulator.url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=wire.emulator.certificate)
        headers = {"Authorization": f"Bearer {wire.emulator.api_key}"}
        async with wire.session.get(wire.emulator.url + PATH, ssl=trusted, headers=headers) as response:
            assert 200 == response.status
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await wire.session.get(wire.emulator.url + PATH)
        certificate = wire.emulator.certificate
        wire.emulator.fault("list", "reset-before", times=None)
        with pytest.raises((aiohttp.ClientConnectionError, ConnectionError)):
            await wire.session.get(wire.emulator.url + PATH, ssl=trusted, headers=headers)
    assert not certificate.exists()


async def test_https_without_its_package_says_what_to_install(monkeypatch):
    """A clear sentence instead of an import error."""
    monkeypatch.setitem(sys.modules, "cryptography.x509", None)
    with pytest.raises(RuntimeError, match="pip install cryptography"):
        await Emulator(tls=True).__aenter__()
