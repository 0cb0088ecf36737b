"""When to poll next: every gap a finite number above 0, sequences by their moments, dense where jobs end."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async.errors import ConfigurationError
from kling_async.polling.schedule import REMEMBERED, Backoff, Experience, as_schedule, checked_gap

AGES = st.floats(0, 1e7)
GAPS = st.floats(0.01, 1e5)
TIMES = st.lists(st.floats(0.001, 1e5), min_size=0, max_size=100)

SENSELESS = [0, 0.0, -1, -0.5, math.nan, math.inf, -math.inf, True, False, None, "1", [], 10**400, 1j]


def experienced(times):
    """What a client knows after jobs of these durations."""
    known = Experience()
    for seconds in times:
        known.record(seconds)
    return known


@settings(derandomize=True, max_examples=200)
@given(AGES, GAPS, GAPS, GAPS)
def test_backoff_grows_between_its_bounds(age, first, factor, cap):
    """Finite, above 0, never beyond the cap, never shrinking with age."""
    schedule = Backoff(first, factor, cap)
    assert 0 < schedule(age) <= cap
    assert schedule(age) <= schedule(age * 2 + 1)


@settings(derandomize=True, max_examples=300)
@given(TIMES, AGES)
def test_what_experience_says_is_finite_and_above_nothing(times, age):
    """For any durations seen and any age; at most twice the longest backoff."""
    gap = experienced(times)(age)
    assert math.isfinite(gap)
    assert 0 < gap <= 2 * Backoff().cap


@pytest.mark.parametrize(
    ("age", "gap"),
    [
        (0, 2),
        (1, 2),
        (4, 4),
        (8, 8),
        (50, 10),
        (95, 6),
        (99.5, 1.5),
        (100.5, 1),
        (101, 2),
        (119.9, 2),
        (120, 5),
        (1e4, 5),
    ],
)
def test_polls_are_dense_where_jobs_of_the_kind_end(age, gap):
    """Jobs took 101 to 120 s; the middle of them (103 to 118 s, two seconds more on each side) is polled densely."""
    assert gap == pytest.approx(experienced(range(101, 121))(age))


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.floats(30, 1000), min_size=5, max_size=64))
def test_an_end_in_the_middle_of_what_was_seen_is_noticed_soon(times):
    """Whatever the times: for each but the fastest and slowest tenth, the next poll comes within two seconds and a bit."""
    known, tenth = experienced(times), len(times) // 10
    moments = [0.0]
    while moments[-1] <= max(times):
        moments.append(moments[-1] + known(moments[-1]))
    for seconds in sorted(times)[tenth : len(times) - tenth]:
        assert next(moment for moment in moments if moment >= seconds) - seconds <= known.dense + 1e-6


def test_the_youngest_end_tells_something_once_enough_have_ended():
    """Nothing from nineteen jobs; from twenty, that an end before nine tenths of the shortest is unlikely."""
    assert 0.0 == experienced([100.0] * 18 + [50.0]).earliest
    assert 45.0 == pytest.approx(experienced([100.0] * 19 + [50.0]).earliest)


@settings(derandomize=True, max_examples=100)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=200))
def test_experience_remembers_the_latest_and_no_nonsense(times):
    """What is not a duration is passed over; what is old is forgotten."""
    known = experienced(times)
    kept = [seconds for seconds in times if math.isfinite(seconds) and seconds > 0][-REMEMBERED:]
    assert sorted(kept) == known._sorted
    assert kept == list(known._recent)


def test_too_few_jobs_tell_nothing():
    """Four durations tell nothing; with the fifth they count."""
    assert Backoff()(100) == experienced([100] * 4)(100)
    assert Experience().dense == experienced([100] * 5)(100)


@settings(derandomize=True, max_examples=200)
@given(st.lists(GAPS, min_size=1, max_size=20), st.integers(0, 40))
def test_a_sequence_is_a_row_of_moments(gaps, polls):
    """From poll to poll the ages are the gaps' sums, and the last gap repeats."""
    schedule, age = as_schedule(gaps), 0.0
    for number in range(polls):
        age += schedule(age)
        wanted = sum(gaps[: number + 1]) + gaps[-1] * max(0, number + 1 - len(gaps))
        assert wanted == pytest.approx(age, rel=1e-6)


@settings(derandomize=True, max_examples=200)
@given(st.lists(GAPS, min_size=1, max_size=20), AGES)
def test_a_sequences_gaps_are_finite_and_above_nothing(gaps, age):
    """At any age, and never longer than the longest that was given."""
    assert 0 < as_schedule(gaps)(age) <= max(gaps) + 1e-6


def test_a_poll_that_took_long_does_not_shift_the_moments():
    """The polls of [10, 10, 10] are due at 10, 20 and 30 seconds, whenever the answers come."""
    schedule = as_schedule([10, 10, 10])
    assert 6.5 == pytest.approx(schedule(13.5))
    assert 3.0 == pytest.approx(schedule(27.0))
    assert 10.0 == schedule(30.5)


@pytest.mark.parametrize("gap", SENSELESS, ids=lambda gap: repr(gap)[:12])
def test_gaps_without_sense_are_refused(gap):
    """Each form of schedule says so with a `ConfigurationError`, and nothing else."""
    with pytest.raises(ConfigurationError, match="above 0"):
        checked_gap(gap, "gap")
    with pytest.raises(ConfigurationError, match=r"schedule\[1\]"):
        as_schedule([1, gap])
    with pytest.raises(ConfigurationError):
        as_schedule(lambda _: gap)(1.0)
    with pytest.raises(ConfigurationError, match="cap"):
        Backoff(cap=gap)


@pytest.mark.parametrize(
    "schedule", ["12", b"", [], (), 5, None, {1, 2}, {1: 2}, pytest.param(iter([1]), id="iterator")], ids=repr
)
def test_what_is_no_schedule_is_refused(schedule):
    """Neither callable nor a sequence of gaps."""
    with pytest.raises(ConfigurationError, match="schedule"):
        as_schedule(schedule)
