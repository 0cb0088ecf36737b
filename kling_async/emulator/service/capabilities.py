"""Which model can do what, on which endpoint, for which mode and duration (facts.md, sections 5 and 7; as of 2026-09).

Pure. Tables with a switch of their own: models come and go, so an unknown name passes with any mode and any whole
number of seconds. kling-v1's camera is documented both as unsupported and as std 5 s; here std 5 s counts as supported.
The master models have no mode: their std and pro cells are equal. Which models take elements is documented nowhere, so
that none refuses them.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from kling_async.emulator.service.field_rules import invalid, is_seconds
from kling_async.emulator.service.rule import Rule
from kling_async.emulator.service.submission import Submission

ALL = "YYYY"
NONE = "----"
COLUMNS = (("std", "5"), ("std", "10"), ("pro", "5"), ("pro", "10"))


@attrs.frozen
class Abilities:
    """A model's row; in each cell Y or - for std 5 s, std 10 s, pro 5 s, pro 10 s."""

    plain: str = ALL
    """An image, or a prompt alone, without any of the features below."""

    tail: str = NONE
    tail_alone: str = NONE
    brush: str = NONE
    camera: str = NONE
    camera_types: tuple[str, ...] = ()
    """The camera types that the model knows; empty: all."""

    modes: tuple[str, ...] = ("std", "pro")
    durations: tuple[str, ...] = ("5", "10")
    sound: tuple[str, ...] = ()
    """The modes that can have sound."""

    sound_with_tail: bool = False
    voices: tuple[str, ...] = ()
    """The modes that can have voices."""

    shots: bool = False
    """Whether the model takes multi_shot."""


_V3 = Abilities(
    tail=ALL,
    modes=("std", "pro", "4k"),
    durations=tuple(str(seconds) for seconds in range(3, 16)),
    sound=("std", "pro", "4k"),
    sound_with_tail=True,
    shots=True,
)
_V2_6 = Abilities(tail="--YY", sound=("pro",), voices=("pro",))

IMAGE2VIDEO: Mapping[str, Abilities] = {
    "kling-v1": Abilities(tail="Y-Y-", brush="Y-Y-", camera="Y---"),
    "kling-v1-5": Abilities(
        tail="--YY", tail_alone="--YY", brush="--Y-", camera="--Y-", camera_types=("simple",)
    ),
    "kling-v1-6": Abilities(tail="--YY", tail_alone="--YY"),
    "kling-v2-master": Abilities(),
    "kling-v2-1": Abilities(tail="--YY"),
    "kling-v2-1-master": Abilities(),
    "kling-v2-5-turbo": Abilities(tail="--YY"),
    "kling-v2-6": _V2_6,
    "kling-v3": _V3,
}

TEXT2VIDEO: Mapping[str, Abilities] = {
    "kling-v1": Abilities(camera="Y---"),
    "kling-v1-5": Abilities(plain=NONE),
    "kling-v1-6": Abilities(),
    "kling-v2-master": Abilities(),
    "kling-v2-1": Abilities(plain=NONE),
    "kling-v2-1-master": Abilities(),
    "kling-v2-5-turbo": Abilities(),
    "kling-v2-6": _V2_6,
    "kling-v3": _V3,
}

Verdict = Callable[[Mapping[str, Any], str, Abilities, str], str | None]
"""A body, its model, the model's row and the endpoint's name for a plain request in; a message out."""


def capability_rules(rows: Mapping[str, Abilities], plain: str) -> tuple[Rule, ...]:
    """The rules of an endpoint's table.

    Args:
        rows: The table: each model's row.
        plain: What a request without any feature is called in a refusal.
    """

    def judged(verdict: Verdict) -> Callable[[Submission], str | None]:
        def test(request: Submission) -> str | None:
            model = request.body.get("model_name") or "kling-v1"
            row = rows.get(model) if isinstance(model, str) else None
            return None if row is None else verdict(request.body, model, row, plain)

        return test

    return tuple(Rule(f"capability: {name}", judged(verdict)) for name, verdict in _VERDICTS)


def _mode(body: Mapping[str, Any], _: str, row: Abilities, __: str) -> str | None:
    value = body.get("mode", "std")
    return invalid("mode", value) if isinstance(value, str) and value and value not in row.modes else None


def _duration(body: Mapping[str, Any], _: str, row: Abilities, __: str) -> str | None:
    value = body.get("duration", "5")
    return invalid("duration", value) if is_seconds(value) and value not in row.durations else None


def _feature(body: Mapping[str, Any], model: str, row: Abilities, plain: str) -> str | None:
    feature, cells = _asked(body, row, plain)
    choice = body.get("mode", "std"), body.get("duration", "5")
    if cells == NONE:
        return f"{model} is not supported with {feature}"
    if cells != ALL and choice in COLUMNS and cells[COLUMNS.index(choice)] != "Y":
        return _unsupported(body, model, feature)
    camera = body.get("camera_control")
    kind = camera.get("type") if isinstance(camera, dict) else None
    if row.camera_types and kind is not None and kind not in row.camera_types:
        return f"{model} is not supported with camera_control type {kind}"
    return None


def _asked(body: Mapping[str, Any], row: Abilities, plain: str) -> tuple[str, str]:
    if "image_tail" in body:
        return ("image_tail", row.tail) if "image" in body else ("image_tail alone", row.tail_alone)
    if "static_mask" in body or "dynamic_masks" in body:
        return "motion brush", row.brush
    if "camera_control" in body:
        return "camera_control", row.camera
    return plain, row.plain


def _sound(body: Mapping[str, Any], model: str, row: Abilities, _: str) -> str | None:
    if body.get("sound") != "on":
        return None
    if not row.sound:
        return f"{model} is not supported with sound"
    if _out_of(row.sound, body, row):
        return _unsupported(body, model, "sound")
    if "image_tail" in body and not row.sound_with_tail:
        return f"{model} is not supported with sound and image_tail"
    return None


def _voices(body: Mapping[str, Any], model: str, row: Abilities, _: str) -> str | None:
    if "voice_list" not in body:
        return None
    if not row.voices:
        return f"{model} is not supported with voice_list"
    return _unsupported(body, model, "voice_list") if _out_of(row.voices, body, row) else None


def _shots(body: Mapping[str, Any], model: str, row: Abilities, _: str) -> str | None:
    if body.get("multi_shot") is True and not row.shots:
        return f"{model} is not supported with multi_shot"
    return None


def _out_of(modes: tuple[str, ...], body: Mapping[str, Any], row: Abilities) -> bool:
    """Whether the mode is one of the model's, and none of these."""
    mode = body.get("mode", "std")
    return mode in row.modes and mode not in modes


def _unsupported(body: Mapping[str, Any], model: str, feature: str) -> str:
    choice = f"{model}/{body.get('mode', 'std')}/{body.get('duration', '5')}"
    return f"model/mode/duration({choice}) is not supported with {feature}"


_VERDICTS: tuple[tuple[str, Verdict], ...] = (
    ("mode", _mode),
    ("duration", _duration),
    ("feature", _feature),
    ("sound", _sound),
    ("voices", _voices),
    ("shots", _shots),
)
