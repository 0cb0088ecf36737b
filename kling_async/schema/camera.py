"""Camera movements: the `camera_control` of image2video and text2video.

Promises: no I/O; an object that exists keeps the rules of the API reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Self, TypeAlias

from attrs import field, frozen

from kling_async.errors import Problem
from kling_async.schema import rules

CAMERA_TYPES: Final = ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")
"""The values of a camera's `type`; only `simple` has a config."""

CAMERA_AXES: Final = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
"""The six fields of a camera's `config`, in the order of the API reference."""


@frozen(kw_only=True)
class CameraConfig:
    """The movement of a `simple` camera: exactly one axis is other than 0, each from -10 to 10.

    Raises:
        ValidationError: An axis is out of bounds, or another number of axes than one is other than 0.
    """

    horizontal: float | None = None
    """Shift along the x axis: negative to the left, positive to the right."""

    vertical: float | None = None
    """Shift along the y axis: negative down, positive up."""

    pan: float | None = None
    """Rotation about the y axis: negative to the left, positive to the right."""

    tilt: float | None = None
    """Rotation about the x axis: negative down, positive up."""

    roll: float | None = None
    """Rotation about the z axis: negative counter-clockwise, positive clockwise."""

    zoom: float | None = None
    """Focal length: negative makes it longer and the view narrower, positive shorter and wider."""

    def __attrs_post_init__(self) -> None:
        axes = {axis: getattr(self, axis) for axis in CAMERA_AXES}
        found = [problem for axis in CAMERA_AXES for problem in rules.number(axis, axes[axis], -10, 10)]
        rules.raise_any(found or _exactly_one(axes))


CameraConfigInput: TypeAlias = CameraConfig | Mapping[str, float]
"""A camera's config in any of the forms that `CameraControl` takes."""


def _config(value: CameraConfigInput | None) -> Any:
    return rules.mapped(value, CameraConfig, CAMERA_AXES)


@frozen
class CameraControl:
    """A camera movement.

    Raises:
        ValidationError: The type is unknown, or the config is missing or not allowed.
    """

    type: str
    """`simple` with a config; `down_back`, `forward_up`, `right_turn_forward` or `left_turn_forward` without."""

    config: CameraConfig | None = field(default=None, converter=_config)
    """The movement of a `simple` camera; a mapping is accepted too."""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(
            [
                *rules.required("type", self.type),
                *rules.choice("type", self.type, CAMERA_TYPES),
                *rules.nested("config", self.config),
                *_config_with_simple(self.type, self.config),
            ]
        )

    @classmethod
    def _simple(cls, axis: str, amount: float) -> Self:
        return cls("simple", CameraConfig(**{axis: amount}))

    @classmethod
    def horizontal(cls, amount: float) -> Self:
        """Shifts along the x axis by -10 to 10; positive values go to the right."""
        return cls._simple("horizontal", amount)

    @classmethod
    def vertical(cls, amount: float) -> Self:
        """Shifts along the y axis by -10 to 10; positive values go up."""
        return cls._simple("vertical", amount)

    @classmethod
    def pan(cls, amount: float) -> Self:
        """Turns about the y axis by -10 to 10; positive values turn to the right."""
        return cls._simple("pan", amount)

    @classmethod
    def tilt(cls, amount: float) -> Self:
        """Turns about the x axis by -10 to 10; positive values turn up."""
        return cls._simple("tilt", amount)

    @classmethod
    def roll(cls, amount: float) -> Self:
        """Turns about the z axis by -10 to 10; positive values turn clockwise."""
        return cls._simple("roll", amount)

    @classmethod
    def zoom(cls, amount: float) -> Self:
        """Changes the focal length by -10 to 10; positive values widen the view."""
        return cls._simple("zoom", amount)

    @classmethod
    def down_back(cls) -> Self:
        """Moves the camera down and back."""
        return cls("down_back")

    @classmethod
    def forward_up(cls) -> Self:
        """Moves the camera forward and up."""
        return cls("forward_up")

    @classmethod
    def right_turn_forward(cls) -> Self:
        """Turns the camera to the right, then moves it forward."""
        return cls("right_turn_forward")

    @classmethod
    def left_turn_forward(cls) -> Self:
        """Turns the camera to the left, then moves it forward."""
        return cls("left_turn_forward")


CameraInput: TypeAlias = CameraControl | Mapping[str, Any]
"""A camera movement in any of the forms that a request takes."""


def to_camera(value: CameraInput | None) -> Any:
    """Converts a request's `camera_control`; a value that cannot be built becomes `Broken`."""
    return rules.mapped(value, CameraControl, ("type", "config"))


def camera_features(camera: CameraControl | None) -> Iterator[tuple[str, str]]:
    """Yields the features of the capability map that a camera movement uses, with the fields' paths."""
    if camera is not None:
        yield "camera_control", "camera_control"
        if camera.type != "simple":
            yield "camera_control.type", "camera presets"


def _exactly_one(axes: Mapping[str, Any]) -> list[Problem]:
    """六选一: one axis is other than 0, all others are 0."""
    moving = [axis for axis, amount in axes.items() if amount]
    if len(moving) == 1:
        return []
    found = f"moves {len(moving)} axes ({', '.join(moving)})" if moving else "moves no axis"
    return [Problem("", f"{found}; exactly one of {', '.join(CAMERA_AXES)} must be other than 0")]


def _config_with_simple(kind: Any, config: Any) -> Iterator[Problem]:
    """当运镜类型指定simple时必填，指定其他类型时不填: a config is needed with `simple` and forbidden otherwise."""
    if kind == "simple" and config is None:
        yield Problem("config", "is missing; the type simple needs it")
    elif kind in CAMERA_TYPES and kind != "simple" and config is not None:
        yield Problem("config", f"must be left out with the type {kind}; only simple takes it")
