"""The API reference's rules of the motion brush and of the camera.

Pure. Each test returns None if its rule is kept, else the service's message. A test judges what it
can read and leaves the rest to the rule about types, so that one offence breaks one rule.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from kling_async.emulator.service.submission import Submission
from kling_async.emulator.videos.pictures import Picture

CAMERA_TYPES = ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")
CAMERA_AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
MOST_MASKS = 6
POINTS = (2, 77)
UNFIT = "The resolution or aspect ratio of the input image is invalid."


def is_number(value: object) -> bool:
    """Whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _masks(request: Submission) -> Iterator[tuple[str, Mapping[str, Any]]]:
    masks = request.body.get("dynamic_masks")
    for index, mask in enumerate(masks if isinstance(masks, list) else ()):
        if isinstance(mask, dict):
            yield f"dynamic_masks[{index}]", mask


def _camera(request: Submission) -> Mapping[str, Any] | None:
    camera = request.body.get("camera_control")
    return camera if isinstance(camera, dict) else None


def _config(request: Submission) -> Mapping[str, Any]:
    config = (_camera(request) or {}).get("config")
    return config if isinstance(config, dict) else {}


def masks_are_a_list(request: Submission) -> str | None:
    """`dynamic_masks` is a list of objects."""
    masks = request.body.get("dynamic_masks", [])
    if isinstance(masks, list) and all(isinstance(mask, dict) for mask in masks):
        return None
    return "dynamic_masks must be an array of objects"


def masks_count(request: Submission) -> str | None:
    """1–6 dynamic masks, if the field is there."""
    masks = request.body.get("dynamic_masks")
    if isinstance(masks, list) and not 1 <= len(masks) <= MOST_MASKS:
        return f"The number of dynamic_masks {len(masks)} is out of range [1, {MOST_MASKS}]"
    return None


def masks_have_a_picture(request: Submission) -> str | None:
    """Each dynamic mask has its picture, as text."""
    for path, mask in _masks(request):
        if not isinstance(mask.get("mask"), str):
            return f"{path}.mask must be a string"
    return None


def trajectories_are_lists(request: Submission) -> str | None:
    """Each dynamic mask has its trajectory, a list of objects."""
    for path, mask in _masks(request):
        points = mask.get("trajectories")
        if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
            return f"{path}.trajectories must be an array of objects"
    return None


def trajectories_length(request: Submission) -> str | None:
    """2–77 points in each trajectory."""
    for path, mask in _masks(request):
        points = mask.get("trajectories")
        if isinstance(points, list) and not POINTS[0] <= len(points) <= POINTS[1]:
            return f"The length of {path}.trajectories {len(points)} is out of range [2, 77]"
    return None


def points_are_whole(request: Submission) -> str | None:
    """Each point has x and y, JSON whole numbers; true and 1.0 are not."""
    for path, mask in _masks(request):
        points = mask.get("trajectories")
        for index, point in enumerate(points if isinstance(points, list) else ()):
            if isinstance(point, dict) and not all(type(point.get(axis)) is int for axis in "xy"):
                return f"{path}.trajectories[{index}] must have whole numbers x and y"
    return None


def masks_match_image_ratio(request: Submission) -> str | None:
    """Each mask has exactly the image's aspect ratio, if the bytes of both are at hand."""
    image, masks = _image_and_masks(request)
    for mask in masks:
        if image and mask.size and image[0] * mask.size[1] != image[1] * mask.size[0]:
            return f"{UNFIT} The aspect ratio of {mask.path} differs from image's"
    return None


def masks_share_a_resolution(request: Submission) -> str | None:
    """All masks at hand have one resolution."""
    _, masks = _image_and_masks(request)
    if len({mask.size for mask in masks if mask.size}) > 1:
        return f"{UNFIT} static_mask and dynamic_masks differ in resolution"
    return None


def _image_and_masks(request: Submission) -> tuple[tuple[int, int] | None, list[Picture]]:
    image = next((picture.size for picture in request.pictures if picture.path == "image"), None)
    return image, [picture for picture in request.pictures if "mask" in picture.path]


def camera_is_an_object(request: Submission) -> str | None:
    """`camera_control` is an object."""
    if isinstance(request.body.get("camera_control", {}), dict):
        return None
    return "camera_control must be an object"


def camera_type(request: Submission) -> str | None:
    """The camera's type is there and is one of five."""
    camera = _camera(request)
    if camera is None or camera.get("type") in CAMERA_TYPES:
        return None
    return f"camera_control.type must be one of {', '.join(CAMERA_TYPES)}"


def config_is_an_object(request: Submission) -> str | None:
    """The camera's `config` is an object."""
    if isinstance((_camera(request) or {}).get("config", {}), dict):
        return None
    return "camera_control.config must be an object"


def config_with_simple(request: Submission) -> str | None:
    """`simple` has a config."""
    camera = _camera(request)
    if camera is not None and camera.get("type") == "simple" and "config" not in camera:
        return "camera_control.config is required when type is simple"
    return None


def config_only_with_simple(request: Submission) -> str | None:
    """The other four types have none."""
    camera = _camera(request)
    if camera is None or "config" not in camera or camera.get("type") == "simple":
        return None
    if camera.get("type") not in CAMERA_TYPES:
        return None
    return f"camera_control.config must be empty when type is {camera['type']}"


def config_axes(request: Submission) -> str | None:
    """`config` has the six axes and nothing else."""
    unknown = sorted(set(_config(request)) - set(CAMERA_AXES))
    return f"camera_control.config.{unknown[0]} is unknown" if unknown else None


def axes_are_numbers(request: Submission) -> str | None:
    """Each axis is a number."""
    for axis, value in _config(request).items():
        if axis in CAMERA_AXES and not is_number(value):
            return f"camera_control.config.{axis} must be a number"
    return None


def axes_in_range(request: Submission) -> str | None:
    """Each axis is within -10 and 10."""
    for axis, value in _config(request).items():
        if axis in CAMERA_AXES and is_number(value) and not -10 <= value <= 10:
            return f"camera_control.config.{axis} is out of range [-10, 10]"
    return None


def one_axis_moves(request: Submission) -> str | None:
    """Exactly one axis is not 0; a config that cannot be read is left to another rule."""
    camera = _camera(request)
    if camera is None or not isinstance(camera.get("config"), dict):
        return None
    if camera.get("type") != "simple" or axes_are_numbers(request) is not None:
        return None
    values = [value for axis, value in _config(request).items() if axis in CAMERA_AXES]
    if sum(1 for value in values if value != 0) == 1:
        return None
    return "Exactly one of camera_control.config's six values must be non-zero"
