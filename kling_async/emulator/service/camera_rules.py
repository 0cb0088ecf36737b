"""The API reference's rules of the camera.

Pure. A test judges what it can read and leaves the rest to the rule about types, so that one offence
breaks one rule.
"""

from collections.abc import Mapping
from typing import Any

from kling_async.emulator.service.rule import Rule, is_number
from kling_async.emulator.service.submission import Submission

CAMERA_TYPES = ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")
CAMERA_AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")


def _camera(request: Submission) -> Mapping[str, Any] | None:
    camera = request.body.get("camera_control")
    return camera if isinstance(camera, dict) else None


def _config(request: Submission) -> Mapping[str, Any]:
    config = (_camera(request) or {}).get("config")
    return config if isinstance(config, dict) else {}


def _camera_is_an_object(request: Submission) -> str | None:
    """`camera_control` is an object."""
    if isinstance(request.body.get("camera_control", {}), dict):
        return None
    return "camera_control must be an object"


def _camera_type(request: Submission) -> str | None:
    """The camera's type is there and is one of five."""
    camera = _camera(request)
    if camera is None or camera.get("type") in CAMERA_TYPES:
        return None
    return f"camera_control.type must be one of {', '.join(CAMERA_TYPES)}"


def _config_is_an_object(request: Submission) -> str | None:
    """The camera's `config` is an object."""
    if isinstance((_camera(request) or {}).get("config", {}), dict):
        return None
    return "camera_control.config must be an object"


def _config_with_simple(request: Submission) -> str | None:
    """`simple` has a config."""
    camera = _camera(request)
    if camera is not None and camera.get("type") == "simple" and "config" not in camera:
        return "camera_control.config is required when type is simple"
    return None


def _config_only_with_simple(request: Submission) -> str | None:
    """The other four types have none."""
    camera = _camera(request)
    if camera is None or "config" not in camera or camera.get("type") == "simple":
        return None
    if camera.get("type") not in CAMERA_TYPES:
        return None
    return f"camera_control.config must be empty when type is {camera['type']}"


def _config_axes(request: Submission) -> str | None:
    """`config` has the six axes and nothing else."""
    unknown = sorted(set(_config(request)) - set(CAMERA_AXES))
    return f"camera_control.config.{unknown[0]} is unknown" if unknown else None


def _axes_are_numbers(request: Submission) -> str | None:
    """Each axis is a number."""
    for axis, value in _config(request).items():
        if axis in CAMERA_AXES and not is_number(value):
            return f"camera_control.config.{axis} must be a number"
    return None


def _axes_in_range(request: Submission) -> str | None:
    """Each axis is within -10 and 10."""
    for axis, value in _config(request).items():
        if axis in CAMERA_AXES and is_number(value) and not -10 <= value <= 10:
            return f"camera_control.config.{axis} is out of range [-10, 10]"
    return None


def _one_axis_moves(request: Submission) -> str | None:
    """Exactly one axis is not 0; a config that cannot be read is left to another rule."""
    camera = _camera(request)
    if camera is None or not isinstance(camera.get("config"), dict):
        return None
    if camera.get("type") != "simple" or _axes_are_numbers(request) is not None:
        return None
    values = [value for axis, value in _config(request).items() if axis in CAMERA_AXES]
    if sum(1 for value in values if value != 0) == 1:
        return None
    return "Exactly one of camera_control.config's six values must be non-zero"


CAMERA: tuple[Rule, ...] = (
    Rule("camera_control is an object", _camera_is_an_object),
    Rule("camera type", _camera_type),
    Rule("camera config is an object", _config_is_an_object),
    Rule("camera config with simple", _config_with_simple),
    Rule("camera config only with simple", _config_only_with_simple),
    Rule("camera config axes", _config_axes),
    Rule("camera axis is a number", _axes_are_numbers),
    Rule("camera axis range", _axes_in_range),
    Rule("camera moves on one axis", _one_axis_moves),
)
