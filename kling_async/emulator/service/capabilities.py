"""Which model can do what, for which mode and duration (facts.md, section 5; as of 2026-04).

Pure. A table of its own with a switch of its own: models come and go, so an unknown name passes.
kling-v1's camera is documented both as unsupported and as std 5 s; here std 5 s counts as supported.
The master models have no mode: their std and pro cells are equal.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kling_async.emulator.service.submission import Submission


class Abilities(NamedTuple):
    """A model's row; in each cell Y or - for std 5 s, std 10 s, pro 5 s, pro 10 s."""

    image: str = "YYYY"
    tail: str = "----"
    tail_alone: str = "----"
    brush: str = "----"
    camera: str = "----"
    camera_types: tuple[str, ...] = ()
    """The camera types that the model knows; empty: all."""


CAPABILITIES: Mapping[str, Abilities] = {
    "kling-v1": Abilities(tail="Y-Y-", brush="Y-Y-", camera="Y---"),
    "kling-v1-5": Abilities(
        tail="--YY", tail_alone="--YY", brush="--Y-", camera="--Y-", camera_types=("simple",)
    ),
    "kling-v1-6": Abilities(tail="--YY", tail_alone="--YY"),
    "kling-v2-master": Abilities(),
    "kling-v2-1": Abilities(tail="--YY"),
    "kling-v2-1-master": Abilities(),
    "kling-v2-5-turbo": Abilities(tail="--YY"),
    "kling-v2-6": Abilities(tail="--YY"),
    "kling-v3": Abilities(tail="YYYY"),
}

COLUMNS = (("std", "5"), ("std", "10"), ("pro", "5"), ("pro", "10"))


def supported(request: Submission) -> str | None:
    """Returns None if the model can do it or is unknown, else the service's message."""
    body = request.body
    model, mode, duration = _choice(body)
    row = CAPABILITIES.get(model) if isinstance(model, str) else None
    if row is None or (mode, duration) not in COLUMNS:
        return None
    feature, cells = _feature(body, row)
    if cells == "----":
        return f"{model} is not supported with {feature}"
    if cells[COLUMNS.index((mode, duration))] != "Y":
        return f"model/mode/duration({model}/{mode}/{duration}) is not supported with {feature}"
    camera = body.get("camera_control")
    kind = camera.get("type") if isinstance(camera, dict) else None
    if row.camera_types and kind is not None and kind not in row.camera_types:
        return f"{model} is not supported with camera_control type {kind}"
    return None


def _choice(body: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Model, mode and duration with the API reference's defaults; the old `model` field has no effect."""
    return body.get("model_name") or "kling-v1", body.get("mode", "std"), body.get("duration", "5")


def _feature(body: Mapping[str, Any], row: Abilities) -> tuple[str, str]:
    if "image_tail" in body:
        return ("image_tail", row.tail) if "image" in body else ("image_tail alone", row.tail_alone)
    if "static_mask" in body or "dynamic_masks" in body:
        return "motion brush", row.brush
    if "camera_control" in body:
        return "camera_control", row.camera
    return "image", row.image
