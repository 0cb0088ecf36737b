"""A callback's signature: the published vector, every way to be wrong, and nothing but our error."""

import base64
import hashlib
import hmac
import subprocess
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_async.callbacks import verify_signature
from kling_async.errors import CallbackSignatureError, KlingError

# The service's published vector (facts §3).
SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
NOW = 1781080794
BODY = (
    b'{"id":"1234567890","status":"succeeded","message":"",'
    b'"create_time":1781080778802,"update_time":1781080794151}'
)
SIGNATURE = "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="
HEADERS = {"webhook-id": "9876543210", "webhook-timestamp": str(NOW), "webhook-signature": SIGNATURE}

CALM = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def refusal(body=BODY, headers=HEADERS, secret=SECRET, now=NOW):
    """The text of the error that the callback ends in."""
    with pytest.raises(CallbackSignatureError) as caught:
        verify_signature(body, headers, secret, now=now)
    return str(caught.value)


def signed(identity, timestamp, body, key):
    """The headers of a callback that the service would sign so."""
    digest = hmac.new(key, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    value = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": identity, "webhook-timestamp": str(timestamp), "webhook-signature": value}


def test_published_vector_is_genuine():
    """The service's own example passes, and the function returns nothing."""
    assert None is verify_signature(BODY, HEADERS, SECRET, now=NOW)


@pytest.mark.parametrize("change", [str.upper, str.title, str.lower])
def test_header_names_count_in_any_case(change):
    """HTTP's header names have no case."""
    assert None is verify_signature(
        BODY, {change(name): value for name, value in HEADERS.items()}, SECRET, now=NOW
    )


def test_our_error_is_of_the_tree():
    """Whoever catches KlingError catches a bad signature."""
    with pytest.raises(KlingError):
        verify_signature(BODY, {}, SECRET)


@pytest.mark.parametrize("offset", [-300, 300, 299.9, -299.9])
def test_five_minutes_are_within_the_tolerance(offset):
    """The bound itself is allowed, in both directions."""
    assert None is verify_signature(BODY, HEADERS, SECRET, now=NOW + offset)


@pytest.mark.parametrize("now", [NOW + 300.5, NOW - 300.5, 0, 1e300, float("inf"), float("nan"), 10**400])
def test_a_time_beyond_the_tolerance_is_refused(now):
    """Old callbacks may be replays; a clock that is no time proves nothing."""
    assert "more than 300 s away" in refusal(now=now)


def test_our_own_clock_is_the_default(monkeypatch):
    """Without `now` the machine's wall clock decides."""
    monkeypatch.setattr("time.time", lambda: float(NOW + 1))
    assert None is verify_signature(BODY, HEADERS, SECRET)


@pytest.mark.parametrize(
    "value",
    [
        f"v1,AAAA {SIGNATURE}",
        f"{SIGNATURE} v1,AAAA",
        f"v2,AAAA {SIGNATURE} v1a,BBBB",
        f"  {SIGNATURE}  ",
        f"garbage , {SIGNATURE}",
    ],
)
def test_one_of_several_signatures_is_enough(value):
    """During a rotation two secrets sign; versions of the future are passed over."""
    assert None is verify_signature(BODY, {**HEADERS, "webhook-signature": value}, SECRET, now=NOW)


@pytest.mark.parametrize(
    "value",
    [
        "v1,",
        "v1",
        "v1,AAAA",
        SIGNATURE[3:],
        "v2" + SIGNATURE[2:],
        "V1" + SIGNATURE[2:],
        SIGNATURE[:-1],
        SIGNATURE + "=",
        SIGNATURE.replace("v1,", "v1, "),
        "v1," * 10_000,
    ],
)
def test_a_signature_that_differs_is_refused(value):
    """Only the exact text is a match."""
    assert "no signature matches the body" == refusal(headers={**HEADERS, "webhook-signature": value})


@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY.replace(b"succeeded", b"failed")])
def test_another_body_is_refused(body):
    """Every byte of the body is signed."""
    assert "no signature matches the body" == refusal(body=body)


@pytest.mark.parametrize(("header", "value"), [("webhook-id", "1"), ("webhook-timestamp", str(NOW + 1))])
def test_id_and_timestamp_are_signed_too(header, value):
    """Neither can be exchanged for another."""
    assert "no signature matches the body" == refusal(headers={**HEADERS, header: value})


@pytest.mark.parametrize("header", list(HEADERS))
def test_a_missing_header_is_named(header):
    """The text says which of the three is not there."""
    headers = {name: value for name, value in HEADERS.items() if name != header}
    assert f"the header {header} is missing" == refusal(headers=headers)


@pytest.mark.parametrize("header", list(HEADERS))
def test_a_header_given_twice_is_refused(header):
    """What was checked must be what others read."""
    assert f"the header {header} is there twice" == refusal(headers={**HEADERS, header.upper(): "x"})


