"""Control routes, the ledger, and what importing costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kling_async.emulator
from kling_async.emulator.ledger import REQUESTS_KEPT, Ledger, RequestRecord

pytestmark = pytest.mark.anyio


async def test_state_tells_the_ledger(emulate):
    """Tasks, requests, counts and settings, as JSON and without a secret."""
    async with emulate(capacity=3) as wire:
        task_id = await wire.created(external_task_id="mine")
        await wire.send("GET", "/nowhere")
        status, state, _ = await wire.send("GET", "/_emulator/state")
        assert 200 == status
        expected = {"capacity": 3, "strangers": 0, "list_order": "newest", "repeated_ids": "refuse"}
        assert expected.items() <= state["settings"].items()
        assert {"create": 1, "other": 1} == state["counts"]
        assert [(task_id, "mine", "submitted")] == [
            (task["task_id"], task["external_task_id"], task["status"]) for task in state["tasks"]
        ]
        assert [("POST", 200), ("GET", 404)] == [(one["method"], one["status"]) for one in state["requests"]]
        assert wire.emulator.api_key not in str(state)


async def test_faults_are_planned_over_the_wire(emulate):
    """POST plans, the call is struck, DELETE forgets."""
    async with emulate() as wire:
        plan = {"call": "list", "kind": "error-before", "times": None, "code": 5000}
        assert 201 == (await wire.send("POST", "/_emulator/faults", body=plan))[0]
        assert 500 == (await wire.list())[0]
        assert {"list error-before": 1} == (await wire.send("GET", "/_emulator/state"))[1]["injected"]
        assert 200 == (await wire.send("DELETE", "/_emulator/faults"))[0]
        assert 200 == (await wire.list())[0]


async def test_settings_change_over_the_wire(emulate):
    """Capacity, strangers, order, and the next task's failure."""
    async with emulate() as wire:
        wanted = {"capacity": {"video": 9}, "strangers": 2, "list_order": "oldest"}
        status, settings, _ = await wire.send(
            "POST", "/_emulator/settings", body={**wanted, "fail_next": "no", "repeated_ids": "accept"}
        )
        assert (200, "accept") == (status, settings["repeated_ids"])
        assert wanted.items() <= settings.items()
        assert "failed" == (await wire.ended())["task_status"]


async def test_faults_next_to_nothing_are_forgotten_over_the_wire(emulate):
    """A plan that never struck is gone as well, and the answer says so."""
    async with emulate() as wire:
        await wire.send("POST", "/_emulator/faults", body={"call": "any", "kind": "empty", "times": None})
        status, payload, _ = await wire.send("DELETE", "/_emulator/faults")
        assert (200, {"planned": None}) == (status, payload)
        assert 200 == (await wire.list())[0]
        assert {} == wire.emulator.injected


async def test_one_setting_leaves_the_others(emulate):
    """What is not named stays."""
    async with emulate(capacity=4) as wire:
        _, settings, _ = await wire.send("POST", "/_emulator/settings", body={"strangers": 1})
        assert {"capacity": 4, "strangers": 1, "list_order": "newest"}.items() <= settings.items()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("settings", {"speed": 1}),
        ("settings", {"capacity": "many"}),
        ("settings", []),
        ("settings", b"{"),
        ("settings", {"files_url": "ftp://a.example"}),
        ("fast-forward", {"seconds": -1}),
        ("fast-forward", {}),
        ("fill", {"seconds": "x"}),
        ("faults", {"call": "create"}),
        ("faults", {"call": "create", "kind": "fire"}),
        ("faults", {"call": "create", "kind": "empty", "times": "x"}),
    ],
)
async def test_senseless_control_is_400(path, body, emulate):
    """The answer says what is wrong."""
    async with emulate() as wire:
        status, payload, _ = await wire.send("POST", f"/_emulator/{path}", body=body)
        assert (400, ["error"]) == (status, list(payload))


async def test_unknown_control_route_is_404(emulate):
    """The emulator says what it does not have."""
    async with emulate() as wire:
        assert 404 == (await wire.send("GET", "/_emulator/nothing"))[0]


async def test_requests_are_recorded_without_the_bearer(emulate):
    """Call, path, query, status and headers; never the authorization."""
    async with emulate() as wire:
        await wire.list("?pageNum=0")
        (record,) = wire.emulator.requests
        assert ("list", "pageNum=0", 400) == (record.call, record.query, record.status)
        assert "Host" in record.headers
        assert "Authorization" not in record.headers


def test_ledger_is_bounded():
    """Old requests go; the counts stay."""
    ledger = Ledger()
    for number in range(REQUESTS_KEPT + 5):
        ledger.add(RequestRecord("get", "GET", "/", "", float(number), {}))
    assert (REQUESTS_KEPT, REQUESTS_KEPT + 5) == (len(ledger.requests), ledger.counts["get"])


def test_names_are_all_there():
    """Each promised name can be had, and no other."""
    for name in kling_async.emulator.__all__:
        assert getattr(kling_async.emulator, name)
    with pytest.raises(AttributeError, match="nothing"):
        _ = kling_async.emulator.nothing


def test_importing_is_cheap():
    """The server is not loaded before it is asked for."""
    code = "import sys, kling_async.emulator; sys.exit('kling_async.emulator.server' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_emulator_is_an_island():
    """No module here imports from the rest of the package."""
    names = set()
    for module in Path(kling_async.emulator.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom):
                names.add(node.module)
            elif isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
    ours = {name for name in names if name.startswith("kling_async")}
    assert set() == {name for name in ours if not name.startswith("kling_async.emulator")}
