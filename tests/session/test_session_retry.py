"""Which error is tried again and after how long; which create's outcome an error tells; the shared brake."""

import asyncio
import random
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async.errors import (
    AccountError,
    APIError,
    AuthenticationError,
    BadRequestError,
    ConcurrencyLimitError,
    ConfigurationError,
    ConnectionFailedError,
    ContentPolicyError,
    DuplicateTaskError,
    MalformedResponseError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TaskNotFoundError,
    error_class,
)
from kling_async.session import retry
from kling_async.session.create_result import NotSent, Refused, Unknown, classify
from kling_async.session.throttle import Throttle

NOW = 1_790_000_000.0


def of_code(code, *, status=400, retry_after=None, creating=True, message="no"):
    """The service's error for a code."""
    kind = error_class(code, status, message, creating=creating)
    return kind(code, message, http_status=status, retry_after=retry_after)


TRANSIENT = [
    of_code(1302),
    of_code(1303),
    of_code(5000),
    of_code(5001),
    of_code(5002),
    of_code(7777, status=502),
]
TRANSIENT += [ConnectionFailedError("gone", sent=True), MalformedResponseError("html", http_status=502)]
PERMANENT = [of_code(code, status=429) for code in (1100, 1101, 1102, 1304)]
PERMANENT += [
    of_code(code) for code in (1000, 1001, 1002, 1003, 1004, 1103, 1200, 1201, 1202, 1203, 1300, 1301)
]
PERMANENT += [of_code(7777), ConfigurationError("wrong")]


@pytest.mark.parametrize("error", TRANSIENT, ids=str)
def test_transient_errors_are_tried_again(error):
    """Codes decide: 1302, 1303, 5000 to 5002, and answers that are none."""
    assert retry.is_transient(error)
    assert retry.wait_before(1, error, lambda: 0.5) > 0


@pytest.mark.parametrize("error", PERMANENT, ids=str)
def test_permanent_errors_are_not(error):
    """Whatever their HTTP status; 1100 to 1102 come as 429."""
    assert not retry.is_transient(error)
    assert retry.wait_before(1, error, lambda: 0.5) is None


@pytest.mark.parametrize(
    ("error", "bounds"),
    [
        (of_code(1303), [15, 30, 60, 120, 120]),
        (of_code(1302), [2, 4, 8, 16, 32, 60, 60]),
        (of_code(5000), [1, 2, 4, 8, 16, 30, 30]),
        (ConnectionFailedError("gone", sent=False), [0.5, 1, 2, 4, 8, 16, 20, 20]),
        (MalformedResponseError("html", http_status=502), [0.5, 1, 2, 4, 8, 16, 20, 20]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bounds_double_up_to_a_cap(error, bounds):
    """Full jitter: anything from nothing to the bound."""
    assert bounds == [retry.wait_before(n, error, lambda: 1.0) for n in range(1, len(bounds) + 1)]
    assert [0.0] * len(bounds) == [
        retry.wait_before(n, error, lambda: 0.0) for n in range(1, len(bounds) + 1)
    ]


@settings(derandomize=True, max_examples=200)
@given(
    st.integers(1, 10**9),
    st.sampled_from(TRANSIENT),
    st.floats(0, 1),
    st.one_of(st.none(), st.floats(0, 300)),
)
def test_waits_are_finite_and_honour_what_was_asked(attempt, error, chance, asked):
    """At least what `Retry-After` asked for, at most the cap on top of it; for any attempt."""
    if isinstance(error, APIError):
        error = of_code(error.code, status=error.http_status, retry_after=asked)
    else:
        asked = None
    wait = retry.wait_before(attempt, error, lambda: chance)
    assert (asked or 0.0) <= wait <= (asked or 0.0) + 120


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("300", 300),
        ("301", 300),
        ("9" * 5000, 300),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        (formatdate(NOW + 20, usegmt=True), 20),
        (formatdate(NOW - 20, usegmt=True), 0),
        (formatdate(NOW + 9999, usegmt=True), 300),
        (formatdate(NOW + 20, usegmt=True).removesuffix(" GMT"), 20),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 300),
        ("Mon, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(value, seconds):
    """What is neither counts as absent; nobody makes us wait for over five minutes."""
    assert seconds == retry.read_retry_after(value, NOW)


@settings(derandomize=True, max_examples=300)
@given(st.text(max_size=40))
def test_retry_after_is_total(value):
    """Any header becomes None or 0 to 300."""
    seconds = retry.read_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 300


@pytest.mark.parametrize(
    ("code", "creating", "message", "kind"),
    [
        (1004, True, "", AuthenticationError),
        (1102, True, "", AccountError),
        (1304, False, "", AccountError),
        (1103, True, "", PermissionDeniedError),
        (1201, True, "model is not supported", BadRequestError),
        (1201, True, "External_task_id x already exists", DuplicateTaskError),
        (1201, False, "External_task_id x already exists", BadRequestError),
        (1201, False, "Task not found by id/external id: x", TaskNotFoundError),
        (1201, True, "Task not found by id/external id: x", BadRequestError),
        (1203, False, "no such resource", TaskNotFoundError),
        (1203, True, "no such model", BadRequestError),
        (1301, True, "", ContentPolicyError),
        (1302, True, "", RateLimitError),
        (1303, True, "", ConcurrencyLimitError),
        (5002, True, "", ServerError),
    ],
)
def test_codes_become_their_errors(code, creating, message, kind):
    """1201 has three meanings, told apart by the call and the message."""
    assert kind is error_class(code, 400, message, creating=creating)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConnectionFailedError("no route", sent=False), NotSent),
        (ConnectionFailedError("reset", sent=True), Unknown),
        (MalformedResponseError("html", http_status=200), Unknown),
        (MalformedResponseError("html", http_status=404), Unknown),
        (of_code(5000, status=500), Unknown),
        (of_code(5001, status=503), Unknown),
        (of_code(5002, status=504), Unknown),
        (of_code(5000, status=200), Unknown),
        (of_code(1201, status=502), Unknown),
        (of_code(9999), Unknown),
        (of_code(-1, status=200), Unknown),
        *((of_code(code), Refused) for code in (1000, 1004, 1102, 1103, 1200, 1201, 1301, 1302, 1303, 1304)),
        (of_code(1102, status=200), Refused),
    ],
    ids=str,
)
def test_an_outcome_is_unknown_unless_there_is_evidence(error, outcome):
    """The rows of the table: not sent, refused, and everything else."""
    told = classify(error)
    assert outcome is type(told)
    assert error is told.error


@pytest.mark.anyio
@pytest.mark.virtual_time
async def test_all_wait_together_and_the_longest_hold_counts():
    """Ten creates pass at the moment until which the longest of three holds lasts."""
    pace, now = Throttle(), asyncio.get_running_loop().time
    begun, passed = now(), []

    async def one():
        await pace.passed()
        passed.append(now() - begun)

    pace.hold(5.0)
    jobs = [asyncio.create_task(one()) for _ in range(10)]
    await asyncio.sleep(2.0)
    pace.hold(20.0)
    pace.hold(1.0)
    await asyncio.gather(*jobs)
    assert [22.0] * 10 == pytest.approx(passed)
    await pace.passed()
    assert 22.0 == pytest.approx(now() - begun)


def test_jitter_is_spread_over_the_whole_bound():
    """Not clustered at its end, as equal jitter would be."""
    chance = random.Random(1)
    waits = [retry.wait_before(3, of_code(1302), chance.random) for _ in range(400)]
    assert min(waits) < 0.5
    assert 7.5 < max(waits) < 8.0
    assert 3.4 < sum(waits) / len(waits) < 4.6
