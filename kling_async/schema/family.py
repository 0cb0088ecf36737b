"""The paths of the service's family: which of them make tasks, and of what kind.

Promises: data and pure functions over it. A path that is not listed counts as one that makes tasks, so that endpoints that
come later work too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

from kling_async.errors import Problem
from kling_async.schema.rules import shown

TaskKind: TypeAlias = Literal["video", "image", "audio", "other"]
"""What a task makes; each kind has slots of its own."""

SYNCHRONOUS: Final = frozenset(
    {
        "/v1/videos/identify-face",
        "/v1/videos/image-recognize",
        "/v1/videos/multi-elements/init-selection",
        "/v1/videos/multi-elements/add-selection",
        "/v1/videos/multi-elements/delete-selection",
        "/v1/videos/multi-elements/clear-selection",
        "/v1/videos/multi-elements/preview-selection",
        "/v1/audio/tts",
        "/v1/general/delete-voices",
        "/v1/general/delete-elements",
        "/v1/general/delete-advanced-elements",
    }
)
"""Paths that answer with their result at once; they make no task."""

ASYNCHRONOUS: Final = frozenset(
    {
        "/v1/videos/image2video",
        "/v1/videos/text2video",
        "/v1/videos/multi-image2video",
        "/v1/videos/video-extend",
        "/v1/videos/lip-sync",
        "/v1/videos/advanced-lip-sync",
        "/v1/videos/effects",
        "/v1/videos/multi-elements",
        "/v1/videos/avatar/image2video",
        "/v1/videos/motion-control",
        "/v1/videos/omni-video",
        "/v1/images/generations",
        "/v1/images/kolors-virtual-try-on",
        "/v1/images/multi-image2image",
        "/v1/images/editing/expand",
        "/v1/images/omni-image",
        "/v1/general/ai-multi-shot",
        "/v1/general/custom-voices",
        "/v1/general/advanced-custom-elements",
        "/v1/audio/text-to-audio",
        "/v1/audio/video-to-audio",
    }
)
"""Paths that are known to make tasks."""

_IMAGES: Final = "/v1/images/generations"
_FIELD_OF: Final = {
    "image_list": "/v1/videos/omni-video",
    "video_list": "/v1/videos/omni-video",
    "image_url": "/v1/videos/motion-control",
    "video_url": "/v1/videos/motion-control",
    "character_orientation": "/v1/videos/motion-control",
    "keep_original_sound": "/v1/videos/motion-control",
    "audio_id": "/v1/videos/avatar/image2video",
    "sound_file": "/v1/videos/avatar/image2video",
    "effect_scene": "/v1/videos/effects",
    "input": "/v1/videos/effects",
    "edit_mode": "/v1/videos/multi-elements",
    "session_id": "/v1/videos/multi-elements",
    "face_choose": "/v1/videos/advanced-lip-sync",
    **dict.fromkeys(("n", "resolution", "image_reference", "image_fidelity", "human_fidelity"), _IMAGES),
    **dict.fromkeys(("subject_image_list", "scene_image", "style_image"), "/v1/images/multi-image2image"),
    **dict.fromkeys(("human_image", "cloth_image"), "/v1/images/kolors-virtual-try-on"),
}
FIELDS_ELSEWHERE: Final = {
    name: f"it belongs to {path}, which KlingClient.endpoint serves" for name, path in _FIELD_OF.items()
}
"""What to use instead, for fields of endpoints that have no request class."""

WITHOUT_EXTERNAL_ID: Final = frozenset({"/v1/videos/lip-sync"})
"""Paths that take no `external_task_id`: a create of unknown outcome cannot be looked up there, nor sent again."""

TYPED: Final = {
    "/v1/videos/image2video": "image2video",
    "/v1/videos/text2video": "text2video",
    "/v1/videos/video-extend": "video_extend",
}
"""Paths whose requests have a class of their own, and the client's attribute for each; `schema/requests.py` has the classes."""

_PATH: Final = re.compile(r"/v1(/[A-Za-z0-9][A-Za-z0-9._~-]*)+")
_KINDS: Final[dict[str, TaskKind]] = {
    "/v1/videos/": "video",
    "/v1/images/": "image",
    "/v1/audio/": "audio",
    "/v1/general/ai-multi-shot": "image",
}


def task_kind(path: str) -> TaskKind:
    """Returns what the tasks of a path make."""
    for start, kind in _KINDS.items():
        if path.startswith(start):
            return kind
    return "other"


def takes_external_id(path: str) -> bool:
    """Returns whether creates of a path can carry the caller's own id."""
    return path not in WITHOUT_EXTERNAL_ID


def path_problems(path: Any, *, synchronous: bool = False) -> Iterator[Problem]:
    """Checks a path that a caller gives.

    Args:
        path: The path, such as `/v1/videos/omni-video`.
        synchronous: Whether the call is to be answered at once; else it is to make a task.
    """
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        yield Problem(
            "path",
            f"is {shown(path)}; it must be a path that starts with /v1/, such as /v1/videos/omni-video, "
            "without a slash at the end, host or query",
        )
    elif path in SYNCHRONOUS and not synchronous:
        yield Problem("path", f"{path} answers at once and makes no task; send it with KlingClient.call")
    elif path in ASYNCHRONOUS and synchronous:
        yield Problem("path", f"{path} makes a task; send it with {_sender(path)}")


def _sender(path: str) -> str:
    """What creates the tasks of a path, in words."""
    return f"KlingClient.{TYPED[path]}" if path in TYPED else f"KlingClient.endpoint({path!r})"
