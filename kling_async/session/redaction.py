"""Takes a token out of what a server sent back.

Promises: an answer, its headers and an error's text hold no token of the request that they answer, in whole or cut short
after its first half, and no path token of a callback URL. Nothing else is changed. A key of fewer than `SHORTEST` characters is left alone, since it could
be an ordinary word of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy

from kling_async.schema.callback_token import CALLBACK_START, TOKEN, without_token

SHORTEST: Final = 16
"""Characters that a token has at least."""

_SHOWN: Final = "[token]"
_CALLBACK_BYTES: Final = re.compile(TOKEN.pattern.encode())


class Redaction:
    """Replaces one request's token.

    Args:
        authorization: The request's Authorization header, `Bearer …`.
    """

    __slots__ = ("_bytes", "_start", "_text")

    def __init__(self, authorization: str) -> None:
        token = authorization.removeprefix("Bearer ")
        start = token[: max(SHORTEST, len(token) // 2)]
        self._start = start.encode() if len(token) >= SHORTEST else b""
        self._text = re.compile(re.escape(start) + r"[A-Za-z0-9._~+/=-]*")
        self._bytes = re.compile(self._text.pattern.encode())

    def body(self, body: bytes) -> bytes:
        """The body without the token."""
        if CALLBACK_START.encode() in body:
            body = _CALLBACK_BYTES.sub(_SHOWN.encode(), body)
        if not self._start or self._start not in body:
            return body
        return self._bytes.sub(_SHOWN.encode(), body)

    def text(self, text: str) -> str:
        """The text without the token."""
        text = without_token(text)
        return self._text.sub(_SHOWN, text) if self._start else text

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The headers, names in any case, without the token in their values."""
        return CIMultiDictProxy(CIMultiDict((name, self.text(value)) for name, value in headers.items()))
