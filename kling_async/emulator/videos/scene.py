"""What a video is to show, as the renderer takes it. Pure."""

import hashlib
import json
from collections.abc import Mapping

import attrs

FPS = 30
"""Frames per second; they divide `EXTRA`."""

EXTRA = 0.1
"""Seconds that a video lasts longer than was asked for, as the service's do."""

LONG_SIDE: Mapping[str, int] = {"std": 360, "pro": 480, "4k": 640}
"""Pixels of the longer side, by mode."""


@attrs.frozen
class Scene:
    """What a video is to show."""

    image: bytes | None
    """The first frame's picture; None: a neutral card."""

    tail: bytes | None
    """The last frame's picture, if one was asked for."""

    seconds: float
    """Length as asked for; see `lasting`."""

    mode: str
    """std, pro or 4k; any other is drawn as std."""

    camera: Mapping[str, object] | None
    """The `camera_control` object of the request."""

    static_mask: bytes | None
    """The region that keeps still."""

    dynamic_masks: tuple[tuple[bytes, tuple[tuple[int, int], ...]], ...]
    """The regions that move: mask and path, in pixels of `image` with the origin at the bottom left."""

    ratio: tuple[int, int] = (16, 9)
    """Width and height of the card that stands for no picture, in any unit."""

    marked: bool = False
    """Whether the watermark is on it."""


def lasting(seconds: float) -> float:
    """How long a video really lasts that was asked for with so many seconds."""
    return seconds + EXTRA


def frame_count(seconds: float) -> int:
    """How many frames make up a video that was asked for with so many seconds."""
    return round(lasting(seconds) * FPS)


def scene_key(scene: Scene) -> str:
    """A digest, in hexadecimal, of all that decides the picture."""

    def digest(data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()

    whole = attrs.asdict(scene, recurse=False)
    return digest(json.dumps(whole, sort_keys=True, default=digest).encode())
