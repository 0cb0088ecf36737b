"""The request to create a video from a picture: every field of the page, with the page's rules.

Promises: no request object breaks a rule that can be judged without a picture's bytes; building one that would
raises a single `ValidationError` that lists every broken rule with its path and bound. No I/O. Nothing is changed
on the way: what is left alone does not travel, and what travels stands under the page's own names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Self, TypeAlias

from attrs import field, fields, frozen

from kling_async.errors import Problem, ValidationError
from kling_async.schema import rules
from kling_async.schema.images import Image, ImageInput, to_image

CAMERA_AXES: Final = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
"""The six fields of a camera's `config`, in the page's order."""


def _image(value: ImageInput | None) -> Any:
    return None if value is None else rules.attempt(to_image, value)


@frozen
class TrajectoryPoint:
    """A point of a motion brush's path, in pixels of the input image."""

    x: int
    """Pixels from the left edge. (page: dynamic_masks.trajectories.x)"""

    y: int
    """Pixels from the BOTTOM edge, unlike in most libraries. (page: dynamic_masks.trajectories.y)"""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(
            problem for name in ("x", "y") for problem in rules.whole_number(name, getattr(self, name))
        )

    @classmethod
    def from_top_left(cls, x: int, y: int, *, image_height: int) -> Self:
        """A point from ordinary pixel coordinates, whose origin is the top left corner.

        Args:
            x: Pixels from the left edge.
            y: Pixels from the top edge: 0 is the first row, `image_height - 1` the last.
            image_height: Height of the input image, in pixels.

        Raises:
            ValidationError: A value is no whole number, or `y` lies outside the picture.
        """
        rules.raise_any(
            [
                *rules.whole_number("x", x),
                *rules.whole_number("y", y),
                *rules.whole_number("image_height", image_height),
            ]
        )
        if not 0 <= y < image_height:
            raise ValidationError([Problem("y", f"is {y}; it must be 0 to {image_height - 1} in this image")])
        return cls(x, image_height - 1 - y)


PointInput: TypeAlias = TrajectoryPoint | tuple[int, int] | Mapping[str, int]
"""A point of a path in any of the forms that a mask takes."""


def _point(value: Any) -> Any:
    if isinstance(value, Mapping):
        return rules.mapped(value, TrajectoryPoint, ("x", "y"))
    if isinstance(value, TrajectoryPoint):
        return value
    if isinstance(value, tuple | list) and len(value) == 2:
        return rules.attempt(TrajectoryPoint, *value)
    return rules.Broken((Problem("", "must be a TrajectoryPoint, an (x, y) or a mapping with x and y"),))


def _points(value: Iterable[PointInput]) -> Any:
    return rules.each(value, _point)


@frozen
class DynamicMask:
    """One brushed region and the path that it moves along."""

    mask: Image = field(converter=_image)
    """The brushed region as a picture of the input image's aspect ratio, in any form that `image` takes.
    (page: dynamic_masks.mask)"""

    trajectories: tuple[TrajectoryPoint, ...] = field(converter=_points)
    """2 to 77 points in order of movement, each a `TrajectoryPoint`, an `(x, y)` or a mapping.
    (page: dynamic_masks.trajectories)"""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(
            [
                *rules.required("mask", self.mask),
                *rules.nested("mask", self.mask),
                *rules.count("trajectories", self.trajectories, 2, 77, "points"),
            ]
        )


@frozen(kw_only=True)
class CameraConfig:
    """How far a `simple` camera moves: exactly one axis is not 0, each within -10 and 10 (page: config)."""

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
        rules.raise_any(found or rules.exactly_one_axis(axes))


def _config(value: CameraConfig | Mapping[str, float] | None) -> Any:
    return rules.mapped(value, CameraConfig, CAMERA_AXES)


@frozen
class CameraControl:
    """A camera movement (page: camera_control)."""

    type: str
    """`simple` with a config; `down_back`, `forward_up`, `right_turn_forward` or `left_turn_forward` without."""

    config: CameraConfig | None = field(default=None, converter=_config)
    """The movement of a `simple` camera; a mapping is taken too."""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(
            [
                *rules.required("type", self.type),
                *rules.choice("type", self.type, rules.CAMERA_TYPES),
                *rules.nested("config", self.config),
                *rules.config_with_simple(self.type, self.config),
            ]
        )

    @classmethod
    def _simple(cls, axis: str, amount: float) -> Self:
        return cls("simple", CameraConfig(**{axis: amount}))

    @classmethod
    def horizontal(cls, amount: float) -> Self:
        """Shifts along the x axis by -10 to 10, positive to the right."""
        return cls._simple("horizontal", amount)

    @classmethod
    def vertical(cls, amount: float) -> Self:
        """Shifts along the y axis by -10 to 10, positive up."""
        return cls._simple("vertical", amount)

    @classmethod
    def pan(cls, amount: float) -> Self:
        """Turns about the y axis by -10 to 10, positive to the right."""
        return cls._simple("pan", amount)

    @classmethod
    def tilt(cls, amount: float) -> Self:
        """Turns about the x axis by -10 to 10, positive up."""
        return cls._simple("tilt", amount)

    @classmethod
    def roll(cls, amount: float) -> Self:
        """Turns about the z axis by -10 to 10, positive clockwise."""
        return cls._simple("roll", amount)

    @classmethod
    def zoom(cls, amount: float) -> Self:
        """Changes the focal length by -10 to 10, positive to a wider view."""
        return cls._simple("zoom", amount)

    @classmethod
    def down_back(cls) -> Self:
        """The camera goes down and back."""
        return cls("down_back")

    @classmethod
    def forward_up(cls) -> Self:
        """The camera goes forward and up."""
        return cls("forward_up")

    @classmethod
    def right_turn_forward(cls) -> Self:
        """The camera turns right, then goes forward."""
        return cls("right_turn_forward")

    @classmethod
    def left_turn_forward(cls) -> Self:
        """The camera turns left, then goes forward."""
        return cls("left_turn_forward")


