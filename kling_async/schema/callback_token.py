"""How the path token of a job's callback URL is recognized, so that no text shows one. Pure."""

from __future__ import annotations

import re
from typing import Final

CALLBACK_START: Final = "kling-cb."
"""How a token begins; `kling_async.callbacks.token` says what follows."""

TOKEN: Final = re.compile(re.escape(CALLBACK_START) + r"[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)?")
"""A token within a text."""


def without_token(text: str) -> str:
    """The text with `[token]` in the place of each token."""
    return TOKEN.sub("[token]", text) if CALLBACK_START in text else text


def shown(value: object) -> str:
    """The repr of a value without the tokens in it."""
    return without_token(repr(value))
