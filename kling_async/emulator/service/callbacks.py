"""The service calls back: the bare task object, posted at each change of status.

Each change is posted once, in no promised order and never again (facts.md, section 3). Only hosts of
this machine are called; any other is recorded as skipped.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import Callable

import aiohttp
import attrs

from kling_async.emulator.videos.fetch import is_loopback

POST_SECONDS = 10.0
CALLBACKS_KEPT = 10_000


@attrs.define
class Callback:
    """One notification and what became of it."""

    task_id: str
    url: str
    status: str
    """The task's status that it tells."""

    skipped: bool = False
    """Whether it was not sent, since its host is not this machine."""

    http: int | None = None
    """The status of the receiver's answer."""

    error: str | None = None
    """Why there was no answer."""


class CallbackSender:
    """Posts callbacks in the background.

    Args:
        clock: Seconds since the epoch, for the signature.
        secret: `whsec_` and base64; None: nothing is signed.

    Raises:
        ValueError: The secret is not base64.
    """

    def __init__(self, clock: Callable[[], float], secret: str | None) -> None:
        self.sent: deque[Callback] = deque(maxlen=CALLBACKS_KEPT)
        self._clock = clock
        self._key = None if secret is None else _key(secret)
        self._session: aiohttp.ClientSession | None = None
        self._posts: set[asyncio.Task[None]] = set()

    def send(self, url: str, task_id: str, status: str, body: bytes) -> None:
        """Posts a body soon; returns at once."""
        record = Callback(task_id, url, status, skipped=not is_loopback(url))
        self.sent.append(record)
        if record.skipped:
            return
        post = asyncio.get_running_loop().create_task(self._post(record, body))
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)

    async def idle(self) -> None:
        """Waits until every callback so far has been answered or has failed."""
        await asyncio.gather(*self._posts, return_exceptions=True)

    async def close(self) -> None:
        """Cancels what is still under way."""
        for post in self._posts:
            post.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _post(self, record: Callback, body: bytes) -> None:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=POST_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout)
        headers = {"Content-Type": "application/json", **self._signature(body)}
        try:
            async with self._session.post(
                record.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                record.http = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            record.error = type(error).__name__

    def _signature(self, body: bytes) -> dict[str, str]:
        """The Standard Webhooks headers, if there is a secret."""
        if self._key is None:
            return {}
        return sign(body, self._key, secrets.token_hex(8), int(self._clock()))


def sign(body: bytes, key: bytes, message_id: str, timestamp: int) -> dict[str, str]:
    """Returns the three headers of a signed callback; `timestamp` in seconds since the epoch."""
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def _key(secret: str) -> bytes:
    try:
        return binascii.a2b_base64(secret.removeprefix("whsec_"), strict_mode=True)
    except ValueError as error:
        raise ValueError("webhook_secret must be whsec_ and base64") from error
