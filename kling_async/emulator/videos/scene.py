"""What a video is to show, as the renderer takes it. Pure."""

import hashlib
import json
from collections.abc import Mapping

import attrs

FPS = 24
"""Frames per second."""

LONG_SIDE: Mapping[str, int] = {"std": 360, "pro": 480}
"""Pixels of the longer side, by mode."""


@attrs.frozen
class Scene:
    """What a video is to show."""

    image: bytes | None
    """The first frame's picture; None: a neutral card."""

    tail: bytes | None
    """The last frame's picture, if one was asked for."""

    seconds: int
    """Length, 5 or 10."""

    mode: str
    """std or pro."""

    camera: Mapping[str, object] | None
    """The `camera_control` object of the request."""

    static_mask: bytes | None
    """The region that keeps still."""

    dynamic_masks: tuple[tuple[bytes, tuple[tuple[int, int], ...]], ...]
    """The regions that move: mask and path, in pixels of `image` with the origin at the bottom left."""


def scene_key(scene: Scene) -> str:
    """A digest, in hexadecimal, of all that decides the picture."""

    def digest(data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()

    whole = attrs.asdict(scene, recurse=False)
    return digest(json.dumps(whole, sort_keys=True, default=digest).encode())
