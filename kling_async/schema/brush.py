"""The motion brush: regions of the input image and the paths that they move along.

Promises: no I/O; an object that exists keeps the rules of the API reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeAlias

from attrs import field, frozen

from kling_async.errors import Problem, ValidationError
from kling_async.schema import rules
from kling_async.schema.images import ImageInput, Picture, to_image


@frozen
class TrajectoryPoint:
    """A point of a motion brush's path, in pixels of the input image.

    Raises:
        ValidationError: A coordinate is not a whole number.
    """

    x: int
    """Pixels from the left edge. (API reference: dynamic_masks.trajectories.x)"""

    y: int
    """Pixels from the BOTTOM edge, unlike in most libraries. (API reference: dynamic_masks.trajectories.y)"""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(
            problem
            for name in ("x", "y")
            for problem in rules.whole_number(name, getattr(self, name), "pixels")
        )

    @classmethod
    def from_top_left(cls, x: int, y: int, *, image_height: int) -> Self:
        """Builds a point from ordinary pixel coordinates, whose origin is the top left corner.

        Args:
            x: Pixels from the left edge.
            y: Pixels from the top edge: 0 is the first row, `image_height - 1` the last.
            image_height: Height of the input image, in pixels.

        Raises:
            ValidationError: A value is not a whole number, or `y` is outside the picture.
        """
        rules.raise_any(
            [
                *rules.whole_number("x", x, "pixels"),
                *rules.whole_number("y", y, "pixels"),
                *rules.whole_number("image_height", image_height, "pixels"),
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
    return rules.Broken((Problem("", f"is {rules.shown(value)}; it must be a point with x and y"),))


def _points(value: Iterable[PointInput]) -> Any:
    return rules.each(value, _point)


def _mask_image(value: ImageInput) -> Any:
    return None if value is None else rules.attempt(to_image, value)


@frozen
class DynamicMask:
    """One brushed region and the path that it moves along.

    Raises:
        ValidationError: The mask is missing or not a picture, or the path has fewer than 2 or more than 77 points.
    """

    mask: Picture = field(converter=_mask_image)
    """The brushed region as a picture with the input image's aspect ratio, in any form that `image` takes.
    (API reference: dynamic_masks.mask)"""

    trajectories: tuple[TrajectoryPoint, ...] = field(converter=_points)
    """2 to 77 points in order of movement, each a `TrajectoryPoint`, an `(x, y)` or a mapping.
    (API reference: dynamic_masks.trajectories)"""

    def __attrs_post_init__(self) -> None:
        rules.raise_any(
            [
                *rules.required("mask", self.mask),
                *rules.nested("mask", self.mask),
                *rules.required("trajectories", self.trajectories),
                *rules.count("trajectories", self.trajectories, 2, 77, "points"),
            ]
        )


MaskInput: TypeAlias = DynamicMask | Mapping[str, Any]
"""A brushed region in any of the forms that a request takes."""


def to_masks(value: Iterable[MaskInput] | None) -> Any:
    """Converts a request's `dynamic_masks`; items that cannot be built become `Broken`."""
    return rules.each(value, lambda item: rules.item_mapped(item, DynamicMask, ("mask", "trajectories")))
