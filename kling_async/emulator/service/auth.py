"""The bearer check: a JWT signed with the account's secret key, or the static API key.

A token needs `iss` and `exp`; `nbf` and `iat` may be there, and must not be in the future. Other claims and header fields
are ignored, as the service's library ignores them (facts.md, section 1).

Pure: the time is handed in. Every refusal carries the service's own code, 1001–1004.
"""

import math
from typing import Any

import jwt

from kling_async.emulator.service.answers import RefusedError
from kling_async.emulator.service.settings import Keys

_UNCHECKED: Any = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
"""The times are checked here, against the emulator's clock; unknown claims are ignored."""


def check_bearer(authorization: str | None, keys: Keys, now: float) -> None:
    """Checks an `Authorization` header.

    Args:
        authorization: The header's value; None if it is absent.
        keys: The account's credentials.
        now: Seconds since the epoch.

    Raises:
        RefusedError: 1001 no header, 1002 no valid token, 1003 not yet valid, 1004 expired.
    """
    if authorization is None or not authorization.strip():
        raise RefusedError(1001)
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise RefusedError(1002)
    token = token.strip()
    if token == keys.api_key:
        return
    _check_times(_claims(token, keys), now)


def _claims(token: str, keys: Keys) -> dict[str, Any]:
    """The claims of a token that this account signed."""
    parts = token.count(".") + 1
    if parts != 3:
        seen = {1: "0", 2: "2"}.get(parts, "> 3")  # as the service's own library counts them
        raise RefusedError(1002, f"The token was expected to have 3 parts, but got {seen}")
    try:
        decoded = jwt.decode_complete(
            token,
            keys.secret_key,
            algorithms=["HS256"],
            options=_UNCHECKED,
        )
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise RefusedError(1002) from error
    claims: dict[str, Any] = decoded["payload"]
    if claims.get("iss") != keys.access_key or "exp" not in claims:
        raise RefusedError(1002)
    return claims


def _check_times(claims: dict[str, Any], now: float) -> None:
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    for value in times.values():
        if not _is_time(value):
            raise RefusedError(1002)
    if any(times.get(name, now) > now for name in ("nbf", "iat")):
        raise RefusedError(1003)
    if times["exp"] <= now:
        raise RefusedError(1004)


def _is_time(value: object) -> bool:
    """Whether a claim is a finite number; no whole number is too large to be one."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
