"""One waiter's view of one task: what counts as a change, as an end, as missing."""

import asyncio
import logging

import pytest
from rooms_helpers import task
from virtual_time import VIRTUAL_TIME

from kling_async import ResultMissingError, TaskFailedError, TaskNotFoundError, TaskStatus, TaskTimeoutError
from kling_async.polling.wait import until_end
from kling_async.polling.watch import EMPTY_LOOKS, MISSING_FOR, Watch

pytestmark = pytest.mark.anyio

S, P, OK, BAD = TaskStatus.SUBMITTED, TaskStatus.PROCESSING, TaskStatus.SUCCEED, TaskStatus.FAILED
GONE = TaskNotFoundError(1201, "Task not found by id/external id: 1", http_status=400)


@pytest.fixture
def anyio_backend():
    return VIRTUAL_TIME


@pytest.fixture
def watch():
    """A watch by an id of which nothing is known yet."""
    return Watch(key="1", gap=lambda _: 1.0, born=0.0, deadline=100.0, due=0.0, task=None)


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
    """Repetitions are none; what was not taken yet is kept."""
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


async def test_a_timeout_without_a_look_still_names_the_task(watch):
    """Its id is there, its task is not."""
    watch.expire(100.0)
    (error,) = await taken(watch)
    assert (None, "1") == (error.task, error.task_id)
    assert "never seen" in str(error)


async def test_success_counts_with_a_video_only(watch):
    """A few empty looks are passed over, and the video then ends the wait."""
    watch.see(task("1", P), 1.0)
    for _ in range(EMPTY_LOOKS - 1):
        watch.see(task("1", OK, video=False), 2.0)
    assert not watch.ended
    watch.see(task("1", OK), 3.0)
    assert [P, OK] == await taken(watch)


async def test_success_that_stays_empty_is_an_error(watch):
    """It holds the task."""
    for _ in range(EMPTY_LOOKS):
        watch.see(task("1", OK, video=False), 2.0)
    (error,) = await taken(watch)
    assert isinstance(error, ResultMissingError)
    assert "1" == error.task.task_id


async def test_a_task_that_was_never_seen_is_missing_at_once(watch):
    """A wrong id is not waited for."""
    watch.miss(GONE, 0.0)
    (error,) = await taken(watch)
    assert (type(GONE), True) == (type(error), GONE.message in str(error))


async def test_a_known_task_may_be_missing_for_a_while(watch):
    """Up to a minute, and anew after each look that showed it."""
    watch.see(task("1", S), 0.0)
    watch.miss(GONE, 10.0)
    watch.miss(GONE, 10.0 + MISSING_FOR - 1)
    watch.see(task("1", S), 75.0)
    watch.miss(GONE, 80.0)
    assert not watch.ended
    watch.miss(GONE, 80.0 + MISSING_FOR)
    seen, error = await taken(watch)
    assert (S, type(GONE)) == (seen, type(error))


async def test_unknown_words_are_running_and_warned_of_once(watch, caplog):
    """Even if they are looked at often; control characters stay out of the log."""
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


@pytest.mark.parametrize("plain", [True, False])
async def test_callbacks_hear_every_change_and_may_raise(watch, caplog, plain):
    """Plain and async; an error of theirs is logged and goes no further."""
    heard = []

    def note(seen):
        heard.append(seen.status)
        raise ValueError("callback")

    async def note_later(seen):
        await asyncio.sleep(1)
        note(seen)

    for status in (S, P, OK):
        watch.see(task("1", status), 1.0)
    assert OK is (await until_end(watch, note if plain else note_later)).status
    assert [S, P, OK] == heard
    assert 3 == len(caplog.records)
