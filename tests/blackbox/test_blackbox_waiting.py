"""Waiting for a task's end, on virtual time: minutes of the service cost milliseconds here."""

import asyncio
import math

import pytest
from blackbox_service import BAD_GATEWAY, HTML, Reply, envelope
from virtual_time import wall_clock

from kling_async import (
    AccountError,
    AuthenticationError,
    ConfigurationError,
    ResultMissingError,
    TaskFailedError,
    TaskNotFoundError,
    TaskTimeoutError,
    ValidationError,
)

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

URL = "https://example.com/a.png"


@pytest.fixture
async def kling(client):
    """A client on virtual time."""
    async with client(clock=wall_clock, submit_timeout=300) as made:
        yield made


def polls(service):
    """Requests that poll tasks."""
    return service.of("get") + service.of("list")


async def started(kling, service, run_for, **fields):
    """A task that runs so many seconds."""
    service.run_for = run_for
    return await kling.image2video.create(image=URL, **fields)


async def test_a_finished_task_is_returned_at_once(kling, service):
    """Polls first: no sleep where the task has ended."""
    task = await started(kling, service, 0)
    begun = service.now()
    done = await kling.image2video.wait_for_task(task)
    assert done.succeeded
    assert service.now() - begun < 0.5
    assert 1 == len(polls(service))


@pytest.mark.parametrize("by", ["task", "id", "external"])
async def test_a_running_task_is_waited_for(kling, service, by):
    """By task, id or external id; noticed within seconds, with gaps that grow."""
    task = await started(kling, service, 164, external_task_id="a b/c")
    begun = service.now()
    given = {"task": task, "id": task.task_id, "external": "a b/c"}[by]
    done = await kling.image2video.wait_for_task(given)
    assert (task.task_id, True) == (done.task_id, done.succeeded)
    assert service.url + "/out.mp4" == done.videos[0].url
    assert 163 < service.now() - begun < 164 + 30
    assert len(polls(service)) < 100


async def test_an_hour_is_waited_by_default(kling, service):
    """A tail of 59 minutes is no error."""
    assert (
        await kling.image2video.wait_for_task(await started(kling, service, 3500), schedule=[60])
    ).succeeded


@pytest.mark.parametrize("how", ["plain", "async"])
async def test_on_update_hears_each_change_once(kling, service, how):
    """submitted, processing, succeed, in that order, once each."""
    heard = []

    async def hear_async(task):
        await asyncio.sleep(0)
        heard.append(task.status)

    def hear(task):
        heard.append(task.status)

    task = await started(kling, service, 100)
    await kling.image2video.wait_for_task(task, on_update=hear if how == "plain" else hear_async)
    assert heard in (["submitted", "processing", "succeed"], ["processing", "succeed"])


@pytest.mark.parametrize("how", ["plain", "async"])
async def test_a_raising_callback_is_logged(kling, service, caplog, how):
    """The wait goes on, and the log has the callback's error."""

    async def hear_async(_):
        raise LookupError("callback-broke")

    def hear(_):
        raise LookupError("callback-broke")

    task = await started(kling, service, 100)
    done = await kling.image2video.wait_for_task(task, on_update=hear if how == "plain" else hear_async)
    assert done.succeeded
    assert "callback-broke" in caplog.text


async def test_a_failed_task_raises_with_the_reason(kling, service):
    """The error's text has the service's words and the id; the task is with it."""
    task = await started(kling, service, 20, prompt="fail")
    with pytest.raises(TaskFailedError) as caught:
        await kling.image2video.wait_for_task(task)
    assert "Failure to pass the risk control system" in str(caught.value)
    assert task.task_id in str(caught.value)
    assert caught.value.task.failed
    assert task.task_id == caught.value.task_id


async def test_the_deadline_raises_and_forgets_nothing(kling, service):
    """A TimeoutError with the task, on time; waiting again brings it home."""
    task = await started(kling, service, 500)
    begun = service.now()
    with pytest.raises(TaskTimeoutError) as caught:
        await kling.image2video.wait_for_task(task, timeout=60)
    assert 59 <= service.now() - begun <= 61
    assert isinstance(caught.value, TimeoutError)
    assert task.task_id == caught.value.task.task_id
    assert task.task_id in str(caught.value)
    assert (await kling.image2video.wait_for_task(caught.value.task)).succeeded


