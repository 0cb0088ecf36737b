"""Each assumption: the emulator does as is assumed, and one that is told to differ in it is found out."""

import json

import pytest
from virtual_time import wall_clock

from kling_async.emulator import ByClock
from kling_async.probing.judge_paid import PAID
from kling_async.probing.report import FREE, document, judge
from kling_async.probing.verdict import State
from kling_async.schema.assumptions import ASSUMPTIONS

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

ID_OF_NOBODY = {"code": 1203, "http": 404, "message": "no such task"}
ALWAYS = {"times": None}


def faulty(call, kind, **details):
    """An emulator with a fault that strikes every such call."""
    return {}, lambda service: service.fault(call, kind, **{**ALWAYS, **details})


def spoiled(call, field, value):
    """An emulator that shows another value in an answer."""
    return faulty(call, "wrong-types", field=field, value=value)


def late(seconds):
    """An emulator whose new tasks are found late."""
    return faulty("create", "lagging", seconds=seconds)


DIFFERENT = {
    "envelope": spoiled("list", "request_id", None),
    "unknown-id": faulty("get", "error-before", **ID_OF_NOBODY),
    "no-authorization": faulty("get", "error-before", code=1002),
    "malformed-token": faulty("get", "error-before", code=1001),
    "early-token": faulty("get", "error-before", code=1002),
    "expired-token": faulty("get", "error-before", code=1002),
    "date-header": ({}, lambda service: setattr(service, "date_header", None)),
    "clock-skew": ({"clock": lambda: wall_clock() + 100}, None),
    "keys-before-path": faulty("other", "error-before", code=1203),
    "wrong-path": faulty("other", "error-before", code=1201),
    "trailing-slash": ({"ignores_slashes": False}, None),
    "page-bounds": ({"largest_page": 1000}, None),
    "largest-page": ({"largest_page": 100}, None),
    "page-behind-the-end": spoiled("list", "data", None),
    "list-order": ({"list_order": "oldest"}, None),
    "status-words": spoiled("get", "data.task_status", "succeeded"),
    "times-in-milliseconds": spoiled("get", "data.created_at", 1_700_000_000),
    "look-up-by-external-id": faulty("get", "another-task"),
    "one-path": faulty("get", "error-before", code=1203),
    "list-row": spoiled("list", "data.0.task_result", None),
    "result-shape": spoiled("get", "data.task_result.videos.0.duration", 5.1),
    "units": spoiled("get", "data.final_unit_deduction", None),
    "refused-create": faulty("create", "error-before", code=1300),
    "not-json": faulty("create", "error-before", code=1203),
    "empty-text": ({"ignores_empty_values": False}, None),
    "create-answer": spoiled("create", "data.task_info", {}),
    "read-after-write": late(40.0),
    "list-after-write": late(40.0),
    "repeated-id": ({"repeated_ids": "accept"}, None),
    "callback": ({}, None),
    "result-file": faulty("download", "forbidden"),
}
"""How an emulator is told to differ: its settings, and what is done to it before it is asked."""


def verdicts(checked, job=None):
    """The verdicts by the assumptions' ids."""
    return {assumption.id: verdict for assumption, verdict in judge(checked.asked, job, paid=False)}


def test_each_assumption_is_compared_and_has_an_emulator_that_differs():
    """No row of the table is left out, and nothing is compared that is not in it."""
    names = [assumption.id for assumption in ASSUMPTIONS]
    assert sorted(set(names)) == sorted(names)
    assert set(names) == set(FREE) | set(PAID) == set(DIFFERENT)
    assert set(PAID) == {assumption.id for assumption in ASSUMPTIONS if assumption.paid}


async def test_emulator_does_as_is_assumed(checking):
    """Every assumption holds, those that take a job too, and all of them are seen."""
    async with checking() as checked:
        await checked.free()
        checked.service.advance = ByClock(20)
        job = await checked.paid(public_url="http://127.0.0.1:0")
        found = verdicts(checked, job)
    assert {} == {name: each for name, each in found.items() if each.state is not State.AS_ASSUMED}
    assert len(ASSUMPTIONS) == len(found)
    assert "submitted" not in found["callback"].came
    assert found["callback"].came.endswith("succeed")


