"""One waiter's view of one task: what counts as a change, as an end, as not found."""

import asyncio
import logging

import pytest
from rooms_helpers import task

from kling_async import (
    AccountError,
    BadRequestError,
    ClientClosedError,
    ResultMissingError,
    TaskFailedError,
    TaskNotFoundError,
    TaskStatus,
    TaskTimeoutError,
)
from kling_async.polling.wait import until_end
from kling_async.polling.watch import EMPTY_FOR, EMPTY_POLLS, NOT_FOUND_FOR, UNCLEAR_ANSWERS, Watch

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

S, P, OK, BAD = TaskStatus.SUBMITTED, TaskStatus.PROCESSING, TaskStatus.SUCCEED, TaskStatus.FAILED
GONE = TaskNotFoundError(1201, "Task not found by id/external id: 1", http_status=400)


@pytest.fixture
def watch():
    """A watch by an id of which nothing is known yet."""
    return Watch(key="1", gap=lambda _: 1.0, begun=0.0, born=0.0, deadline=100.0, due=0.0, task=None)


async def taken(watch):
    """All changes that are there, and the error behind them."""
    seen = []
    try:
        while watch.changes or watch.error:
            seen.append((await watch.next_change()).status)
    except Exception as error:  # noqa: BLE001 - it is the result
        seen.append(error)
    return seen


async def test_changes_come_once_and_in_order(watch):
    """A repetition is not a change; what was not taken yet is kept."""
    for status in (S, S, P, P, P, OK):
        watch.see(task("1", status), 1.0)
    assert [S, P, OK] == await taken(watch)
    assert watch.ended


@pytest.mark.parametrize("end", [OK, BAD])
async def test_an_end_is_final_for_errors(watch, end):
    """What ends the wait later changes nothing."""
    watch.see(task("1", end), 1.0)
    watch.end(GONE)
    watch.expire(200.0)
    assert watch.error is None
    assert [end] == await taken(watch)


async def test_an_error_comes_after_the_changes_before_it(watch):
    """Nothing that was seen is lost, and the first error counts."""
    watch.see(task("1", S), 1.0)
    watch.see(task("1", P), 2.0)
    watch.expire(100.0)
    watch.end(GONE)
    *changes, error = await taken(watch)
    assert [S, P] == changes
    assert isinstance(error, TaskTimeoutError)
    assert isinstance(error, TimeoutError)
    assert P is error.task.status


async def test_a_timeout_before_any_answer_still_names_the_task(watch):
    """Its id is there, its task is not, and nothing is claimed about a task that nobody has seen."""
    watch.expire(100.0)
    (error,) = await taken(watch)
    assert (None, "1") == (error.task, error.task_id)
    assert "no poll showed task 1 within 100 s; if it exists, it goes on" in str(error)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "0.5 s"), (0.0125, "0.0125 s"), (3600.0, "3600 s"), (12.3, "12.3 s")]
)
async def test_a_timeout_tells_its_seconds_with_digits_enough(watch, seconds, text):
    """Half a second is not told as one or none."""
    watch.see(task("1", S), 0.1)
    watch.expire(seconds)
    (_, error) = await taken(watch)
    assert f"is still submitted after a wait of {text};" in str(error)


async def test_a_task_that_does_not_exist_is_not_said_to_go_on(watch):
    """The text names the id and what the service said."""
    watch.not_found(GONE, 0.0)
    (error,) = await taken(watch)
    assert "no task has the id 1: Task not found" in str(error)
    assert "go on" not in str(error)


@pytest.mark.parametrize("text", ["任务不存在", "no such thing", ""])
async def test_an_id_never_seen_ends_after_a_few_answers_of_unknown_text(watch, text):
    """A 1201 with another text may mean anything: one answer proves nothing, three do, and the error is the usual one."""
    unclear = BadRequestError(1201, text, http_status=400)
    for number in range(UNCLEAR_ANSWERS - 1):
        watch.not_found(unclear, float(number))
    assert not watch.ended
    watch.not_found(unclear, 3.0)
    (error,) = await taken(watch)
    assert (TaskNotFoundError, 1201, "1") == (type(error), error.code, error.task_id)


async def test_a_known_task_is_not_given_up_for_answers_of_unknown_text(watch):
    """However many within a minute."""
    watch.see(task("1", S), 0.0)
    unclear = BadRequestError(1201, "?", http_status=400)
    for second in range(1, int(NOT_FOUND_FOR)):
        watch.not_found(unclear, float(second))
    assert not watch.ended


