"""Keys, tokens and the service's clock."""

import pickle
import time
from email.utils import formatdate

import jwt
import pytest

from kling_async.errors import ConfigurationError
from kling_async.session.auth import (
    BACKDATED,
    LIFETIME,
    MARGIN,
    JwtSigner,
    Secret,
    StaticKeySigner,
    choose_signer,
    shown_start,
)

NOW = 1_790_000_000.0
SECRET = "canary-secret-0123456789-0123456789"
STATIC = "api-key-kling-canary-0123456789"


class Clock:
    """Wall-clock seconds that tests move."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def signer(clock):
    return JwtSigner(Secret("access-key"), Secret(SECRET), clock)


def claims(header):
    """What a header's token says; its signature is checked, its times are not."""
    options = {"verify_exp": False, "verify_nbf": False}
    token = header.removeprefix("Bearer ")
    return jwt.decode(token, SECRET, algorithms=["HS256"], options=options)


def test_a_token_is_what_the_service_asks_for(signer):
    """Three claims, two header fields, the API reference's figures."""
    header = signer.bearer()
    assert {"iss": "access-key", "exp": NOW + 1800, "nbf": NOW - 5} == claims(header)
    assert {"alg": "HS256", "typ": "JWT"} == jwt.get_unverified_header(header.removeprefix("Bearer "))
    assert (1800, 5) == (LIFETIME, BACKDATED)


def test_a_token_is_used_until_its_margin(signer, clock):
    """The same header up to the last moment before the margin, a new one from then on."""
    first = signer.bearer()
    clock.now = NOW + LIFETIME - MARGIN - 0.001
    assert first is signer.bearer()
    clock.now = NOW + LIFETIME - MARGIN
    assert first != signer.bearer()
    assert NOW + LIFETIME - MARGIN + LIFETIME == claims(signer.bearer())["exp"]


def test_every_token_sent_has_its_margin_left(signer, clock):
    """At whatever second it is asked for."""
    for _ in range(500):
        clock.now += 37.0
        said = claims(signer.bearer())
        assert said["exp"] - clock.now > MARGIN - 1
        assert said["nbf"] < clock.now


@pytest.mark.parametrize("step", [-1.0, -3600.0, 7200.0])
def test_a_clock_that_was_set_signs_anew(signer, clock, step):
    """A token of the future or of long ago is not used on."""
    signer.bearer()
    clock.now += step
    assert int(clock.now) + LIFETIME == claims(signer.bearer())["exp"]


@pytest.mark.parametrize("skew", [-7200, -600, 600, 7200])
def test_the_services_clock_is_taken_over(signer, clock, skew):
    """The next tokens are signed by the time that the `Date` header told, and stay so."""
    signer.bearer()
    assert signer.resync(formatdate(NOW + skew, usegmt=True))
    assert NOW + skew + LIFETIME == claims(signer.bearer())["exp"]
    clock.now += 1600
    assert NOW + skew + 1600 + LIFETIME == claims(signer.bearer())["exp"]


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "yesterday",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Sun, 31 Dec 2999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 99 Foo 2026 00:00:00 GMT",
        "\x00",
        "Tue, 01 Jan 99999999999 00:00:00 GMT",
    ],
)
def test_a_missing_or_absurd_date_leaves_our_own_clock(signer, date):
    """It is no evidence, so what was learnt before is given up too, and the token is new."""
    first = signer.bearer()
    signer.resync(formatdate(NOW + 600, usegmt=True))
    signer.resync(date)
    again = signer.bearer()
    assert first is not again
    assert NOW + LIFETIME == claims(again)["exp"]