def _mask(value: Any) -> Any:
    if value is None:
        return rules.Broken((Problem("", "is None; it must be a DynamicMask or a mapping"),))
    return rules.mapped(value, DynamicMask, ("mask", "trajectories"))


def _masks(value: Iterable[DynamicMask | Mapping[str, Any]] | None) -> Any:
    return None if value is None else rules.each(value, _mask)


def _camera(value: CameraControl | Mapping[str, Any] | None) -> Any:
    return rules.mapped(value, CameraControl, ("type", "config"))


def _copied(value: Mapping[str, Any]) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


@frozen(kw_only=True)
class Image2VideoRequest:
    """A video to be made from a still image. Fields that are left alone (or None) do not travel.

    Raises:
        ValidationError: Every rule of the page that the values break.
    """

    model_name: str | None = None
    """The model; the page names kling-v1 (default), kling-v1-5, kling-v1-6, kling-v2-master, kling-v2-1 and
    kling-v2-1-master, others pass. (page: model_name)"""

    image: Image | None = field(default=None, converter=_image)
    """First frame: JPEG or PNG, at most 10 MB, sides of 300 px and more, ratio within 1:2.5 and 2.5:1.
    At least one of `image` and `image_tail` is there. (page: image)"""

    image_tail: Image | None = field(default=None, converter=_image)
    """Last frame: as `image`, but of any ratio; never with masks or a camera. (page: image_tail)"""

    prompt: str | None = None
    """What should happen; at most 2500 characters. (page: prompt)"""

    negative_prompt: str | None = None
    """What should not be seen; at most 2500 characters. (page: negative_prompt)"""

    cfg_scale: float | None = None
    """How closely the prompt is followed, 0 to 1; the service's default is 0.5. (page: cfg_scale)"""

    mode: str | None = None
    """`std` (default) or `pro`. (page: mode)"""

    static_mask: Image | None = field(default=None, converter=_image)
    """Region that keeps still: a picture of the image's ratio. (page: static_mask)"""

    dynamic_masks: tuple[DynamicMask, ...] | None = field(default=None, converter=_masks)
    """1 to 6 regions that move; their masks share one resolution with `static_mask`. (page: dynamic_masks)"""

    camera_control: CameraControl | None = field(default=None, converter=_camera)
    """A camera movement; never with masks or `image_tail`. (page: camera_control)"""

    duration: str | None = field(default=None, converter=rules.seconds_as_text)
    """Length of the video: 5 (default) or 10 seconds, as number or text; travels as text. (page: duration)"""

    callback_url: str | None = None
    """Where the service posts each change of status: an http(s) URL. (page: callback_url)"""

    external_task_id: str | None = None
    """The caller's own id, unique over the account; the task can be queried by it, and it is what keeps a
    create from being paid twice. One is generated where there is none. (page: external_task_id)"""

    extra: Mapping[str, Any] = field(factory=dict, converter=_copied, hash=False)
    """Fields that the page does not know yet, sent as they are."""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(rules.request_problems(self, known=_FIELDS))

    def pictures(self) -> Iterator[tuple[str, Image]]:
        """Every picture with its field's path, in the page's order."""
        return rules.pictures(self)

    @property
    def kind(self) -> tuple[str, str, str]:
        """What decides how long a job takes: model, mode and duration, with the page's defaults."""
        return (self.model_name or "kling-v1", self.mode or "std", self.duration or "5")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Builds a request from a manifest's entry: the page's names, nested values as mappings and lists.

        The page's old field `model` is dropped as the page says: it has no effect, and without a `model_name`
        the service's default applies.

        Raises:
            ValidationError: Broken rules, or a name that is no field; what the page does not know goes into
                `extra`.
        """
        given = {name: value for name, value in values.items() if name != "model"}
        unknown = [
            Problem(str(name), "is no field of the page; new fields go into extra")
            for name in given
            if name not in _FIELDS and name != "extra"
        ]
        if not unknown:
            return cls(**given)
        rest = {name: value for name, value in given.items() if name in _FIELDS or name == "extra"}
        built = rules.attempt(lambda: cls(**rest))
        raise ValidationError([*(built.problems if isinstance(built, rules.Broken) else ()), *unknown])


_FIELDS: Final = tuple(each.name for each in fields(Image2VideoRequest) if each.name != "extra")
