"""The scheme's own library beside ours: both take and refuse the same; and ours are total for arguments of any type."""

import contextlib
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from kling_async.callbacks import read_callback, verify_signature
from kling_async.errors import CallbackSignatureError, MalformedResponseError

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
BODY = b'{"task_id":"7","task_status":"succeed"}'
CALM = settings(deadline=None, derandomize=True)


def signed(identity="msg-1", body=BODY, secret=SECRET, age=0.0):
    """The headers of a callback, made by the library."""
    moment = datetime.fromtimestamp(time.time() - age, UTC)
    signature = Webhook(secret).sign(identity, moment, body.decode())
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }


def verdicts(body, headers):
    """Whether the library and ours take a callback."""
    theirs = ours = False
    with contextlib.suppress(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers)
        theirs = True
    with contextlib.suppress(CallbackSignatureError):
        verify_signature(body, headers, SECRET)
        ours = True
    return theirs, ours


@CALM
@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20),
    st.text(max_size=50),
)
def test_what_the_library_signs_is_taken(identity, text):
    """Whatever the id and the body."""
    body = b'{"task_id":"7","x":' + repr(text).encode("unicode_escape") + b"}"
    verify_signature(body, signed(identity, body), SECRET)


@pytest.mark.parametrize("age", [0, 100, -100, 290, -290, 310, -310, 10_000])
def test_both_have_the_same_patience(age):
    """Five minutes in either direction."""
    headers = signed(age=age)
    taken = abs(age) < 300
    assert (taken, taken) == verdicts(BODY, headers)


CHANGES = {
    "another id": lambda _: {"webhook-id": "msg-2"},
    "an old moment": lambda _: {"webhook-timestamp": "1"},
    "no signature": lambda _: {"webhook-signature": ""},
    "a short one": lambda _: {"webhook-signature": "v1,AAAA"},
    "another version": lambda right: {"webhook-signature": "v2," + right[3:]},
    "one of several": lambda right: {"webhook-signature": f"v1,AAAA v1a,BBBB {right} v1,CCCC"},
    "another secret": lambda _: {"webhook-signature": signed(secret="whsec_b3RoZXI=")["webhook-signature"]},
}


@pytest.mark.parametrize("change", CHANGES)
def test_both_judge_changed_headers_alike(change):
    """One right value of several is enough; everything else is refused."""
    headers = signed()
    taken = change == "one of several"
    assert (taken, taken) == verdicts(BODY, {**headers, **CHANGES[change](headers["webhook-signature"])})


def test_both_refuse_another_body():
    """By a single byte."""
    assert (False, False) == verdicts(BODY + b" ", signed())


class Odd:
    """An argument whose every method raises."""

    def __getattr__(self, name):
        raise ZeroDivisionError(name)

    def __len__(self):
        raise ZeroDivisionError


ANYTHING = [
    None, 5, 1.5, True, "text", b"bytes", bytearray(b"{}"), memoryview(b"{}"), [], {}, object(), Odd(), {"webhook-id": 5},
    {5: "x"}, [("webhook-id", "x")], float("nan"),
]  # fmt: skip


@pytest.mark.parametrize("value", ANYTHING, ids=[f"{number}" for number in range(len(ANYTHING))])
def test_any_argument_is_refused_with_our_own_error(value):
    """In each place in turn, and in all of them."""
    good = (BODY, signed(), SECRET)
    for place in range(3):
        arguments = [*good[:place], value, *good[place + 1 :]]
        with pytest.raises(CallbackSignatureError):
            verify_signature(*arguments)
    with pytest.raises(CallbackSignatureError):
        verify_signature(value, value, value, now=value)
    if value is not None and value != time.time():
        with pytest.raises(CallbackSignatureError):
            verify_signature(*good, now=value)
    with pytest.raises(MalformedResponseError):
        read_callback(value)
