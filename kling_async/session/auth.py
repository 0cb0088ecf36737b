"""Keys and the token made from them.

Promises: a key or token never shows in a repr, a str, a pickle or a traceback's locals; a token is signed anew only
when it is nearly stale, or when the service's clock turns out to differ from ours.
"""

from __future__ import annotations

import hashlib
import hmac
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn, Protocol

from typing_extensions import override

from kling_async.errors import ConfigurationError

LIFETIME: Final = 1800
"""Seconds for which a token is valid; the service's own example has this figure."""

BACKDATED: Final = 5
"""Seconds by which `nbf` is in the past, for clocks that differ a little."""

MARGIN: Final = 300
"""A token with less than this many seconds left is not used any more."""

_EARLIEST: Final = 1_704_067_200  # 2024-01-01: a Date before it is a broken clock's
_LATEST: Final = 4_102_444_800  # 2100-01-01: and so is one after it


class Secret:
    """A key that cannot be shown by accident: reprs, strs, pickles and attrs' asdict have nothing of it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for signing and sending alone."""
        return self._value

    @override
    def __repr__(self) -> str:
        return "Secret(…)"

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


class BearerHeader(str):
    """An Authorization header's value whose repr, as in an exception's headers, does not show the token."""

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return "'Bearer …'"

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("an Authorization header is not pickled")


class Signer(Protocol):
    """What gives requests their Authorization header."""

    @property
    def account(self) -> str:
        """Tells accounts apart, without telling a key."""
        ...

    def bearer(self) -> BearerHeader:
        """The header's value for a request sent now."""
        ...

    def derived_key(self, purpose: bytes) -> bytes:
        """A key of 32 bytes that only a holder of the account's secret can make, for one purpose."""
        ...

    def resync(self, date: str | None) -> bool:
        """Takes the service's time from its `Date` header; returns whether signing anew can help."""
        ...


class StaticKeySigner:
    """The static API key (`api-key-kling-…`), sent as it is."""

    def __init__(self, api_key: Secret) -> None:
        self._api_key = api_key
        self._header = BearerHeader("Bearer " + api_key.reveal())
        self.account: str = account_digest(api_key.reveal())

    def bearer(self) -> BearerHeader:
        """The same header for every request."""
        return self._header

    def derived_key(self, purpose: bytes) -> bytes:
        """A key of 32 bytes for one purpose, from the API key."""
        return _derived(self._api_key, purpose)

    def resync(self, date: str | None) -> bool:  # noqa: ARG002 - a static key has no clock
        """A static key cannot be signed anew."""
        return False


class JwtSigner:
    """Tokens by HS256 from an access key and its secret key.

    Args:
        access_key: Goes into the claim `iss`.
        secret_key: Signs.
        clock: Wall-clock time in unix seconds.
    """

    def __init__(self, access_key: Secret, secret_key: Secret, clock: Callable[[], float]) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._clock = clock
        self._offset = 0.0
        self._signed_at: float | None = None
        self._header = BearerHeader()
        self.account: str = account_digest(access_key.reveal())

    def bearer(self) -> BearerHeader:
        """The header with a token that has at least `MARGIN` seconds left; the same one until then.

        A wall clock that was set back or forward since the signing makes a new one, too.
        """
        now = self._clock() + self._offset
        if self._signed_at is None or not 0 <= now - self._signed_at < LIFETIME - MARGIN:
            self._header = _sign(self._access_key, self._secret_key, int(now))
            self._signed_at = now
        return self._header

    def derived_key(self, purpose: bytes) -> bytes:
        """A key of 32 bytes for one purpose, from the secret key."""
        return _derived(self._secret_key, purpose)

    def resync(self, date: str | None) -> bool:
        """Takes the difference between the service's clock and ours; the next token is signed anew.

        Args:
            date: The answer's `Date` header; without a plausible one our own clock is trusted.
        """
        service_time = _unix_time(date)
        self._offset = 0.0 if service_time is None else service_time - self._clock()
        self._signed_at = None
        return True


def account_digest(key: str) -> str:
    """What tells accounts apart without telling a key.

    Args:
        key: The access key, or the static API key.
    """
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _derived(secret: Secret, purpose: bytes) -> bytes:
    return hmac.digest(secret.reveal().encode(), purpose, "sha256")


def _sign(access_key: Secret, secret_key: Secret, now: int) -> BearerHeader:
    import jwt  # noqa: PLC0415 - loads cryptography where that is installed; static keys need neither

    claims = {"iss": access_key.reveal(), "exp": now + LIFETIME, "nbf": now - BACKDATED}
    with warnings.catch_warnings():
        # The service chooses its keys' length; a warning about it would tell the user nothing to do.
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        return BearerHeader("Bearer " + jwt.encode(claims, secret_key.reveal(), algorithm="HS256"))


def _unix_time(date: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(date or "")
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return seconds if _EARLIEST <= seconds <= _LATEST else None


def choose_signer(
    access_key: Secret | None,
    secret_key: Secret | None,
    api_key: Secret | None,
    environment: Mapping[str, str],
    clock: Callable[[], float],
) -> tuple[Signer, str]:
    """Picks the credentials: arguments before the environment, a key pair before a static key.

    Returns:
        The signer and the public start of the key that it uses, for reprs.

    Raises:
        ConfigurationError: Nothing usable is there; the text names the variables, never a value.
    """
    names = ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY")
    found = {name: _from_environment(environment, name) for name in names}
    del environment  # a traceback's locals shall not show it
    if api_key is not None and (access_key is not None or secret_key is not None):
        raise ConfigurationError("give either api_key or access_key with secret_key, not both")
    if api_key is None:
        explicit = access_key is not None or secret_key is not None
        access_key = access_key or found["KLING_ACCESS_KEY"]
        secret_key = secret_key or found["KLING_SECRET_KEY"]
        if access_key is not None and secret_key is not None:
            _check_header_text("access_key (KLING_ACCESS_KEY)", access_key)
            _check_header_text("secret_key (KLING_SECRET_KEY)", secret_key)
            return JwtSigner(access_key, secret_key, clock), shown_start(access_key.reveal())
        if explicit or (access_key is None) != (secret_key is None):
            lacking = (
                "secret_key (KLING_SECRET_KEY)" if secret_key is None else "access_key (KLING_ACCESS_KEY)"
            )
            raise ConfigurationError(f"{lacking} is missing; a key pair needs both")
        api_key = found["KLING_API_KEY"]
    if api_key is None:
        raise ConfigurationError(
            "no credentials: set KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY, "
            "or give access_key and secret_key, or api_key"
        )
    _check_header_text("api_key (KLING_API_KEY)", api_key)
    return StaticKeySigner(api_key), shown_start(api_key.reveal())


def _from_environment(environment: Mapping[str, str], name: str) -> Secret | None:
    return Secret(environment[name]) if environment.get(name) else None


def _check_header_text(name: str, key: Secret) -> None:
    if not _is_header_text(key.reveal()):
        raise ConfigurationError(
            f"{name} has characters that no key has: white space at an end, control or non-ASCII characters"
        )


def _is_header_text(value: str) -> bool:
    """Apart from the raise, so that no traceback's frame holds the key."""
    return value.isascii() and value.isprintable() and value.strip() == value


def shown_start(key: str) -> str:
    """The first characters of a key, at most four and never more than a quarter of it."""
    return key[: min(4, len(key) // 4)] + "…"
