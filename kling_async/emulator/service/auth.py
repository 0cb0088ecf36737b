"""The bearer check: a JWT signed with the account's secret key, or the static API key.

Pure: the time is handed in. Every refusal carries the service's own code, 1001–1004.
"""

import math
from typing import Any

import jwt

from kling_async.emulator.service.answers import RefusedError
from kling_async.emulator.service.settings import Keys

CLAIMS = {"iss", "exp", "nbf"}
HEADER = {"alg": "HS256", "typ": "JWT"}


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
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise RefusedError(1002) from error
    claims: dict[str, Any] = decoded["payload"]
    if decoded["header"] != HEADER or set(claims) != CLAIMS or claims["iss"] != keys.access_key:
        raise RefusedError(1002)
    return claims


def _check_times(claims: dict[str, Any], now: float) -> None:
    for name in ("exp", "nbf"):
        value = claims[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise RefusedError(1002)
    if claims["nbf"] > now:
        raise RefusedError(1003)
    if claims["exp"] <= now:
        raise RefusedError(1004)
