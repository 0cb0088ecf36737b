"""What is to be said of a request before it is paid for: what would refuse it, and what is hardly meant.

Promises: nothing is sent; the rules are the library's own, asked and not stated again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from kling_async.errors import Problem
from kling_async.preview.regions import Decoded, decoded, region_of, starts_in
from kling_async.preview.shot import Points, Shot
from kling_async.schema.capabilities import capability_problems
from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.images import ImageURL, LocalImage
from kling_async.schema.models import MODELS, retirement_warning
from kling_async.schema.picture_facts import PictureFacts
from kling_async.session.picture_bytes import examined

if TYPE_CHECKING:
    from PIL.Image import Image


@frozen
class Findings:
    """What is known of a request before it is sent."""

    broken: tuple[Problem, ...]
    """Rules on the pictures' bytes that it breaks: it would not be sent."""

    refused: tuple[Problem, ...]
    """What its model does not take, by the capability map: the service would probably refuse it."""

    warnings: tuple[Problem, ...]
    """What no rule forbids and hardly anybody means."""

    known: bool
    """Whether the capability map knows the model."""


async def findings_of(request: Image2VideoRequest, shot: Shot) -> Findings:
    """Asks every rule.

    Args:
        request: The request.
        shot: Its pictures, read.

    Raises:
        ConfigurationError: Pillow is not installed.
    """
    local = [(path, each) for path, each in request.pictures() if isinstance(each, LocalImage)]
    found = await examined(local)
    facts = {path: each for path, each in found.items() if isinstance(each, PictureFacts)}
    unreadable = [each for each in found.values() if isinstance(each, Problem)]
    retired = retirement_warning(request.model)
    wanted = request.wanted()
    return Findings(
        broken=(*unreadable, *request.picture_problems(facts)),
        refused=tuple(capability_problems(request)),
        warnings=(
            *([] if retired is None else [Problem("model_name", retired)]),
            *_urls(request),
            *request.picture_warnings(facts),
            *_pictures(shot, facts),
        ),
        known=wanted.model in MODELS[wanted.endpoint],
    )


def _urls(request: Image2VideoRequest) -> Iterator[Problem]:
    for path, picture in request.pictures():
        if isinstance(picture, ImageURL):
            yield Problem(path, "is a URL, which a preview does not fetch; nothing can be said of it")


def _pictures(shot: Shot, facts: Mapping[str, PictureFacts]) -> Iterator[Problem]:
    """What the pixels show."""
    image = decoded(shot.image)
    if "image" in facts and facts["image"].header is not None and image is None:
        yield Problem("image", "cannot be decoded here; the service may refuse it")
    if image is None:
        return
    if image.rotated and (shot.static_mask or shot.dynamic_masks):
        yield Problem(
            "image",
            "is shown turned by its EXIF data; masks and points count in the pixels as they are stored",
        )
    static = decoded(shot.static_mask)
    if static is not None and region_of(static).getbbox() is None:
        yield Problem("static_mask", "has no brushed region: all of it is black or transparent")
    for index, (mask, points) in enumerate(shot.dynamic_masks):
        brushed = decoded(mask)
        if brushed is not None:
            yield from _path(f"dynamic_masks[{index}]", region_of(brushed), points, image)


def _path(path: str, region: Image, points: Points, image: Decoded) -> Iterator[Problem]:
    """What is odd about one region and its path."""
    if region.getbbox() is None:
        yield Problem(f"{path}.mask", "has no brushed region: all of it is black or transparent")
        return
    if len(set(points)) == 1:
        yield Problem(f"{path}.trajectories", "does not move: all its points are the same")
    size, start = (image.width, image.height), points[0]
    if starts_in(region, start, size):
        return
    flipped = (start[0], image.height - 1 - start[1])
    hint = (
        f"; counted from the top left it would start inside, and then y is {size[1] - 1} - y, here {flipped[1]}"
        if starts_in(region, flipped, size)
        else ""
    )
    yield Problem(
        f"{path}.trajectories",
        f"starts at ({start[0]}, {start[1]}), outside its mask; points count from the BOTTOM left{hint}",
    )
