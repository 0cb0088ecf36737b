"""Whether a callback comes from the service: the Standard Webhooks scheme, with the console's secret.

Promises: pure but for the clock, which can be handed in; total: whatever the input, `verify_signature` returns or
raises `CallbackSignatureError`, nothing else; no text and no traceback's locals of it hold the secret or the
signature that was expected; the comparison takes the same time wherever two signatures differ.
"""

from __future__ import annotations

import hmac
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final

from kling_async.errors import CallbackSignatureError

TOLERANCE: Final = 300.0
"""Seconds by which a callback's timestamp and our clock may differ, in both directions."""

_ID: Final = "webhook-id"
_TIMESTAMP: Final = "webhook-timestamp"
_SIGNATURE: Final = "webhook-signature"
HEADERS: Final = frozenset({_ID, _TIMESTAMP, _SIGNATURE})
"""Names of the headers that a signature consists of, in lower case."""

_SECRET_START: Final = "whsec_"  # noqa: S105 - the public start of every secret
_VERSION: Final = "v1,"
_UNIX_SECONDS: Final = re.compile(r"[0-9]{1,12}")


def verify_signature(
    body: bytes, headers: Mapping[str, str], secret: str, *, now: float | None = None
) -> None:
    """Checks that a callback was signed with the secret, lately; returns nothing if so.

    A genuine callback can arrive twice: whoever acts on it remembers its `webhook-id` for `TOLERANCE`.

    Args:
        body: The body's bytes as received, before any parsing.
        headers: The request's headers, names in any case: `webhook-id`, `webhook-timestamp` (unix seconds) and
            `webhook-signature`, which holds several values while secrets are being changed; one has to match.
        secret: The console's secret: `whsec_` and base64.
        now: Wall-clock time in unix seconds; None: this machine's.

    Raises:
        CallbackSignatureError: A header is missing, given twice or unreadable, the timestamp is more than
            `TOLERANCE` away, no signature matches, or an argument is not of its type.
    """
    try:
        problem = _problem(body, headers, secret, time.time() if now is None else now)
    except Exception as error:  # noqa: BLE001 - total: an argument's own methods can raise anything
        problem = f"an argument cannot be used: {type(error).__name__}"
    del secret  # a traceback's locals shall not show it
    if problem is not None:
        raise CallbackSignatureError(problem)


def is_secret(secret: object) -> bool:
    """Whether this is a secret as the console shows it: `whsec_` and base64."""
    return isinstance(secret, str) and _key(secret) is not None


def _problem(body: bytes, headers: Mapping[str, str], secret: str, now: float) -> str | None:
    """What is wrong, without any value in it; None if nothing is."""
    key = _key(secret)
    if key is None:
        return "the secret must be whsec_ and base64, as the console shows it"
    if not isinstance(body, bytes):
        return "the body must be the bytes as received"
    found = _wanted(headers)
    if isinstance(found, str):
        return found
    identity, timestamp = found[_ID], found[_TIMESTAMP]
    if not _UNIX_SECONDS.fullmatch(timestamp):
        return f"{_TIMESTAMP} is not a number of unix seconds"
    if not abs(now - int(timestamp)) <= TOLERANCE:  # written this way round so that NaN is refused too
        return f"{_TIMESTAMP} is more than {TOLERANCE:.0f} s away from this machine's clock"
    expected = _signature(key, identity, timestamp, body)
    return None if _one_matches(expected, found[_SIGNATURE]) else "no signature matches the body"


def _key(secret: str) -> bytes | None:
    if not secret.startswith(_SECRET_START):
        return None
    try:
        return b64decode(secret.removeprefix(_SECRET_START), validate=True) or None  # anyone has an empty key
    except ValueError:
        return None


def _wanted(headers: Mapping[str, str]) -> dict[str, str] | str:
    """The three headers by their names in lower case, or what is wrong with them."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        wanted = name.lower() if isinstance(name, str) else ""
        if wanted not in HEADERS:
            continue
        if wanted in found:
            return f"the header {wanted} is there twice"  # what we check, others might not read
        if not isinstance(value, str) or not value.isascii() or not value:
            return f"the header {wanted} is empty or not ASCII text"
        found[wanted] = value
    missing = [name for name in (_ID, _TIMESTAMP, _SIGNATURE) if name not in found]
    return f"the header {missing[0]} is missing" if missing else found


def _signature(key: bytes, identity: str, timestamp: str, body: bytes) -> bytes:
    signed = b".".join((identity.encode("ascii"), timestamp.encode("ascii"), body))
    return b64encode(hmac.digest(key, signed, "sha256"))


def _one_matches(expected: bytes, given: str) -> bool:
    """Whether one of the space-separated values is the signature; values of other versions are passed over."""
    signatures = [value[len(_VERSION) :] for value in given.split(" ") if value.startswith(_VERSION)]
    matches = [hmac.compare_digest(expected, signature.encode("ascii")) for signature in signatures]
    return any(matches)  # after all were compared, so that the time tells nothing
