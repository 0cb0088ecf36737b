"""Every kind of endpoint against a service that was written without the emulator: lost answers, refusals, odd bodies."""

import pytest
from family.strict_service import LIP_SYNC, REQUESTS, StrictService
from rooms_helpers import serving
from virtual_time import wall_clock

from kling_async import (
    KlingClient,
    ResultMissingError,
    SubmissionUnknownError,
    Text2VideoRequest,
    VideoExtendRequest,
)

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

JOBS = 4
WEATHERS = {
    "lost": lambda _, number: "lost" if number % 4 == 1 else None,
    "late": lambda call, number: "late" if call == "create" and number % 2 else None,
    "full, then down": lambda call, number: (
        {"create": "full", "get": "down"}.get(call) if number < 9 else None
    ),
}


async def ran(service, path):
    """The outcomes of a few jobs of one path."""
    async with serving(service.__call__) as url:
        async with KlingClient("a" * 20, "b" * 40, base_url=url, clock=wall_clock) as kling:
            typed = {
                "/v1/videos/text2video": (kling.text2video, Text2VideoRequest),
                "/v1/videos/video-extend": (kling.video_extend, VideoExtendRequest),
            }
            endpoint, made = typed.get(path, (None, dict))
            requests = [made(**REQUESTS[path]) for _ in range(JOBS)]
            return await (endpoint or kling.endpoint(path)).generate_all(requests, timeout=900)


@pytest.mark.parametrize("weather", WEATHERS)
@pytest.mark.parametrize("path", REQUESTS)
async def test_each_job_is_made_once_and_fetched(path, weather):
    """A path without external ids sends nothing twice: what has no clear outcome stays unknown."""
    service = StrictService(WEATHERS[weather])
    outcomes = await ran(service, path)
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert len({outcome.task.task_id for outcome in outcomes if outcome.task}) == JOBS - len(errors)
    if path == LIP_SYNC:
        assert all(isinstance(error, SubmissionUnknownError) for error in errors)
        assert len(service.tasks) <= JOBS
    else:
        assert ([], JOBS) == (errors, len(service.tasks))


def odd(shown):
    """Whole numbers for ids, nulls and strangers in lists, text for numbers, fields that nobody knows."""
    result = {
        name: [None, *({**row, "id": 7, "index": "0", "x": [1]} for row in rows), {"url": ""}, 3]
        for name, rows in shown.get("task_result", {}).items()
    }
    more = {
        "task_id": int(shown["task_id"]),
        "created_at": "1739744384259",
        "updated_at": "soon",
        "x": {"y": []},
    }
    status = {"succeed": "succeeded", "submitted": "queued"}.get(shown["task_status"], shown["task_status"])
    units = {"final_unit_deduction": {"x": 1}, "final_balance_deduction": {"quota": "1"}}
    return {
        **shown,
        **more,
        **units,
        "task_status": status,
        "task_result": {**result, "new": [1]} if result else None,
    }


@pytest.mark.parametrize("path", REQUESTS)
async def test_odd_answers_are_read(path):
    """Every result that can be fetched is there, and nothing else."""
    service = StrictService(odd=odd)
    tasks = [outcome.unwrap() for outcome in await ran(service, path)]
    assert set(service.tasks) == {task.task_id for task in tasks}
    kind = path.split("/")[2]
    expected = {"videos": (1, 0, 0), "images": (0, 2, 0), "audio": (0, 0, 1), "general": (0, 0, 0)}[kind]
    expected = (1, 0, 1) if path.endswith("video-to-audio") else expected
    assert {expected} == {(len(task.videos), len(task.images), len(task.audios)) for task in tasks}


def lacking(shown):
    """Results that nothing can be fetched from, or none at all, by turns."""
    if "task_result" in shown and int(shown["task_id"]) % 2:
        rows = [{"id": "x", "index": 0, "url": None, "url_mp3": ""}]
        return {**shown, "task_result": dict.fromkeys(("videos", "images", "audios"), rows)}
    return {name: value for name, value in shown.items() if name != "task_result"}


@pytest.mark.parametrize("path", REQUESTS)
async def test_a_success_without_results_is_an_error_of_its_own(path):
    """It holds the task, and nothing is created again."""
    service = StrictService(odd=lacking)
    errors = [outcome.error for outcome in await ran(service, path)]
    assert {ResultMissingError} == {type(error) for error in errors}
    assert set(service.tasks) == {error.task_id for error in errors}
