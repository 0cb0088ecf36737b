"""What an answer to a poll does to a wait: known permanent codes end it, other tasks are not believed, the rest passes."""

import asyncio

import pytest
from rooms_helpers import client, emulator, envelope, requests, row, serving

from kling_async import (
    KlingClient,
    MalformedResponseError,
    TaskNotFoundError,
    TaskTimeoutError,
)
from kling_async.errors import error_class
from kling_async.session.retry import PollVerdict, verdict_on_poll

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

PERMANENT = [1000, 1001, 1002, 1003, 1004, 1100, 1101, 1102, 1103, 1200, 1202, 1300, 1301, 1304]
UNKNOWN = [1, 400, 404, 408, 429, 500, 503, 999, 1005, 1105, 1204, 1305, 2000, 9999, -1]


def now():
    return asyncio.get_running_loop().time()


def error(code, status, message="no"):
    """The error of a query's answer."""
    return error_class(code, status, message, creating=False)(code, message, http_status=status)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429])
@pytest.mark.parametrize("code", PERMANENT)
def test_known_permanent_codes_end_a_wait(code, status):
    """The code decides, whatever the HTTP status below 500."""
    assert PollVerdict.PERMANENT is verdict_on_poll(error(code, status))


@pytest.mark.parametrize("status", [200, 202, 400, 404, 408, 429, 500, 503])
@pytest.mark.parametrize("code", [*UNKNOWN, 1302, 1303, 5000, 5001, 5002])
def test_any_other_code_is_transient(code, status):
    """A gateway's own codes among them, and those that say so."""
    assert PollVerdict.TRANSIENT is verdict_on_poll(error(code, status))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
@pytest.mark.parametrize("code", [*PERMANENT, *UNKNOWN, 1201, 1203])
def test_any_code_with_a_server_error_is_transient(code, status):
    """Even one that would be permanent alone, and "not found"."""
    assert PollVerdict.TRANSIENT is verdict_on_poll(error(code, status, "Task not found by id: 1"))


@pytest.mark.parametrize("message", ["Task not found by id/external id: 1", "任务不存在", ""])
@pytest.mark.parametrize("code", [1201, 1203])
def test_codes_that_can_mean_not_found_are_neither(code, message):
    """Whatever their text; how long they are borne depends on what is known of the task."""
    assert PollVerdict.NOT_FOUND is verdict_on_poll(error(code, 400, message))


ODD = {
    "gateway 429": (429, 429),
    "gateway 408": (408, 408),
    "gateway 404": (404, 404),
    "1 in 200": (1, 200),
    "500 in 500": (500, 500),
    "account in 503": (1102, 503),
    "auth in 502": (1002, 502),
    "not found in 503": (1201, 503),
}


@pytest.mark.parametrize("count", [1, 8])
@pytest.mark.parametrize("name", ODD)
async def test_an_answer_that_is_not_understood_ends_no_wait(name, count):
    """Ten minutes of it, from single polls and pages alike; the tasks are then seen to have ended."""
    code, status = ODD[name]
    begun = now()

    async def answer(request):
        if now() - begun < 600:
            return envelope(None, code, status, message="Task not found by id/external id: 7")
        task_id = request.path.rpartition("/")[2]
        if task_id.isdigit():
            return envelope(row(task_id, "succeed"))
        return envelope([row(str(number), "succeed") for number in range(count)])

    async with serving(answer) as url, KlingClient(api_key="k", base_url=url) as kling:
        got = await asyncio.gather(
            *(kling.image2video.wait_for_task(str(number), timeout=3600) for number in range(count))
        )
    assert [str(number) for number in range(count)] == [task.task_id for task in got]
    assert 600 <= now() - begun <= 700


async def test_an_answer_that_is_not_understood_is_bounded_by_the_deadline():
    """The wait ends with its usual error, which names the task."""

    async def answer(_):
        return envelope(None, 429, 429, message="slow down")

    async with serving(answer) as url, KlingClient(api_key="k", base_url=url) as kling:
        begun = now()
        with pytest.raises(TaskTimeoutError) as caught:
            await kling.image2video.wait_for_task("7", timeout=40)
    assert 40 == pytest.approx(now() - begun, abs=0.2)
    assert "7" == caught.value.task_id


