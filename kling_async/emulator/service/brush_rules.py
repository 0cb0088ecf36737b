"""The API reference's rules of the motion brush.

Pure. A test judges what it can read and leaves the rest to the rule about types, so that one offence
breaks one rule.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from kling_async.emulator.service.rule import Rule, is_whole
from kling_async.emulator.service.submission import Submission
from kling_async.emulator.videos.pictures import Picture

MOST_MASKS = 6
POINTS = (2, 77)
UNFIT = "The resolution or aspect ratio of the input image is invalid."


def _masks(request: Submission) -> Iterator[tuple[str, Mapping[str, Any]]]:
    masks = request.body.get("dynamic_masks")
    for index, mask in enumerate(masks if isinstance(masks, list) else ()):
        if isinstance(mask, dict):
            yield f"dynamic_masks[{index}]", mask


def _masks_are_a_list(request: Submission) -> str | None:
    """`dynamic_masks` is a list of objects."""
    masks = request.body.get("dynamic_masks", [])
    if isinstance(masks, list) and all(isinstance(mask, dict) for mask in masks):
        return None
    return "dynamic_masks must be an array of objects"


def _masks_count(request: Submission) -> str | None:
    """1–6 dynamic masks, if the field is there."""
    masks = request.body.get("dynamic_masks")
    if isinstance(masks, list) and not 1 <= len(masks) <= MOST_MASKS:
        return f"The number of dynamic_masks {len(masks)} is out of range [1, {MOST_MASKS}]"
    return None


def _masks_have_a_picture(request: Submission) -> str | None:
    """Each dynamic mask has its picture, as text."""
    for path, mask in _masks(request):
        if not isinstance(mask.get("mask"), str):
            return f"{path}.mask must be a string"
    return None


def _trajectories_are_lists(request: Submission) -> str | None:
    """Each dynamic mask has its trajectory, a list of objects."""
    for path, mask in _masks(request):
        points = mask.get("trajectories")
        if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
            return f"{path}.trajectories must be an array of objects"
    return None


def _trajectories_length(request: Submission) -> str | None:
    """2–77 points in each trajectory."""
    for path, mask in _masks(request):
        points = mask.get("trajectories")
        if isinstance(points, list) and not POINTS[0] <= len(points) <= POINTS[1]:
            return f"The length of {path}.trajectories {len(points)} is out of range [2, 77]"
    return None


def _points_are_whole(request: Submission) -> str | None:
    """Each point has x and y, JSON whole numbers; true and 1.0 are not."""
    for path, mask in _masks(request):
        points = mask.get("trajectories")
        for index, point in enumerate(points if isinstance(points, list) else ()):
            if isinstance(point, dict) and not all(is_whole(point.get(axis)) for axis in "xy"):
                return f"{path}.trajectories[{index}] must have whole numbers x and y"
    return None


def _masks_match_image_ratio(request: Submission) -> str | None:
    """Each mask has exactly the image's aspect ratio, if the bytes of both are at hand."""
    image, masks = _image_and_masks(request)
    for mask in masks:
        if image and mask.size and image[0] * mask.size[1] != image[1] * mask.size[0]:
            return f"{UNFIT} The aspect ratio of {mask.path} differs from image's"
    return None


def _masks_share_a_resolution(request: Submission) -> str | None:
    """All masks at hand have one resolution."""
    _, masks = _image_and_masks(request)
    if len({mask.size for mask in masks if mask.size}) > 1:
        return f"{UNFIT} static_mask and dynamic_masks differ in resolution"
    return None


def _image_and_masks(request: Submission) -> tuple[tuple[int, int] | None, list[Picture]]:
    image = next((picture.size for picture in request.pictures if picture.path == "image"), None)
    return image, [picture for picture in request.pictures if "mask" in picture.path]


BRUSH: tuple[Rule, ...] = (
    Rule("dynamic_masks is a list", _masks_are_a_list),
    Rule("dynamic_masks count", _masks_count),
    Rule("dynamic mask picture", _masks_have_a_picture),
    Rule("trajectories is a list", _trajectories_are_lists),
    Rule("trajectories length", _trajectories_length),
    Rule("trajectory points", _points_are_whole),
    Rule("mask ratio", _masks_match_image_ratio, code=None),
    Rule("mask resolution", _masks_share_a_resolution, code=None),
)
