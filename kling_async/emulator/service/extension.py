"""What can be extended: whose video it is, which model made it, and how long it would get (family.md, section 2.4).

Pure. The model and the length of the source decide, which no rule of the request alone can see.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kling_async.emulator.service.shapes import video_id
from kling_async.emulator.service.states import Status, Task

PATH = "/v1/videos/video-extend"
SOURCES = frozenset({"/v1/videos/text2video", "/v1/videos/image2video", PATH})
MODELS = frozenset({"kling-v1", "kling-v1-5", "kling-v1-6"})
ADDED_SECONDS = 5.0
LONGEST_SECONDS = 180.0


def source_of(body: Mapping[str, Any], tasks: Iterable[Task]) -> Task | None:
    """Finds the task whose video a request begins with; None if it names none, or an unknown one."""
    inner = body.get("input")
    name = (inner if isinstance(inner, Mapping) else body).get("video_id")
    if not isinstance(name, str) or not name:
        return None
    return next((task for task in tasks if video_id(task) == name), None)


def refused(body: Mapping[str, Any], source: Task | None, *, capabilities: bool) -> str | None:
    """Returns why a video cannot be extended, or None.

    Args:
        body: The request.
        source: The task whose video is to be extended.
        capabilities: Whether the model counts.
    """
    if source is None or source.status is not Status.SUCCEED or source.product.path not in SOURCES:
        return f"video_id {body.get('video_id')} is not found"
    if source.seconds + ADDED_SECONDS > LONGEST_SECONDS:
        return f"The total duration is greater than {LONGEST_SECONDS:g} seconds"
    model = model_of(source)
    if not capabilities or model is None:
        return None
    if model not in MODELS:
        return f"{model} is not supported with video-extend"
    steered = sorted({"negative_prompt", "cfg_scale"} & set(body))
    if model == "kling-v1" and steered:
        return f"{model} is not supported with video-extend and {steered[0]}"
    return None


def model_of(source: Task) -> str | None:
    """The model that made a video, or the one that it was extended from."""
    while source.product.path == PATH and source.parent is not None:
        source = source.parent
    model = source.body.get("model_name", "kling-v1")
    return model if isinstance(model, str) else None
