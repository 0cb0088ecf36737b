"""Control routes under `/_emulator/`: the emulator's knobs for other languages and processes.

The service has no such path. No keys are asked for: the emulator listens on this machine alone
by default.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from kling_async.emulator.ledger import RequestRecord
from kling_async.emulator.service.answers import JSON_TYPE, Answer, encode
from kling_async.emulator.service.states import Task

if TYPE_CHECKING:
    from kling_async.emulator.server import Emulator

SETTINGS = (
    "capacity",
    "strangers",
    "list_order",
    "repeated_ids",
    "duplicate_message",
    "duplicate_code",
    "duplicate_http",
    "public_url",
    "files_url",
    "ignores_slashes",
    "ignores_empty_values",
    "largest_page",
    "judges",
)


async def control(emulator: "Emulator", method: str, path: str, raw: bytes) -> Answer:
    """Answers one control request."""
    known = ROUTES.get((method, path))
    if known is None:
        return _answer(404, {"error": f"the emulator has no {method} {path}"})
    status, handle = known
    try:
        return _answer(status, await handle(emulator, _object(raw)))
    except (TypeError, ValueError) as error:
        return _answer(400, {"error": str(error)})


async def _state(emulator: "Emulator", _: dict[str, Any]) -> Any:
    return state(emulator)


async def _plan(emulator: "Emulator", wanted: dict[str, Any]) -> Any:
    return {"planned": repr(emulator.fault(**wanted))}


async def _clear(emulator: "Emulator", _: dict[str, Any]) -> Any:
    emulator.clear_faults()
    return {"planned": None}


async def _fast_forward(emulator: "Emulator", wanted: dict[str, Any]) -> Any:
    await emulator.fast_forward(**wanted)
    return {"in_flight": emulator.in_flight}


async def _fill(emulator: "Emulator", wanted: dict[str, Any]) -> Any:
    emulator.fill(**wanted)
    return {"filled": wanted["seconds"]}


def state(emulator: "Emulator") -> dict[str, Any]:
    """Returns the ledger as plain JSON values."""
    return {
        "settings": {name: getattr(emulator, name) for name in SETTINGS},
        "in_flight": emulator.in_flight,
        "counts": dict(emulator.counts),
        "injected": {f"{call} {kind}": times for (call, kind), times in emulator.injected.items()},
        "tasks": [_task(task) for task in emulator.tasks],
        "requests": [_request(record) for record in emulator.requests],
        "callbacks": [attrs.asdict(callback) for callback in emulator.callbacks],
    }


def _task(task: Task) -> dict[str, Any]:
    names = ("task_id", "external_task_id", "status", "status_message", "created", "ended", "polls", "body")
    return {name: getattr(task, name) for name in names}


def _request(record: RequestRecord) -> dict[str, Any]:
    return attrs.asdict(record, filter=attrs.filters.exclude("raw_body"))


async def _settings(emulator: "Emulator", wanted: dict[str, Any]) -> dict[str, Any]:
    """Changes what is named, in that order; a wrong name changes nothing."""
    if unknown := sorted(set(wanted) - {*SETTINGS, "fail_next"}):
        raise ValueError(f"no setting is called {unknown[0]!r}; there are {', '.join(SETTINGS)}, fail_next")
    reason = wanted.pop("fail_next", None)
    for name, value in wanted.items():
        setattr(emulator, name, value)
    if reason is not None:
        emulator.fail_next(str(reason))
    return {name: getattr(emulator, name) for name in SETTINGS}


def _object(raw: bytes) -> dict[str, Any]:
    value = json.loads(raw or b"{}")
    if not isinstance(value, dict):
        raise TypeError("the body must be a JSON object")
    return value


def _answer(status: int, payload: Any) -> Answer:
    return Answer(status, encode(payload), {"Content-Type": JSON_TYPE})


Handle = Callable[["Emulator", dict[str, Any]], Awaitable[Any]]
ROUTES: Mapping[tuple[str, str], tuple[int, Handle]] = {
    ("GET", "/_emulator/state"): (200, _state),
    ("POST", "/_emulator/faults"): (201, _plan),
    ("DELETE", "/_emulator/faults"): (200, _clear),
    ("POST", "/_emulator/settings"): (200, _settings),
    ("POST", "/_emulator/fast-forward"): (200, _fast_forward),
    ("POST", "/_emulator/fill"): (200, _fill),
}
"""Each route's status of success and what it does with a JSON object."""
