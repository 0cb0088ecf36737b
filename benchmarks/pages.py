"""Answers as the service gives them, for the benchmarks that only read."""

import json
from typing import Any

EXTERNAL = "ka-0123456789abcdef0123456789ab"


def row(index: int, status: str) -> dict[str, Any]:
    """A task of the list; ended ones have a video."""
    task: dict[str, Any] = {
        "task_id": str(867_283_741_759_000_000 + index),
        "task_status": status,
        "task_status_msg": "",
        "task_info": {"external_task_id": f"{EXTERNAL}{index:04d}"},
        "created_at": 1_739_744_384_259 + index,
        "updated_at": 1_739_744_384_259 + 164_000 + index,
    }
    if status == "succeed":
        host = "https://cdn.klingai.com/bs2/upload-kling-api"
        video = {
            "id": f"28444a6c-3b1c-4f0a-9d8e-{index:012d}",
            "url": f"{host}/0123456789/image2video/Cl6kH2fHPrIAAAAAAIw{index:06d}-0_raw_video_1.mp4",
            "duration": "5.1",
        }
        task["task_result"] = {"videos": [video]}
    return task


def answer(data: Any) -> bytes:
    """The envelope around it, as bytes."""
    envelope = {"code": 0, "message": "SUCCEED", "request_id": "CjI1Y2ZnQ4kAAAAAAIwAAA", "data": data}
    return json.dumps(envelope, separators=(",", ":")).encode()


def list_page(status: str, size: int = 500) -> bytes:
    """A list page of so many tasks."""
    return answer([row(index, status) for index in range(size)])
