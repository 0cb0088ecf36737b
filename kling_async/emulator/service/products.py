"""The endpoints of the family: where they are, what they make, and what they hold meanwhile (family.md).

Pure. Which fields an endpoint checks is `books`'s business; most of these check none of their own.
"""

from collections.abc import Mapping
from typing import Any, Literal

import attrs

Kind = Literal["video", "image", "audio", "other"]
"""Which slots a task takes."""

MOST_IMAGES = 9
LONGEST = 600
"""Seconds that a result lasts at most, whatever was asked for."""

PARENTED = frozenset({
    "/v1/videos/video-extend",
    "/v1/videos/lip-sync",
    "/v1/videos/advanced-lip-sync",
    "/v1/audio/video-to-audio",
})  # fmt: skip
"""The endpoints whose tasks tell the video that they began with."""


@attrs.frozen
class Product:
    """One endpoint."""

    path: str
    kind: Kind = "video"
    results: tuple[str, ...] = ("videos",)
    """The lists in `task_result`."""

    external_ids: bool = True
    """Whether the endpoint takes an `external_task_id`."""

    watermark: bool = True
    """Whether the endpoint takes `watermark_info`."""

    timed: bool = True
    """Whether its videos tell their duration."""

    @property
    def parented(self) -> bool:
        """Whether its tasks tell the video that they began with."""
        return self.path in PARENTED

    def slots(self, body: Mapping[str, Any]) -> int:
        """How many slots a task takes: an image task as many as it makes images."""
        return self.images(body) if self.kind == "image" else 1

    def images(self, body: Mapping[str, Any]) -> int:
        """How many images a task makes, 1–9."""
        return int(_within(body.get("n"), 1, 1, MOST_IMAGES))

    def seconds(self, body: Mapping[str, Any]) -> float:
        """How long the result lasts as asked for, in seconds; 5 if nothing that can be read was."""
        inner = body.get("input")
        asked = inner.get("duration") if isinstance(inner, Mapping) else body.get("duration")
        return _within(asked, 5, 1, LONGEST)


def _within(value: object, default: float, least: float, most: float) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) else default
    except (ValueError, OverflowError):
        number = default
    return min(max(number, least), most) if number == number else default  # noqa: PLR0124 - NaN


_VIDEO = (
    Product("/v1/videos/image2video"),
    Product("/v1/videos/text2video"),
    Product("/v1/videos/multi-image2video"),
    Product("/v1/videos/video-extend"),
    Product("/v1/videos/lip-sync", external_ids=False, watermark=False),
    Product("/v1/videos/advanced-lip-sync"),
    Product("/v1/videos/effects", timed=False),
    Product("/v1/videos/multi-elements"),
    Product("/v1/videos/avatar/image2video"),
    Product("/v1/videos/motion-control"),
    Product("/v1/videos/omni-video"),
)
_IMAGES = (
    Product("/v1/images/generations", "image", ("images",)),
    Product("/v1/images/kolors-virtual-try-on", "image", ("images",), watermark=False),
    Product("/v1/images/multi-image2image", "image", ("images",)),
    Product("/v1/images/editing/expand", "image", ("images",)),
    Product("/v1/images/omni-image", "image", ("images",)),
    Product("/v1/general/ai-multi-shot", "image", ("images",), watermark=False),
)
_AUDIO = (
    Product("/v1/audio/text-to-audio", "audio", ("audios",), watermark=False),
    Product("/v1/audio/video-to-audio", "audio", ("videos", "audios"), watermark=False),
)
_OTHERS = (
    Product("/v1/general/custom-voices", "other", ("voices",), watermark=False),
    Product("/v1/general/advanced-custom-elements", "other", ("elements",), watermark=False),
)

IMAGE2VIDEO = _VIDEO[0]
FAMILY: Mapping[str, Product] = {product.path: product for product in (*_VIDEO, *_IMAGES, *_AUDIO, *_OTHERS)}
"""Every asynchronous endpoint, by its path."""
