"""A small server that speaks what fal-client, runwayml, replicate and openai speak, for jobs that end by the clock.

It says what those clients need to hear and no more; the jobs are those of `page_server`, so that everybody's take
equally long.
"""

import asyncio
import json
from typing import Any

from benchmarks.harness import run_scaled
from benchmarks.page_server import Answer, Page, Request, durations, latency, options_of, serve_until_left

FAL_APP = "fal-ai/kling-video"
_WORDS = {
    "fal": ("IN_QUEUE", "IN_PROGRESS", "COMPLETED"),
    "runway": ("PENDING", "RUNNING", "SUCCEEDED"),
    "replicate": ("starting", "processing", "succeeded"),
    "openai": ("queued", "in_progress", "completed"),
}
_STATES = ("submitted", "processing", "succeed")
_VIDEO = "http://127.0.0.1/video.mp4"
_MOMENT = "2026-01-01T00:00:00.000Z"


def job(vendor: str, task: dict[str, Any], host: str) -> dict[str, Any]:
    """A job as the vendor describes it."""
    name, word = task["task_id"], _WORDS[vendor][_STATES.index(task["task_status"])]
    done = task["task_status"] == "succeed"
    if vendor == "fal":
        url = f"http://{host}/{FAL_APP}/requests/{name}"
        links = {"response_url": url, "status_url": f"{url}/status", "cancel_url": f"{url}/cancel"}
        return {"request_id": name, "status": word, "queue_position": 0, "logs": None, "metrics": {}, **links}
    if vendor == "runway":
        return {"id": name, "status": word, "createdAt": _MOMENT, **({"output": [_VIDEO]} if done else {})}
    if vendor == "replicate":
        described = {
            "id": name,
            "status": word,
            "model": "vendor/model",
            "version": "0" * 64,
            "logs": "",
            "error": None,
        }
        url = f"http://{host}/v1/predictions/{name}"
        links = {"get": url, "cancel": f"{url}/cancel"}
        return {
            **described,
            "input": {},
            "output": _VIDEO if done else None,
            "created_at": _MOMENT,
            "urls": links,
        }
    described = {
        "id": name,
        "object": "video",
        "status": word,
        "model": "sora-2",
        "created_at": 1_767_225_600,
    }
    return {**described, "progress": 100 if done else 10, "seconds": "4", "size": "1280x720"}


def vendor_of(path: str) -> str:
    """Whose path it is."""
    if path.startswith(f"/{FAL_APP}"):
        return "fal"
    if path.startswith("/v1/predictions"):
        return "replicate"
    return "openai" if path.startswith("/v1/videos") else "runway"


def answering(page: Page) -> Answer:
    """Creates and polls, in the vendor's words."""

    def answer(request: Request) -> tuple[int, bytes]:
        path = request.target.partition("?")[0]
        if path.startswith("/-/"):
            return 200, page.about(path[3:])
        vendor = vendor_of(path)
        if request.method == "POST":
            page.counts["create"] += 1
            row = page.create(f"{vendor}-{page.counts['create']}")
        else:
            page.counts["get"] += 1
            found = page.get(path.removesuffix("/status").rpartition("/")[2])
            assert found is not None
            row = found
        described = job(vendor, json.loads(row), request.host)
        if vendor == "fal" and request.method == "GET" and not path.endswith("/status"):
            described = {"video": {"url": _VIDEO}, "request_id": described["request_id"]}
        return 200, json.dumps(described).encode()

    return answer


def main() -> None:
    options = options_of(__doc__ or "")

    async def run() -> None:
        page = Page(asyncio.get_running_loop().time, durations(options))
        await serve_until_left(answering(page), latency(options))

    run_scaled(run(), options.scale)


if __name__ == "__main__":
    main()