async def test_the_deadline_bounds_a_look_in_flight(kling, service):
    """A poll that never answers does not hold the wait."""
    task = await started(kling, service, 500)
    for kind in ("get", "list"):
        service.always(kind, Reply(hang=True))
    begun = service.now()
    with pytest.raises(TaskTimeoutError):
        await kling.image2video.wait_for_task(task, timeout=10)
    assert service.now() - begun <= 11


async def test_no_timeout_waits_for_ever(kling, service):
    """None: more than the default hour is waited out."""
    task = await started(kling, service, 4000)
    assert (await kling.image2video.wait_for_task(task, timeout=None, schedule=[60])).succeeded


@pytest.mark.parametrize("timeout", [0, -1, math.nan, "5", True], ids=repr)
async def test_timeouts_are_above_nothing(kling, service, timeout):
    """What is no time to wait is refused, and nothing is sent."""
    with pytest.raises(ValidationError, match="timeout"):
        await kling.image2video.wait_for_task("7", timeout=timeout)
    assert [] == service.arrived


@pytest.mark.parametrize(
    "trouble",
    [
        BAD_GATEWAY,
        Reply(reset=True),
        Reply(b"<html>", headers=HTML),
        Reply(b'{"code":0,"data":null}'),
        Reply(b'{"code":0', length=100),
        envelope(code=5000, message="internal", status=500),
        envelope(code=5002, message="timeout", status=504),
        envelope(code=1302, message="too fast", status=429),
        envelope(code=1303, message="parallel", status=429),
    ],
    ids=["502", "reset", "html", "null", "cut", "5000", "5002", "1302", "1303"],
)
async def test_transient_trouble_never_ends_a_wait(kling, service, trouble):
    """Ten minutes of nothing but trouble, then the answer."""
    task = await started(kling, service, 60)
    for kind in ("get", "list"):
        service.always(kind, trouble)
    asyncio.get_running_loop().call_later(
        600, lambda: [service.always(kind, None) for kind in ("get", "list")]
    )
    done = await kling.image2video.wait_for_task(task)
    assert done.succeeded
    assert len(polls(service)) < 1000


async def test_trouble_until_the_deadline_is_a_timeout(kling, service):
    """What could not be seen is not claimed: a timeout with the task as last seen."""
    task = await started(kling, service, 60)
    for kind in ("get", "list"):
        service.always(kind, BAD_GATEWAY)
    with pytest.raises(TaskTimeoutError) as caught:
        await kling.image2video.wait_for_task(task, timeout=300)
    assert task.task_id in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(401, 1002, AuthenticationError), (429, 1102, AccountError), (429, 1304, AccountError)],
)
async def test_permanent_errors_end_a_wait(kling, service, status, code, error):
    """Revoked keys and account errors are not waited out."""
    task = await started(kling, service, 600)
    for kind in ("get", "list"):
        service.always(kind, envelope(code=code, message="no", status=status))
    begun = service.now()
    with pytest.raises(error):
        await kling.image2video.wait_for_task(task)
    assert service.now() - begun < 60


async def test_an_unknown_id_is_not_waited_for(kling, service):
    """There is no such task: said soon."""
    begun = service.now()
    with pytest.raises(TaskNotFoundError, match="nonsense"):
        await kling.image2video.wait_for_task("nonsense")
    assert service.now() - begun < 60


async def test_an_id_that_this_client_was_given_may_be_not_found_for_a_while(kling, service):
    """The id of a timeout's error leads back to the task, though a query does not show it yet."""
    service.run_for = 20
    with pytest.raises(TaskTimeoutError) as caught:
        await kling.image2video.generate(image=URL, timeout=1)
    lost = envelope(code=1201, message="Task not found by id/external id", status=400)
    service.plan("get", lost, lost)
    assert (await kling.image2video.wait_for_task(caught.value.task_id)).succeeded


async def test_cancelling_ends_fast_and_touches_nothing(kling, service):
    """Within a second; the task goes on, and another wait for it too."""
    task = await started(kling, service, 300)
    other = asyncio.ensure_future(kling.image2video.wait_for_task(task))
    waiting = asyncio.ensure_future(kling.image2video.wait_for_task(task))
    await asyncio.sleep(50)
    begun = service.now()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert service.now() - begun < 1
    assert (await other).succeeded


