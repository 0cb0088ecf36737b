"""The path token of a job's callback URL: which job a post is about, and proof that the service was told so.

Promises: pure; a token cannot be made without the account's secret or API key, tells nothing of it, and is the same
after a restart; whatever the text, reading a token raises nothing, and the comparison takes the same time wherever two
tokens differ.

A token is `kling-cb.`, the job's external id in URL-safe base64, a dot, and an HMAC-SHA256 of the id in URL-safe base64.
It has no character that a URL escapes, so that no proxy writes it in another way.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from kling_async.schema.callback_token import CALLBACK_START

PURPOSE: Final = b"kling-async: path tokens of callback URLs, version 1"
"""What the account's secret is told apart by, so that this key serves for nothing else."""

LONGEST: Final = 4096
"""A longer text is not read, in characters."""


def path_token(key: bytes, external_task_id: str) -> str:
    """Makes a job's token.

    Args:
        key: From `Signer.derived_key(PURPOSE)`.
        external_task_id: The job's id.
    """
    named = _text(external_task_id.encode("utf-8", "surrogatepass"))
    proof = hmac.digest(key, named.encode("ascii"), "sha256")
    return f"{CALLBACK_START}{named}.{_text(proof)}"


def job_of(key: bytes, text: str) -> str | None:
    """Reads a token.

    Args:
        key: As for `path_token`.
        text: What a post has in its path.

    Returns:
        The job's external id; None if the text is not a token that this key made.
    """
    if len(text) > LONGEST or not text.isascii() or not text.startswith(CALLBACK_START):
        return None
    named = text[len(CALLBACK_START) :].partition(".")[0]
    try:
        external_id = urlsafe_b64decode(named + "=" * (-len(named) % 4)).decode("utf-8", "surrogatepass")
    except ValueError:
        return None
    # the whole text is compared, so that one id has one token, in whatever way it could be written
    return external_id if hmac.compare_digest(path_token(key, external_id), text) else None


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
