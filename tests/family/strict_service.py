"""A service of its own for the family's endpoints, written from the vendor's documents and not from the emulator.

It keeps external ids unique over the account, finds a task only under its own path, and takes no external id where the path
has none. `weather(call, number)` names the trouble of a call: lost, late, full, down; `odd(shown)` changes what is shown.
"""

import asyncio
import itertools
import json
from collections import Counter
from urllib.parse import unquote

from aiohttp import web

URL = "https://files.example/x"
VIDEO = {"id": "v", "url": URL, "duration": "5.1"}
AUDIO = {"id": "a", "url_mp3": URL, "url_wav": URL, "duration_mp3": "5.041", "duration_wav": "5.0"}
LIP_SYNC = "/v1/videos/lip-sync"
REQUESTS = {
    "/v1/videos/text2video": {"prompt": "rain", "model_name": "kling-v3"},
    "/v1/videos/video-extend": {"video_id": "v"},
    "/v1/videos/effects": {"effect_scene": "hug_pro", "input": {"images": [URL, URL]}},
    LIP_SYNC: {"input": {"video_id": "v", "mode": "text2video", "text": "a", "voice_id": "b"}},
    "/v1/images/generations": {"prompt": "cats", "n": 2},
    "/v1/audio/text-to-audio": {"prompt": "rain", "duration": 5.0},
    "/v1/audio/video-to-audio": {"video_id": "v"},
    "/v1/general/custom-voices": {"voice_name": "a", "voice_url": "https://files.example/a.mp3"},
}
"""Each path with a request that it takes."""

RESULTS = {
    "/v1/images/generations": {"images": [{"index": n, "url": URL} for n in range(2)]},
    "/v1/audio/text-to-audio": {"audios": [AUDIO]},
    "/v1/audio/video-to-audio": {"videos": [VIDEO], "audios": [AUDIO]},
    "/v1/general/custom-voices": {"voices": [{"voice_id": "1", "trial_url": URL}]},
}
"""What a finished task shows; a video if the path is not here."""


class StrictService:
    """Answers one request after the other; `tasks` is its ledger.

    Args:
        weather: Given the call and its number from 1, the name of a trouble, or None.
        odd: Changes a task as it is shown.
    """

    def __init__(self, weather=lambda _call, _number: None, odd=lambda shown: shown):
        self.tasks = {}
        self.calls = Counter()
        self._weather, self._odd = weather, odd
        self._external = {}
        self._ids = itertools.count(860_000_000_000_000_001)

    async def __call__(self, request):
        """The answer to a request, or none."""
        path = request.rel_url.raw_path
        base = next(each for each in REQUESTS if path == each or path.startswith(f"{each}/"))
        call = "create" if request.method == "POST" else "list" if path == base else "get"
        self.calls[call] += 1
        trouble = self._weather(call, self.calls[call])
        if trouble == "full":
            return _answer(code=1303, http=429, message="parallel task over resource pack limit")
        if trouble == "down":
            return web.Response(status=502, text="<html>")
        answered = self._answered(call, base, path, request.query, await request.read())
        if trouble == "late":
            return _answer(code=5002, http=504, message="timeout")
        if trouble == "lost":
            request.transport.abort()
        return answered

    def _answered(self, call, base, path, query, raw):
        if call == "create":
            return self._create(base, json.loads(raw))
        if call == "list":
            size, number = int(query["pageSize"]), int(query["pageNum"])
            rows = [self._shown(task) for task in reversed(self.tasks.values()) if task["base"] == base]
            return _answer(rows[(number - 1) * size : number * size])
        name = unquote(path[len(base) + 1 :])
        task = self.tasks.get(name) or self._external.get(name)
        if task is None or task["base"] != base:
            return _answer(code=1201, http=400, message=f"Task not found by id/external id: {name}")
        return _answer(self._shown(task))

    def _create(self, base, body):
        external = body.get("external_task_id")
        if base == LIP_SYNC and external is not None:
            return _answer(code=1201, http=400, message="external_task_id is invalid")
        if external in self._external:
            return _answer(code=1201, http=400, message=f"External_task_id {external} already exists")
        task = {"id": str(next(self._ids)), "base": base, "external": external, "at": _now()}
        self.tasks[task["id"]] = task
        if external is not None:
            self._external[external] = task
        return _answer(self._shown(task))

    def _shown(self, task):
        age = _now() - task["at"]
        status = "submitted" if age < 5 else "processing" if age < 60 else "succeed"
        shown = {"task_id": task["id"], "task_status": status, "created_at": 1, "updated_at": 2}
        if task["external"] is not None:
            shown["task_info"] = {"external_task_id": task["external"]}
        if status == "succeed":
            shown["task_result"] = RESULTS.get(task["base"], {"videos": [VIDEO]})
        return self._odd(shown)


def _answer(data=None, *, code=0, http=200, message="SUCCEED"):
    body = {"code": code, "message": message, "request_id": "r", **({} if data is None else {"data": data})}
    return web.json_response(body, status=http)


def _now():
    return asyncio.get_running_loop().time()