def test_a_date_without_a_zone_is_utc(signer, monkeypatch):
    """Whatever the zone of this machine is."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        signer.resync(formatdate(NOW + 60, usegmt=True).removesuffix(" GMT"))
        assert NOW + 60 + LIFETIME == claims(signer.bearer())["exp"]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_static_key_is_sent_as_it_is():
    """It has no clock, so that signing anew is no help."""
    signer = StaticKeySigner(Secret(STATIC))
    assert f"Bearer {STATIC}" == str(signer.bearer())
    assert not signer.resync(formatdate(NOW, usegmt=True))
    assert signer.bearer() is signer.bearer()


def test_two_accounts_are_told_apart_without_their_keys(clock):
    """The digest is stable, differs by key and shows none."""
    first, again, other = (
        JwtSigner(Secret(key), Secret(SECRET), clock).account
        for key in ("one-access-key", "one-access-key", "other")
    )
    assert first == again != other
    assert "one-access-key" not in first


def test_no_secret_in_what_can_be_shown(signer):
    """Reprs, strings and pickles."""
    secret, header = Secret(SECRET), signer.bearer()
    for shown in (repr(secret), str(secret), f"{secret}", repr(header), repr({"Authorization": header})):
        assert SECRET not in shown
        assert str(header).removeprefix("Bearer ") not in shown
    for value in (secret, header):
        with pytest.raises(TypeError):
            pickle.dumps(value)


PAIR = {"KLING_ACCESS_KEY": "env-access", "KLING_SECRET_KEY": SECRET}


@pytest.mark.parametrize(
    ("access", "secret", "static", "environment", "expected"),
    [
        ("arg-access", SECRET, None, {}, "arg-"[:2]),
        ("arg-access", SECRET, None, {**PAIR, "KLING_API_KEY": STATIC}, "ar"),
        (None, None, STATIC, PAIR, "api-"),
        (None, None, None, PAIR, "en"),
        (None, None, None, {**PAIR, "KLING_API_KEY": STATIC}, "en"),
        (None, None, None, {"KLING_API_KEY": STATIC}, "api-"),
        ("arg-access", None, None, PAIR, "ar"),
        (None, SECRET, None, PAIR, "en"),
        (None, None, None, {"KLING_ACCESS_KEY": "", "KLING_SECRET_KEY": "", "KLING_API_KEY": STATIC}, "api-"),
    ],
)
def test_arguments_come_before_the_environment(clock, access, secret, static, environment, expected):
    """And a pair of keys before a static one, where both stand in the environment."""
    chosen, start = choose_signer(
        access and Secret(access), secret and Secret(secret), static and Secret(static), environment, clock
    )
    assert start.startswith(expected)
    assert (StaticKeySigner if expected == "api-" else JwtSigner) is type(chosen)


@pytest.mark.parametrize(
    ("access", "secret", "static", "environment", "named"),
    [
        (None, None, None, {}, ["KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY"]),
        (None, None, None, {"KLING_ACCESS_KEY": "canary-access"}, ["KLING_SECRET_KEY"]),
        (None, None, None, {"KLING_SECRET_KEY": SECRET}, ["KLING_ACCESS_KEY"]),
        ("canary-access", None, None, {"KLING_API_KEY": STATIC}, ["KLING_SECRET_KEY"]),
        (None, SECRET, None, {"KLING_API_KEY": STATIC}, ["KLING_ACCESS_KEY"]),
        ("canary-access", SECRET, STATIC, {}, ["api_key", "access_key"]),
        ("canary-access\n", SECRET, None, {}, ["KLING_ACCESS_KEY"]),
        (None, None, "canary-k\xe9y-0123456789", {}, ["KLING_API_KEY"]),
        (None, None, None, {"KLING_API_KEY": "canary-key\r\nX: y"}, ["KLING_API_KEY"]),
    ],
)
def test_what_is_wrong_with_the_keys_is_said_by_name(clock, access, secret, static, environment, named):
    """The variables are named, and no value is shown."""
    with pytest.raises(ConfigurationError) as caught:
        choose_signer(
            access and Secret(access),
            secret and Secret(secret),
            static and Secret(static),
            environment,
            clock,
        )
    assert all(name in str(caught.value) for name in named)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "shown"), [("", "…"), ("abc", "…"), ("abcdefgh", "ab…"), ("a" * 99, "aaaa…")]
)
def test_a_keys_start_is_at_most_a_quarter(key, shown):
    """Four characters of a long key, fewer of a short one."""
    assert shown == shown_start(key)
