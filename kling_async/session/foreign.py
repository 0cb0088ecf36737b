"""Foreign exceptions of the transport as errors of this library.

Promises: the text names the host and the reason and holds no key, token or password; nothing is chained, since frames and
aiohttp's own errors can hold the request's headers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import aiohttp
from yarl import URL

from kling_async.errors import (
    ConfigurationError,
    ConnectionFailedError,
    DownloadError,
    KlingError,
    harmless,
)
from kling_async.session.addresses import AddressRefusedError

_NEVER_CONNECTED: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
)


def translate(error: Exception, url: URL, *, sent: bool, redact: Callable[[str], str] = str) -> KlingError:
    """Turns a foreign error into ours.

    Args:
        error: What aiohttp, or what is below it, raised.
        url: Where the request went.
        sent: Whether some of the request's body can have left.
        redact: Takes the request's token out of a text; aiohttp quotes what it cannot read.
    """
    host = harmless(url.raw_authority.rpartition("@")[2] or str(url))
    # aiohttp before 3.14 gives certificate errors no os_error, although their base class promises one.
    cause = getattr(error, "os_error", None)
    if isinstance(cause, AddressRefusedError):
        return DownloadError(f"{cause}; private_downloads=True allows it")
    if isinstance(error, _NEVER_CONNECTED):
        sent = False
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return ConfigurationError(f"the URL of {host} cannot be used: {type(error).__name__}")
    if isinstance(error, TimeoutError):
        return ConnectionFailedError(f"{host} did not answer in time", sent=sent)
    if isinstance(error, aiohttp.ClientError | OSError):
        # aiohttp's text of an answer that it cannot read holds the URL, which is signed for a result, and that of an
        # answer that broke off in its headers holds all of these.
        said = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
        if isinstance(error, aiohttp.ServerDisconnectedError):
            said = "the server closed the connection"
        reason = harmless(redact(said.partition(" Connection<")[0])) or type(error).__name__
        return ConnectionFailedError(f"no whole answer from {host}: {reason}", sent=sent)
    return ConfigurationError(
        f"the request to {host} could not be made: {type(error).__name__}: {harmless(redact(str(error)))}"
    )