async def test_every_error_that_ends_a_wait_carries_the_task(watch):
    """An answer's error keeps what it was and names the task; another waiter's error is another object."""
    refused = AccountError(1102, "Account balance not enough", http_status=429, request_id="r-1")
    watch.see(task("1", S, external_id="shot"), 0.0)
    watch.refuse(refused)
    *_, error = await taken(watch)
    assert (AccountError, 1102, "r-1", 429) == (type(error), error.code, error.request_id, error.http_status)
    assert ("1", "shot") == (error.task_id, error.task.external_task_id)
    assert "Account balance not enough" in str(error)
    assert "1 (shot), which may go on" in str(error)
    assert (None, None) == (refused.task, refused.task_id)


async def test_closing_names_the_task(watch):
    """And says that it goes on."""
    watch.close()
    (error,) = await taken(watch)
    assert (ClientClosedError, None, "1") == (type(error), error.task, error.task_id)
    assert "goes on" in str(error)


async def test_a_schedule_that_raises_ends_the_wait_with_a_note(watch):
    """Its own error, which tells the id."""

    def wrong(_):
        raise ZeroDivisionError("gap")

    watch.gap = wrong
    watch.gap_at(0.0)
    (error,) = await taken(watch)
    assert (ZeroDivisionError, ("gap",)) == (type(error), error.args)
    assert "task 1," in error.__notes__[0]


async def test_success_counts_with_a_video_only(watch):
    """A few polls without one are passed over, and the video then ends the wait."""
    watch.see(task("1", P), 1.0)
    for _ in range(EMPTY_POLLS - 1):
        watch.see(task("1", OK, video=False), 2.0)
    assert not watch.ended
    watch.see(task("1", OK), 3.0)
    assert [P, OK] == await taken(watch)


@pytest.mark.parametrize("gap", [0.1, 5.0])
async def test_success_that_stays_empty_is_an_error(watch, gap):
    """After a few polls and some seconds, neither alone; the error holds the task."""
    moment, polls = 1.0, 0
    while not watch.ended:
        watch.see(task("1", OK, video=False), moment)
        moment, polls = moment + gap, polls + 1
    assert polls >= EMPTY_POLLS
    assert EMPTY_FOR <= moment - gap - 1.0 <= EMPTY_FOR + 2 * gap + 5
    (error,) = await taken(watch)
    assert isinstance(error, ResultMissingError)
    assert "1" == error.task.task_id


async def test_an_id_never_seen_is_not_found_at_once(watch):
    """A wrong id is not waited for."""
    watch.not_found(GONE, 0.0)
    (error,) = await taken(watch)
    assert (type(GONE), True) == (type(error), GONE.message in str(error))


async def test_a_known_task_may_be_not_found_for_a_while(watch):
    """Up to a minute, and anew after each poll that showed it."""
    watch.see(task("1", S), 0.0)
    watch.not_found(GONE, 10.0)
    watch.not_found(GONE, 10.0 + NOT_FOUND_FOR - 1)
    watch.see(task("1", S), 75.0)
    watch.not_found(GONE, 80.0)
    assert not watch.ended
    watch.not_found(GONE, 80.0 + NOT_FOUND_FOR)
    seen, error = await taken(watch)
    assert (S, type(GONE)) == (seen, type(error))


async def test_an_unknown_status_is_running_and_warned_of_once(watch, caplog):
    """Even if they are polled often; control characters stay out of the log."""
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            watch.see(task("1", "que\x1bued"), 1.0)
    assert not watch.ended
    assert ["que\x1bued"] == await taken(watch)
    assert 1 == len(caplog.records)
    assert "\x1b" not in caplog.text


async def test_a_waiter_is_woken_by_what_comes(watch):
    """And a cancelled one leaves the watch usable."""
    first = asyncio.create_task(watch.next_change())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.create_task(watch.next_change())
    await asyncio.sleep(0)
    watch.see(task("1", P), 1.0)
    assert P is (await second).status


async def test_a_failed_task_is_an_error_with_its_reason(watch):
    """And with the task."""
    watch.see(task("1", BAD), 1.0)
    with pytest.raises(TaskFailedError, match="1") as caught:
        await until_end(watch, None)
    assert caught.value.task.failed