@pytest.mark.parametrize(
    "message", ["Task not found by id/external id: nosuch", "任务不存在", "no such task"]
)
async def test_a_wrong_id_ends_soon(message):
    """In whatever language the service says it; the text does not claim that a task goes on."""

    async def answer(_):
        return envelope(None, 1201, 400, message=message)

    async with serving(answer) as url, KlingClient(api_key="k", base_url=url) as kling:
        begun = now()
        with pytest.raises(TaskNotFoundError, match="no task has the id nosuch") as caught:
            await kling.image2video.wait_for_task("nosuch")
    assert now() - begun <= 5
    assert "nosuch" == caught.value.task_id
    assert "go on" not in str(caught.value)


async def test_a_paid_task_outlives_answers_of_unknown_text():
    """Half a minute of a 1201 in another language, after which the task is shown again."""
    async with emulator() as service, client(service) as kling:
        task = await kling.image2video.create(requests(1)[0])
        waiter = asyncio.create_task(kling.image2video.wait_for_task(task))
        await asyncio.sleep(10)
        service.fault("get", "error-before", times=None, code=1201, http=400, message="任务不存在")
        await asyncio.sleep(30)
        assert service.injected["get", "error-before"]
        service.clear_faults()
        assert task.task_id == (await waiter).task_id


def shows(task_id, external_id, own_path):
    """A server whose query for one task shows another."""

    async def answer(request):
        if request.path.endswith(own_path):
            return envelope(row(task_id, "succeed", external_id=external_id))
        return envelope([])

    return answer


async def test_a_query_that_shows_another_task_is_malformed():
    """Neither its id nor its external id is the one that was asked for."""
    async with serving(shows("8", "other", "/7")) as url, KlingClient(api_key="k", base_url=url) as kling:
        with pytest.raises(MalformedResponseError, match=r"query for 7 shows task 8 \(other\)"):
            await kling.image2video.get("7")


@pytest.mark.parametrize(("asked", "external_id"), [("8", "x"), ("x", "x"), ("x", None)])
async def test_a_query_may_be_answered_by_either_id(asked, external_id):
    """By the task's own, by the caller's, and by the caller's where the answer does not repeat it."""
    async with (
        serving(shows("8", external_id, f"/{asked}")) as url,
        KlingClient(api_key="k", base_url=url) as kling,
    ):
        assert "8" == (await kling.image2video.get(asked)).task_id
        assert "8" == (await kling.image2video.wait_for_task(asked)).task_id


@pytest.mark.parametrize("external_id", ["other", None])
async def test_another_tasks_end_ends_no_wait(external_id):
    """A poll for a known task that shows another is transient: the task's own end counts."""
    begun = now()

    async def answer(request):
        if request.method == "POST":
            return envelope(row("7"))
        shown = "8" if now() - begun < 60 else "7"
        return envelope(row(shown, "succeed", external_id=external_id if shown == "8" else None))

    async with serving(answer) as url, KlingClient(api_key="k", base_url=url) as kling:
        task = await kling.image2video.create(requests(1)[0])
        ended = await kling.image2video.wait_for_task(task)
    assert "7" == ended.task_id
    assert 60 <= now() - begun <= 90


async def test_what_an_id_showed_first_stays_its_task():
    """An external id under which another task is shown later keeps the first."""
    begun = now()

    async def answer(_):
        if now() - begun < 5:
            return envelope(row("7", external_id="shot"))
        shown = ("8", "failed") if now() - begun < 30 else ("7", "succeed")
        return envelope(row(*shown, external_id="shot"))

    async with serving(answer) as url, KlingClient(api_key="k", base_url=url) as kling:
        assert "7" == (await kling.image2video.wait_for_task("shot")).task_id
