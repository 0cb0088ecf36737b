"""The PyPI package klingai-api against the emulator: create, poll, result and lists of two endpoints."""

import pytest
from made_pictures import b64, png

pytestmark = pytest.mark.anyio

FIELDS = {
    "model_name": "kling-v2-6",
    "mode": "pro",
    "duration": "10",
    "prompt": "a cat",
    "external_task_id": "their-own",
}


def given(service, **changes):
    """What the script gets on stdin."""
    keys = {"access_key": service.access_key, "secret_key": service.secret_key}
    return {"url": service.url, "image": b64(png()), "fields": FIELDS, **keys, **changes}


async def test_klingai_api_runs_its_calls(service, python):
    """Its credentials check, creates, polls by both ids, results and lists; it also sends image2video an aspect ratio."""
    answer = await python("klingai_session.py", given(service))
    ids = [made["data"]["task_id"] for made in answer["made"]]
    assert ids == [task.task_id for task in service.tasks]
    assert ["succeed", "succeed"] == [task["task_status"] for task in answer["ended"]]
    assert all(task["task_result"]["videos"][0]["url"].startswith(service.url) for task in answer["ended"])
    assert ids[0] == answer["by_external_id"]["task_id"]
    assert [[task_id] for task_id in ids] == [[row["task_id"] for row in page] for page in answer["lists"]]
    assert FIELDS.items() <= service.tasks[0].body.items()
    assert 1 == service.counts["costs"]


async def test_klingai_api_learns_of_wrong_keys(service, python):
    """By GET /account/costs, which it calls first."""
    answer = await python("klingai_session.py", given(service, secret_key="0" * 64))
    assert {"refused": "Invalid ACCESS_TOKEN or SECRET_TOKEN."} == answer
    assert [] == service.tasks
