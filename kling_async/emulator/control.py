"""Control routes under `/_emulator/`: the emulator's knobs for other languages and processes.

The service has no such path. No keys are asked for: the emulator listens on this machine alone
by default.
"""

import json
from typing import TYPE_CHECKING, Any

import attrs

from kling_async.emulator.service.answers import JSON_TYPE, Answer, encode
from kling_async.emulator.service.states import Task

if TYPE_CHECKING:
    from kling_async.emulator.server import Emulator

SETTINGS = ("capacity", "strangers", "list_order")


def control(emulator: "Emulator", method: str, path: str, raw: bytes) -> Answer:
    """Answers one control request."""
    try:
        match method, path:
            case "GET", "/_emulator/state":
                return _answer(200, state(emulator))
            case "POST", "/_emulator/faults":
                planned = emulator.fault(**_object(raw))
                return _answer(201, {"planned": repr(planned)})
            case "DELETE", "/_emulator/faults":
                emulator.clear_faults()
                return _answer(200, {"planned": None})
            case "POST", "/_emulator/settings":
                return _answer(200, _settings(emulator, _object(raw)))
            case _:
                return _answer(404, {"error": f"the emulator has no {method} {path}"})
    except (TypeError, ValueError) as error:
        return _answer(400, {"error": str(error)})


def state(emulator: "Emulator") -> dict[str, Any]:
    """Returns the ledger as plain JSON values."""
    return {
        "settings": {name: getattr(emulator, name) for name in SETTINGS},
        "in_flight": emulator.in_flight,
        "counts": dict(emulator.counts),
        "injected": {f"{call} {kind}": times for (call, kind), times in emulator.injected.items()},
        "tasks": [_task(task) for task in emulator.tasks],
        "requests": [attrs.asdict(record) for record in emulator.requests],
        "callbacks": [attrs.asdict(callback) for callback in emulator.callbacks],
    }


def _task(task: Task) -> dict[str, Any]:
    names = ("task_id", "external_task_id", "status", "status_message", "created", "ended", "polls", "body")
    return {name: getattr(task, name) for name in names}


def _settings(emulator: "Emulator", wanted: dict[str, Any]) -> dict[str, Any]:
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
