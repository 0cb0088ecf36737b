"""A request reduced to what is seen, and the seam to whatever renders it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Protocol

from attrs import field, frozen

from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.images import ImageBase64, ImageBytes, ImageFile, Picture

Points = tuple[tuple[int, int], ...]
"""A path in pixels of the first frame, with the origin at the bottom left."""


@frozen(kw_only=True)
class Shot:
    """What decides a preview: the pictures' bytes and the movement."""

    image: bytes | None = field(default=None, repr=False)
    """The first frame's file; None if there is none at hand."""

    tail: bytes | None = field(default=None, repr=False)
    """The last frame's file; None if there is none at hand."""

    static_mask: bytes | None = field(default=None, repr=False)
    """File of the region that keeps still."""

    dynamic_masks: tuple[tuple[bytes | None, Points], ...] = field(default=(), repr=False)
    """Each region's file and its path."""

    camera: Mapping[str, Any] | None = None
    """The `camera_control` object as it travels."""

    mode: str = "std"
    """The mode."""

    seconds: float = 5.0
    """Length of the video in seconds."""


class Renderer(Protocol):
    """Draws frames of the video that a shot could become; its calls block."""

    def frame(self, shot: Shot, t: float) -> bytes:
        """Draws one frame as PNG.

        Args:
            shot: What to show.
            t: Part of the video's time, 0 to 1.
        """
        ...

    def video(self, shot: Shot) -> bytes:
        """Draws the whole video as MP4."""
        ...


def shot_of(request: Image2VideoRequest) -> Shot:
    """Reads a request's pictures; one that is a URL or cannot be read is None. Blocks while files are read."""
    files = {path: bytes_of(picture) for path, picture in request.pictures()}
    masks = request.dynamic_masks or ()
    camera = request.document().get("camera_control")
    _, mode, duration = request.kind
    return Shot(
        image=files.get("image"),
        tail=files.get("image_tail"),
        static_mask=files.get("static_mask"),
        dynamic_masks=tuple(
            (
                files.get(f"dynamic_masks[{index}].mask"),
                tuple((point.x, point.y) for point in mask.trajectories),
            )
            for index, mask in enumerate(masks)
        ),
        camera=camera if isinstance(camera, Mapping) else None,
        mode=mode,
        seconds=float(duration),
    )


def bytes_of(picture: Picture) -> bytes | None:
    """A picture's file; None for a URL and for what cannot be read."""
    if isinstance(picture, ImageBytes):
        return picture.data
    if isinstance(picture, ImageBase64):
        try:
            return base64.b64decode(picture.text)
        except binascii.Error:
            return None
    if isinstance(picture, ImageFile):
        try:
            return picture.path.read_bytes()
        except OSError:
            return None
    return None
