"""Headers from strangers: `Retry-After`, `Date` and `Content-Range` in whatever form end in a value within bounds."""

import datetime as dt
import time
from email.utils import format_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_async.jobs.transfer import continues
from kling_async.session.auth import BACKDATED, LIFETIME, BearerHeader, JwtSigner, Secret
from kling_async.session.retry import MAX_RETRY_AFTER, read_retry_after

CALM = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
NOW = 1_790_000_000.0

digits = st.text("0123456789", min_size=1, max_size=400)
honest_dates = st.datetimes(timezones=st.just(dt.UTC)).map(
    lambda moment: format_datetime(moment, usegmt=True)
)
spoiled_dates = st.builds(
    lambda date, at, junk: date[:at] + junk + date[at + len(junk) :],
    honest_dates,
    st.integers(0, 30),
    st.sampled_from(["", " ", "-", "99", "0000", "é", "GMT", "+9999", "\ud800", "\0", "9" * 50, "Fri,", "("]),
)
header_values = (
    digits
    | honest_dates
    | spoiled_dates
    | st.text(st.characters(), max_size=40)
    | st.sampled_from(
        ["", " ", "-1", "1.5", "1e9", "١٢", "²", "Inf", "NaN", "0x10", "Mon, 99 Foo 99999 99:99:99 GMT"]
    )
)


@CALM
@given(value=header_values, now=st.floats(0, 4e9))
def test_retry_after_is_none_or_within_bounds(value, now):
    """Whatever the header, nobody waits a negative time, without limit, or crashes."""
    seconds = read_retry_after(value, now)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER


@CALM
@given(seconds=st.integers(0, 10**300))
def test_retry_after_in_seconds_is_clamped(seconds):
    """Any whole number counts, up to five minutes."""
    assert min(seconds, 300) == read_retry_after(str(seconds), NOW)


@CALM
@given(offset=st.integers(-(10**9), 10**9))
def test_retry_after_as_a_date_is_the_time_until_then(offset):
    """A date in the past means at once; one beyond the bound means the bound."""
    date = format_datetime(dt.datetime.fromtimestamp(NOW + offset, dt.UTC), usegmt=True)
    assert min(max(offset, 0), 300) == read_retry_after(date, NOW)


def signed_at(signer):
    """The moment, in unix seconds, from which a signer's token counts."""
    import jwt

    claims = jwt.decode(signer.bearer().removeprefix("Bearer "), options={"verify_signature": False})
    assert LIFETIME + BACKDATED == claims["exp"] - claims["nbf"]
    return claims["exp"] - LIFETIME


@CALM
@given(date=header_values | st.none())
def test_any_date_header_leaves_a_signer_that_signs(date):
    """An absurd `Date` is as good as none: our own clock is trusted then; signing never fails."""
    signer = JwtSigner(Secret("access"), Secret("secret" * 6), lambda: NOW)
    assert True is signer.resync(date)
    assert isinstance(signer.bearer(), BearerHeader)
    assert signed_at(signer) == int(NOW) or signed_at(signer) >= 1_704_067_200


@CALM
@given(offset=st.integers(-7200, 7200))
def test_a_plausible_date_header_moves_the_clock(offset):
    """Two hours of skew in either direction are made up for."""
    signer = JwtSigner(Secret("access"), Secret("secret" * 6), lambda: NOW)
    signer.resync(format_datetime(dt.datetime.fromtimestamp(NOW + offset, dt.UTC), usegmt=True))
    assert int(NOW) + offset == signed_at(signer)


@pytest.mark.parametrize("date", [None, "", "soon", "Mon, 01 Jan 1990 00:00:00 GMT", "Mon, 99 Foo 2026"])
def test_an_absurd_date_header_counts_as_none(date):
    """Missing, unreadable, or from before the service existed."""
    signer = JwtSigner(Secret("access"), Secret("secret" * 6), lambda: NOW)
    signer.resync(date)
    assert int(NOW) == signed_at(signer)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC"])
def test_a_date_header_without_a_zone_is_in_gmt(monkeypatch, zone):
    """HTTP's dates are, wherever this machine stands."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    signer = JwtSigner(Secret("access"), Secret("secret" * 6), lambda: NOW)
    signer.resync("Mon, 21 Sep 2026 13:33:20")
    monkeypatch.undo()
    time.tzset()
    assert int(NOW) - 2400 == signed_at(signer)


def goes_on(content_range, received, status=206):
    """Whether a download with so many bytes takes an answer for the rest of its file of unknown length."""
    return continues(status, content_range, received, None)


ranges = st.builds(
    "{}{}{}-{}/{}".format,
    st.sampled_from(["bytes", "Bytes", "", "octets"]),
    st.sampled_from([" ", "", "  ", "="]),
    digits | st.just("-5"),
    digits | st.just(""),
    digits | st.sampled_from(["*", "", "x"]),
)


@CALM
@given(content_range=ranges | header_values, received=st.integers(0, 10**18))
def test_any_content_range_is_the_rest_or_not(content_range, received):
    """Total; and what counts as the rest begins where the download stopped."""
    taken = goes_on(content_range, received)
    assert not taken or f"bytes {received}-" == f"bytes {int(content_range.split()[1].split('-')[0])}-"


@pytest.mark.parametrize(
    ("content_range", "status", "rest"),
    [
        ("bytes 100-199/200", 206, True),
        ("bytes 100-199/*", 206, True),
        ("bytes 99-199/200", 206, False),
        ("bytes 0-199/200", 206, False),
        ("bytes */200", 206, False),
        ("bytes 100-199/200", 200, False),
        ("", 206, False),
    ],
)
def test_content_range_must_go_on_where_the_download_stopped(content_range, status, rest):
    """At 100 bytes the 101st comes next."""
    assert rest is goes_on(content_range, 100, status)


@pytest.mark.parametrize(("total", "rest"), [("200", True), ("*", True), ("201", False)])
def test_the_rest_belongs_to_a_file_of_the_same_length(total, rest):
    """A file that has grown is another file."""
    assert rest is continues(206, f"bytes 100-199/{total}", 100, 200)