@pytest.mark.parametrize("value", ["", "é", "\udcff", "１２３", None, 5, b"v1,", ["v1,x"], {}])
@pytest.mark.parametrize("header", list(HEADERS))
def test_a_value_that_is_no_ascii_text_is_refused(header, value):
    """Wrong types and foreign characters end in our error, with the header's name."""
    assert header in refusal(headers={**HEADERS, header: value})


@pytest.mark.parametrize(
    "value", ["-1", "1e9", "1.5", " 1", "1 ", "+1", "0x1", "9" * 5000, "now", "1\n", "1_0"]
)
def test_a_timestamp_that_is_no_whole_number_is_refused(value):
    """Seconds as the service writes them, and nothing that `int` would take as well."""
    assert "not a number of unix seconds" in refusal(headers={**HEADERS, "webhook-timestamp": value})


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec", SECRET[6:], "whsec_%%%", "whsec_é", "whsec_AAA", "whsec_ AAAA", "WHSEC_AAAA"],
)
def test_a_secret_that_is_none_is_refused(secret):
    """An empty key above all: anyone could sign with it."""
    headers = signed("1", NOW, BODY, b"")
    assert "the secret must be whsec_ and base64, as the console shows it" == refusal(
        headers=headers, secret=secret
    )


class Hostile(Mapping):
    """Headers whose every method fails."""

    def __getitem__(self, name):
        raise RuntimeError("no")

    def __iter__(self):
        raise RuntimeError("no")

    def __len__(self):
        return 3


@pytest.mark.parametrize(
    "arguments",
    [
        {"body": "text"},
        {"body": None},
        {"body": memoryview(BODY)},
        {"headers": None},
        {"headers": [("webhook-id", "1")]},
        {"headers": "webhook-id: 1"},
        {"headers": {b"webhook-id": b"1", None: 1}},
        {"headers": Hostile()},
        {"secret": None},
        {"secret": SECRET.encode()},
        {"now": "soon"},
        {"now": 1j},
    ],
)
def test_arguments_of_other_types_are_refused(arguments):
    """Even a caller's mistake ends in the one error."""
    assert "" != refusal(**arguments)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary(max_size=40)
    | st.text(st.characters(), max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*HEADERS, "Webhook-Id", "WEBHOOK-SIGNATURE", "x"]) | ANYTHING.filter(
    lambda name: not isinstance(name, list | dict)
)
VALUES = st.sampled_from([*HEADERS.values(), "v1,", "0"]) | ANYTHING


@CALM
@given(
    body=ANYTHING | st.just(BODY),
    headers=st.dictionaries(NAMES, VALUES, max_size=5) | ANYTHING,
    secret=ANYTHING | st.just(SECRET) | st.text(max_size=20).map(lambda text: "whsec_" + text),
    now=st.none() | st.just(NOW) | ANYTHING,
)
def test_whatever_the_input_there_is_one_error(body, headers, secret, now):
    """Total: None, or a CallbackSignatureError."""
    with suppress(CallbackSignatureError):
        assert None is verify_signature(body, headers, secret, now=now)


@CALM
@given(
    key=st.binary(min_size=1, max_size=80),
    identity=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30),
    timestamp=st.integers(0, 10**12 - 1),
    body=st.binary(max_size=200),
)
def test_what_was_signed_is_genuine(key, identity, timestamp, body):
    """Every id, key and body make the round trip; one more byte of body does not."""
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = signed(identity, timestamp, body, key)
    assert None is verify_signature(body, headers, secret, now=timestamp)
    with pytest.raises(CallbackSignatureError):
        verify_signature(body + b"\0", headers, secret, now=timestamp)


@pytest.mark.parametrize(
    "arguments",
    [
        {"headers": {**HEADERS, "webhook-signature": "v1,AAAA"}},
        {"headers": {}},
        {"now": 0},
        {"headers": Hostile()},
        {"secret": SECRET + "%"},
        {"secret": "wrong" + SECRET},
    ],
)
def test_no_error_shows_the_secret_or_the_signature(arguments):
    """Neither the text nor a traceback with its locals helps a forger."""
    call = {"body": BODY, "headers": HEADERS, "secret": SECRET, "now": NOW, **arguments}
    with pytest.raises(CallbackSignatureError) as caught:
        verify_signature(call["body"], call["headers"], call["secret"], now=call["now"])
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    inside = [frame.locals for frame in list(told.stack)[1:]]  # the first frame is this test's own
    shown = repr(inside).replace(repr(call["headers"]), "")
    for hidden in (SECRET[6:20], "testsecrettest", SIGNATURE[3:]):
        assert hidden not in shown
        assert hidden not in repr((str(caught.value), caught.value.args, caught.value.__cause__))


def test_importing_brings_no_transport():
    """A web framework's process that only verifies does not pay for aiohttp."""
    program = (
        "import sys; from kling_async.callbacks import verify_signature; print('aiohttp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "False" == done.stdout.strip()