@pytest.mark.parametrize("name", [each.id for each in ASSUMPTIONS if not each.paid])
async def test_other_service_is_found_out_for_free(checking, name):
    """The verdict says what came, and no task was made."""
    settings, prepare = DIFFERENT[name]
    async with checking(**settings) as checked:
        if prepare is not None:
            prepare(checked.service)
        await checked.free()
        assert 5 == len(checked.service.tasks)
    verdict = verdicts(checked)[name]
    assert State.DIFFERENT is verdict.state, verdict
    assert verdict.came


@pytest.mark.parametrize("name", [each.id for each in ASSUMPTIONS if each.paid])
async def test_other_service_is_found_out_by_a_job(checking, name):
    """One create, and one more under the same id; the verdict says what came."""
    settings, prepare = DIFFERENT[name]
    async with checking(tasks=0, **settings) as checked:
        if prepare is not None:
            prepare(checked.service)
        checked.service.advance = ByClock(20)
        url = "http://127.0.0.1:9" if name == "callback" else None
        job = await checked.paid(public_url=url)
        assert 2 == checked.service.counts["create"]
    verdict = verdicts(checked, job)[name]
    assert State.DIFFERENT is verdict.state, verdict
    assert verdict.came


async def test_account_without_tasks_leaves_some_unseen(checking):
    """What needs a task is not seen, and says so; nothing is different."""
    async with checking(tasks=0) as checked:
        await checked.free()
    found = verdicts(checked)
    assert set() == {name for name, each in found.items() if each.state is State.DIFFERENT}
    unseen = {name for name, each in found.items() if each.state is State.NOT_SEEN}
    assert {"list-order", "one-path", "look-up-by-external-id", "result-shape"} <= unseen
    assert all(found[name].came for name in unseen)


async def test_job_shows_what_an_empty_account_did_not(checking):
    """The shape of a result is seen in the job's own."""
    async with checking(tasks=0) as checked:
        await checked.free()
        found = verdicts(checked, await checked.paid())
    unseen = {name for name, each in found.items() if each.state is State.NOT_SEEN}
    assert {"list-order", "one-path", "callback"} == unseen


async def test_service_in_trouble_is_not_a_different_one(checking):
    """A 5xx, an empty account or a lost connection says nothing about an assumption."""
    async with checking() as checked:
        checked.service.fault("get", "error-before", code=5001, times=None)
        checked.service.fault("list", "rate-limit", times=None)
        checked.service.fault("create", "account", code=1102, times=None)
        checked.service.fault("other", "reset-before", times=None)
        await checked.free()
    found = verdicts(checked)
    assert [] == [name for name, each in found.items() if each.state is State.DIFFERENT]
    assert State.NOT_SEEN is found["unknown-id"].state is found["refused-create"].state


async def test_report_tells_nothing_of_the_account(checking):
    """No key, no prompt, no id of a task that was there before, no URL; whatever is different."""
    async with checking() as checked:
        service = checked.service
        message = (
            f"no {service.access_key} at {service.url}/x?sign=abc for named-4 or {service.tasks[-1].task_id}"
        )
        for call in ("get", "list", "create", "other"):
            service.fault(call, "error-before", code=1201, http=409, message=message, after=8, times=None)
        await checked.free()
        text = json.dumps(
            document(judge(checked.asked, None, paid=False), "127.0.0.1", checked.asked, None, None)
        )
    assert "HTTP 409" in text
    tasks = [each for task in service.tasks for each in (task.task_id, task.external_task_id)]
    secrets = (service.access_key, service.secret_key, "a prompt", "sign=", "://", *tasks)
    assert [] == [word for word in secrets if word in text]
