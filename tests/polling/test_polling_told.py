"""When callbacks have a task polled, and when they are relied on: moments in, moments out."""

import math

import pytest
from rooms_helpers import row

from kling_async.polling.schedule import Experience
from kling_async.polling.told import CALLBACK_GAP, CALLED_GAP, MOST_NEEDED, NEEDED, Told, Trust
from kling_async.schema.task import read_task


def telling(status):
    """A task as a callback tells it."""
    return read_task(row("7", status))


def heard(told, status, now, seen_at=-math.inf):
    """Hears a callback, and has it polled when that is due; gives the moment."""
    due = told.hear(telling(status), seen_at, now)
    told.want(due, now)
    return due


def test_the_first_end_is_polled_at_once():
    """Whenever the task was last seen or polled."""
    told = Told()
    told.want(told.hear(telling("processing"), 99.9, 100.0), 100.0)
    told.poll(100.0)
    assert 100.1 == heard(told, "succeed", 100.1, seen_at=100.0)


@pytest.mark.parametrize("status", ["succeed", "failed"])
def test_further_ends_wait_their_turn(status):
    """A flood of them costs one poll in five seconds."""
    told, now, polls = Told(), 100.0, []
    while now < 160.0:
        due = heard(told, status, now)
        if told.due <= now:
            told.poll(now)
            polls.append(now)
        now = round(now + 0.05, 2)
        assert due <= now + CALLBACK_GAP
    assert len(polls) <= 60 / CALLBACK_GAP + 1


def test_other_callbacks_wait_until_five_seconds_after_the_task_was_seen():
    """Whoever had it polled; at once if that is long ago."""
    assert 100.0 + CALLBACK_GAP == Told().hear(telling("processing"), 100.0, 102.0)
    assert 110.0 == Told().hear(telling("processing"), 100.0, 110.0)
    told = Told()
    told.want(100.0, 100.0)
    told.poll(100.0)
    assert 100.0 + CALLBACK_GAP == told.hear(telling("processing"), -math.inf, 101.0)


def test_a_poll_that_began_before_a_callback_does_not_serve_it():
    """What comes while a poll is under way waits for another one."""
    told = Told()
    heard(told, "processing", 100.0)
    told.poll(100.0)
    assert not told.waits
    heard(told, "processing", 100.5)
    assert told.waits
    assert 100.0 + CALLBACK_GAP == told.due


def test_what_a_poll_shows_confirms_or_not():
    """A status that agrees; an end that was told and not shown is doubtful."""
    told = Told()
    heard(told, "processing", 100.0)
    told.answer(telling("processing"))
    assert (True, False) == (told.confirmed, told.doubtful)
    heard(told, "succeed", 101.0)
    told.answer(telling("processing"))
    assert (True, True) == (told.confirmed, told.doubtful)
    forged = Told()
    heard(forged, "processing", 100.0)
    forged.answer(telling("submitted"))
    assert not forged.confirmed


def test_a_late_callback_does_not_undo_an_end():
    """Callbacks overtake one another."""
    told = Told()
    heard(told, "succeed", 100.0)
    heard(told, "processing", 100.1)
    assert (True, telling("succeed").status) == (told.ended, told.status)


def test_changes_that_were_not_told_of_are_found():
    """Each once."""
    told = Told()
    assert told.compare(telling("submitted"))
    assert not told.compare(telling("submitted"))
    told.hear(telling("processing"), 0.0, 1.0)
    assert not told.compare(telling("processing"))
    assert told.compare(telling("succeed"))


def test_the_gap_ends_when_a_task_is_overdue():
    """Nobody waits half a minute for what should have ended; a gap never steps over that moment."""
    told = Told()
    told.slow_down(CALLED_GAP)
    assert CALLED_GAP == told.gap(5.0, 10.0, math.inf)
    assert CALLED_GAP + 1 == told.gap(CALLED_GAP + 1, 10.0, math.inf)
    assert 20.0 == told.gap(5.0, 100.0, 120.0)
    assert 5.0 == told.gap(5.0, 119.0, 120.0)
    assert 5.0 == told.gap(5.0, 120.0, 120.0)


def test_most_of_a_kind_have_ended_by_its_latest():
    """Unknown until a few have; then nine in ten, and a margin."""
    learnt = Experience()
    assert math.inf == learnt.latest
    for seconds in range(100, 120):
        learnt.record(float(seconds))
    assert 117.0 + learnt.dense == learnt.latest


def test_trust_comes_with_a_callback_and_goes_with_a_loss():
    """After the first loss, eight ends in a row; twice as many each time, up to a bound."""
    trust = Trust()
    assert not trust.proven
    trust.heard()
    assert trust.proven
    needed = NEEDED
    for _ in range(4):
        trust.broken()
        trust.broken()  # those that come together count once
        assert (False, True) == (trust.proven, trust.lost)
        trust.heard()
        assert not trust.proven
        for number in range(needed):
            assert (number, False) == (trust.in_a_row, trust.proven)
            trust.kept()
        assert (True, False) == (trust.proven, trust.lost)
        needed = min(MOST_NEEDED, 2 * needed)


def test_a_long_time_without_a_loss_is_rewarded():
    """The next loss is the first again."""
    trust = Trust()
    for _ in range(3):
        trust.broken()
        for _ in range(MOST_NEEDED):
            trust.kept()
    trust.broken()
    assert NEEDED == trust.needed
