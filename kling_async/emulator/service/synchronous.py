"""The synchronous calls of the family: one POST, one answer, no task (family.md).

Pure. Their fields are not checked; the answers have the documented members with made-up values.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

Answered = Callable[[str], Any]
"""The emulator's address in, an answer's `data` out."""


def _session(**more: Any) -> dict[str, Any]:
    return {"status": 0, "session_id": uuid.uuid4().hex, "final_unit_deduction": "0", **more}


def _faces(url: str) -> dict[str, Any]:
    face = {
        "face_id": "0",
        "face_image": f"{url}/_emulator/images/example.png",
        "start_time": 0,
        "end_time": 5000,
    }
    return {"session_id": uuid.uuid4().hex, "final_unit_deduction": "0", "face_data": [face]}


def _speech(url: str) -> dict[str, Any]:
    name = uuid.uuid4().hex
    audio = {"id": name, "url": f"{url}/_emulator/audios/example.mp3", "duration": "3.0"}
    return {
        "task_id": name,
        "task_status": "succeed",
        "task_status_msg": "",
        "task_result": {"audios": [audio]},
    }


def _segments(url: str) -> dict[str, Any]:
    kinds = ("object_seg", "head_seg", "face_seg", "cloth_seg")
    images = [
        {"type": kind, "is_contain": True, "url": f"{url}/_emulator/images/example.png"} for kind in kinds
    ]
    return {"task_result": {"images": images}}


def _video_facts(url: str) -> dict[str, Any]:
    facts = {"fps": 24.0, "original_duration": 5000, "width": 1280, "height": 720, "total_frame": 120}
    return _session(**facts, normalized_video=f"{url}/_emulator/videos/example.mp4")


def _masks(_: str) -> dict[str, Any]:
    mask = {"object_id": 0, "rle_mask": {"size": [720, 1280], "counts": ""}}
    return _session(res={"frame_index": 0, "rle_mask_list": [mask]})


def _preview(url: str) -> dict[str, Any]:
    return _session(
        res={"video": f"{url}/_emulator/videos/example.mp4", "video_cover": "", "tracking_output": ""}
    )


SYNCHRONOUS: Mapping[str, Answered] = {
    "/v1/videos/identify-face": _faces,
    "/v1/videos/image-recognize": _segments,
    "/v1/audio/tts": _speech,
    "/v1/videos/multi-elements/init-selection": _video_facts,
    "/v1/videos/multi-elements/add-selection": _masks,
    "/v1/videos/multi-elements/delete-selection": _masks,
    "/v1/videos/multi-elements/clear-selection": lambda _: _session(),
    "/v1/videos/multi-elements/preview-selection": _preview,
    "/v1/general/delete-voices": lambda _: {},
    "/v1/general/delete-elements": lambda _: {},
    "/v1/general/delete-advanced-elements": lambda _: {},
}
"""What is called by POST."""

PRESETS = frozenset({"/v1/general/presets-voices", "/v1/general/advanced-presets-elements"})
"""Lists that are the service's own, and empty here."""
