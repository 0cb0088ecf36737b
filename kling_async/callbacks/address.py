"""The address at which the service reaches this machine. Pure.

Promises: an address that the service cannot reach, or may not be told in plain text, is an error before any task is
created; no error shows what stands before the host, which can be a password.
"""

from __future__ import annotations

import re
from typing import Any, Final

from yarl import URL

from kling_async.errors import ConfigurationError, harmless
from kling_async.session.addresses import is_public, literal_address

_LOCAL_NAMES: Final = ("localhost", "local", "internal", "lan", "home.arpa", "test", "example", "invalid")
"""Last labels of names that no public resolver knows (RFC 2606, 6761, 6762, 8375)."""

_PRINTABLE: Final = re.compile(r"[!-~]+")


def checked_public_url(text: Any, *, allow_private: bool) -> str:
    """Checks the address that the service is to post to.

    Args:
        text: The URL under which the receiver can be reached from outside.
        allow_private: Whether plain http and hosts that are not public are allowed.

    Returns:
        The URL without a slash at its end.

    Raises:
        ConfigurationError: It is not an absolute URL, has a user, a query or a fragment, is not https, or its host is
            not public.
    """
    if not isinstance(text, str) or not _PRINTABLE.fullmatch(text):
        found = harmless(repr(text)) if isinstance(text, str) else f"of type {type(text).__name__}"
        raise ConfigurationError(f"public_url is {found}; it must be an absolute https URL in ASCII")
    try:
        url = URL(text, encoded=True)
        host = url.host or ""
        _ = url.explicit_port  # read only when it is asked for, which can fail
    except ValueError:
        url, host = URL(), ""
    if url.scheme not in {"http", "https"} or not host:
        raise ConfigurationError("public_url is not an absolute https URL")
    if url.user is not None or url.password is not None or "?" in text or "#" in text:
        raise ConfigurationError("public_url has a user, a query or a fragment; give scheme, host and path")
    if not allow_private:
        problem = "plain http" if url.scheme == "http" else _problem_of(host)
        if problem is not None:
            raise ConfigurationError(
                f"public_url is {problem} ({harmless(host)}), to which the service cannot post safely; "
                "use https on a public host, or allow_private=True for a test or a tunnel"
            )
    return text.rstrip("/")


def _problem_of(host: str) -> str | None:
    address = literal_address(host)
    if address is not None:
        return None if is_public(address) else "an address that is not public"
    name = host.rstrip(".").lower()
    if "." not in name or any(name == local or name.endswith(f".{local}") for local in _LOCAL_NAMES):
        return "a host that is not public"
    return None