async def test_a_success_without_video_is_looked_at_again(kling, service):
    """The video comes with the third poll."""
    task = await started(kling, service, 0)
    bare = envelope({"task_id": task.task_id, "task_status": "succeed", "task_result": {"videos": []}})
    service.plan("get", bare, bare)
    assert 1 == len((await kling.image2video.wait_for_task(task)).videos)
    assert len(service.of("get")) >= 3


async def test_a_success_that_never_has_a_video_is_an_error(kling, service):
    """After a few polls, with the task and its id."""
    task = await started(kling, service, 0)
    bare = {"task_id": task.task_id, "task_status": "succeed", "task_result": None}
    service.always("get", envelope(bare))
    service.always("list", envelope([bare]))
    with pytest.raises(ResultMissingError) as caught:
        await kling.image2video.wait_for_task(task)
    assert task.task_id in str(caught.value)
    assert 1 < len(polls(service)) < 20


async def test_an_unknown_status_is_still_running(kling, service, caplog):
    """Waited through, with one warning."""
    task = await started(kling, service, 0)
    odd = envelope({"task_id": task.task_id, "task_status": "rendering"})
    service.plan("get", odd, odd, odd, odd)
    assert (await kling.image2video.wait_for_task(task)).succeeded
    assert 1 == sum("rendering" in record.getMessage() for record in caplog.records)


async def test_watch_yields_the_changes_in_order(kling, service):
    """Each status once, the terminal one last."""
    task = await started(kling, service, 100)
    seen = [one.status async for one in kling.image2video.watch(task.task_id)]
    assert ["submitted", "processing", "succeed"] == seen


async def test_watch_of_a_known_task_yields_what_is_new(kling, service):
    """What the given task says already may be left out."""
    task = await started(kling, service, 100)
    seen = [one.status async for one in kling.image2video.watch(task)]
    assert ["processing", "succeed"] == [status for status in seen if status != "submitted"]


async def test_watch_yields_a_failure(kling, service):
    """A failed task is the last thing seen, and no error."""
    task = await started(kling, service, 100, prompt="fail")
    seen = [one async for one in kling.image2video.watch(task.task_id)]
    assert ["submitted", "processing", "failed"] == [one.status for one in seen]
    assert "Failure to pass the risk control system" == seen[-1].status_message


async def test_watch_ends_at_its_deadline(kling, service):
    """A timeout like that of a wait."""
    task = await started(kling, service, 1000)
    with pytest.raises(TaskTimeoutError):
        async for _ in kling.image2video.watch(task, timeout=50):
            pass


@pytest.mark.parametrize("schedule", [[10.0], [1, 2, 30], lambda age: 7.0], ids=["one", "three", "function"])
async def test_a_schedule_of_the_callers(kling, service, schedule):
    """Gaps as a list or a function of the age; the wait ends all the same."""
    task = await started(kling, service, 100)
    begun = service.now()
    assert (await kling.image2video.wait_for_task(task, schedule=schedule)).succeeded
    assert 100 <= service.now() - begun < 131


@pytest.mark.parametrize("schedule", [[], [0], [-1], [math.nan], ["1"]], ids=repr)
async def test_schedules_without_sense_are_refused(kling, service, schedule):
    """No gap, none above 0, or no number: a clear error before anything is sent."""
    with pytest.raises(ConfigurationError, match="schedule"):
        await kling.image2video.wait_for_task("7", schedule=schedule)
    assert [] == service.arrived


async def test_closing_the_client_ends_its_waits(client, service):
    """A wait that was left running ends with the client."""
    async with client(clock=wall_clock) as kling:
        task = await started(kling, service, 10_000)
        waiting = asyncio.ensure_future(kling.image2video.wait_for_task(task))
        await asyncio.sleep(20)
    before = len(service.arrived)
    done, _ = await asyncio.wait([waiting], timeout=5)
    assert {waiting} == done
    assert waiting.cancelled() or waiting.exception() is not None
    await asyncio.sleep(600)
    assert before == len(service.arrived)


async def test_many_waits_share_their_looks(kling, service):
    """A hundred waiters of 120 seconds need a fraction of what one poll per 5 s and job costs."""
    service.run_for = 120
    tasks = [service.add({"external_task_id": f"e{n}"}).task_id for n in range(100)]
    done = await asyncio.gather(*(kling.image2video.wait_for_task(task) for task in tasks))
    assert tasks == [task.task_id for task in done]
    assert all(task.videos for task in done)
    assert len(polls(service)) < 100 * 24 / 4
