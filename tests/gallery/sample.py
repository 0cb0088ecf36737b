"""Folders of results for the gallery's tests and its screenshot: sidecars, pictures and rendered videos."""

import json
from functools import cache
from pathlib import Path

from PIL import Image

from kling_async.emulator.videos.render import render
from kling_async.emulator.videos.scene import Scene

IMAGES = Path(__file__).parents[2] / "examples" / "images"
START = 1_795_000_000


def sidecar(name, *, status="succeed", request=None, video=None, took=133.0, **others):
    """A sidecar's document as `batch` writes it."""
    from datetime import UTC, datetime

    made = datetime.fromtimestamp(START, UTC)
    ended = datetime.fromtimestamp(START + took, UTC)
    return {
        "sidecar": 1,
        "name": name,
        "number": None,
        "endpoint": "/v1/videos/image2video",
        "status": status,
        "reason": None,
        "request": request or {},
        "task_id": "867283741759111202",
        "external_task_id": f"row-{name}",
        "created_at": made.isoformat(timespec="milliseconds"),
        "updated_at": ended.isoformat(timespec="milliseconds"),
        "video": video or (f"{name}.mp4" if status == "succeed" else None),
        "video_id": None,
        "video_seconds": 5.1 if status == "succeed" else None,
        **others,
    }


def put(folder, name, **fields):
    """Writes a sidecar into a folder."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps(sidecar(name, **fields)), encoding="utf-8")
    return path


@cache
def video(photo="rocket.jpg", axis="zoom", amount=-6.0, mode="std", seconds=0.9):
    """A short video that moves over one of the example pictures."""
    camera = {"type": "simple", "config": {axis: amount}}
    return render(Scene((IMAGES / photo).read_bytes(), None, seconds, mode, camera, None, ()))


ROWS = (
    ("rocket.jpg", "zoom", -6.0, "The camera closes in on the launch tower as the first light reaches the rocket", "kling-v2-6", "pro", 171),
    ("astronaut.jpg", "pan", 4.0, "She turns to the window and smiles", "kling-v2-6", "std", 96),
    ("rocket.jpg", "vertical", 7.0, "Slow rise along the hull, dusk, no people", "kling-v3", "4k", 402),
    ("astronaut.jpg", "zoom", -3.0, "A portrait that breathes: hair and collar move a little, everything else is still", "kling-v2-5-turbo", "pro", 133),
    ("rocket.jpg", "roll", 3.0, "Clouds pass quickly behind the tower while the camera leans", "kling-v2-6", "std", 88),
    ("astronaut.jpg", "tilt", 4.0, "她抬头望向舷窗外的地球，镜头缓缓上移", "kling-v3", "pro", 240),
    ("rocket.jpg", "pan", -6.0, "From the sea to the pad in one long movement", "kling-v3", "std", 205),
)  # fmt: skip
FAILED = (
    ("rocket.jpg", "A crowd cheers in front of the pad", "kling-v2-6", "Failure to pass the risk control system"),
    ("astronaut.jpg", "She waves", "kling-v3", "The resolution or aspect ratio of the input image is invalid. The side must be at least 300 px."),
)  # fmt: skip


def make_sample(folder, mode="std", seconds=0.9):
    """A folder as `batch` leaves it: seven videos, two failures, a video without a sidecar; pictures in `stills` beside it."""
    stills = folder.parent / "stills"
    stills.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    for each in ("rocket.jpg", "astronaut.jpg"):
        with Image.open(IMAGES / each) as picture:
            picture.save(stills / each, quality=90)
    for number, (photo, axis, amount, prompt, model, asked, took) in enumerate(ROWS, start=1):
        name = f"{number:03}-{Path(photo).stem}"
        request = {"model_name": model, "image": f"../stills/{photo}", "prompt": prompt, "mode": asked, "duration": "5",
                   "camera_control": {"type": "simple", "config": {axis: amount}}}  # fmt: skip
        put(folder, name, request=request, took=took, number=number)
        (folder / f"{name}.mp4").write_bytes(video(photo, axis, amount, mode, seconds))
    for number, (photo, prompt, model, reason) in enumerate(FAILED, start=len(ROWS) + 1):
        name = f"{number:03}-{Path(photo).stem}"
        request = {"model_name": model, "image": f"../stills/{photo}", "prompt": prompt, "mode": "pro"}
        put(folder, name, request=request, status="failed", reason=reason, number=number, took=12)
    (folder / "old-test.mp4").write_bytes(video("rocket.jpg", "horizontal", 6.0, mode, seconds))
    return folder
