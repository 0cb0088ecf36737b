"""What of a request decides the picture: kept only if the emulator renders.

Pure. A sketch is hashable, so that two requests with one picture share one rendering.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from kling_async.emulator.videos.pictures import Picture

Source = bytes | str
"""A picture's bytes, or the URL it is fetched from."""


@attrs.frozen
class Sketch:
    """A request reduced to what is seen in its video."""

    image: Source | None
    tail: Source | None
    seconds: float
    """Length as asked for."""

    mode: str
    camera: str | None
    """The `camera_control` object as JSON text."""

    static_mask: Source | None
    dynamic_masks: tuple[tuple[Source, tuple[tuple[int, int], ...]], ...]
    ratio: tuple[int, int] = (16, 9)
    marked: bool = False


Keep = Callable[[bytes], bytes | None]
"""Takes a picture's bytes and returns those to hold on to, or None."""


def sketch(body: Mapping[str, Any], pictures: tuple[Picture, ...], keep: Keep, seconds: float) -> Sketch:
    """Reduces a body that keeps every rule of its endpoint.

    Args:
        body: The request, nulls left out.
        pictures: Its inspected pictures.
        keep: Holds on to pictures.
        seconds: Length as asked for.
    """
    kept = {picture.path: _source(picture, keep) for picture in pictures}
    camera = body.get("camera_control")
    masks = (
        (kept.get(f"dynamic_masks[{index}].mask"), _points(mask))
        for index, mask in enumerate(body.get("dynamic_masks", ()))
    )
    return Sketch(
        image=kept.get("image"),
        tail=kept.get("image_tail"),
        seconds=seconds,
        mode=body.get("mode", "std"),
        camera=None if camera is None else json.dumps(camera, sort_keys=True),
        static_mask=kept.get("static_mask"),
        dynamic_masks=tuple((mask, points) for mask, points in masks if mask is not None),
        ratio=_ratio(body),
    )


def loose_sketch(
    body: Mapping[str, Any], pictures: tuple[Picture, ...], keep: Keep, seconds: float
) -> Sketch:
    """Reduces a body whose fields nobody has checked: its first picture, its mode and its ratio."""
    image = next((source for picture in pictures if (source := _source(picture, keep)) is not None), None)
    mode = str(body.get("mode", "std"))
    return Sketch(image, None, seconds, mode, None, None, (), _ratio(body))


def _ratio(body: Mapping[str, Any]) -> tuple[int, int]:
    width, _, height = str(body.get("aspect_ratio", "16:9")).partition(":")
    sides = tuple(int(side) for side in (width, height) if len(side) <= 2 and side.isdecimal() and int(side))
    return (sides[0], sides[1]) if len(sides) == 2 else (16, 9)


def _source(picture: Picture, keep: Callable[[bytes], bytes | None]) -> Source | None:
    if picture.url is not None:
        return picture.url
    return None if picture.data is None else keep(picture.data)


def _points(mask: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    return tuple((point["x"], point["y"]) for point in mask["trajectories"])
