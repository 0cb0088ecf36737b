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
    seconds: int
    mode: str
    camera: str | None
    """The `camera_control` object as JSON text."""

    static_mask: Source | None
    dynamic_masks: tuple[tuple[Source, tuple[tuple[int, int], ...]], ...]


def sketch(
    body: Mapping[str, Any], pictures: tuple[Picture, ...], keep: Callable[[bytes], bytes | None]
) -> Sketch:
    """Reduces a body that keeps every rule.

    Args:
        body: The request, nulls left out.
        pictures: Its inspected pictures.
        keep: Takes a picture's bytes and returns those to hold on to, or None.
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
        seconds=int(body.get("duration", "5")),
        mode=body.get("mode", "std"),
        camera=None if camera is None else json.dumps(camera, sort_keys=True),
        static_mask=kept.get("static_mask"),
        dynamic_masks=tuple((mask, points) for mask, points in masks if mask is not None),
    )


def _source(picture: Picture, keep: Callable[[bytes], bytes | None]) -> Source | None:
    if picture.url is not None:
        return picture.url
    return None if picture.data is None else keep(picture.data)


def _points(mask: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    return tuple((point["x"], point["y"]) for point in mask["trajectories"])
