"""The service calls back: the bare task object, posted at each change of status.

Each change is posted once, in no promised order and never again (facts.md, section 3), unless `CallbackHabits` say
otherwise. Only hosts of this machine are called; any other is recorded as skipped.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import random
import secrets
from collections import deque
from collections.abc import Callable
from typing import Any

import aiohttp
import attrs

from kling_async.emulator.service.answers import encode
from kling_async.emulator.videos.fetch import is_loopback

POST_SECONDS = 10.0
CALLBACKS_KEPT = 10_000


@attrs.frozen
class CallbackHabits:
    """How the emulator posts callbacks: by default each once, at once, in the shape of the API reference."""

    lost: float = attrs.field(default=0.0, validator=[attrs.validators.ge(0.0), attrs.validators.le(1.0)])
    """The fraction that is never sent, 0-1."""

    twice: float = attrs.field(default=0.0, validator=[attrs.validators.ge(0.0), attrs.validators.le(1.0)])
    """The fraction that is sent twice, 0-1."""

    late: float = attrs.field(default=0.0, validator=attrs.validators.ge(0.0))
    """The longest delay in seconds; each is late by a random part of it, so that they overtake one another."""

    newer: bool = False
    """Whether bodies have the shape of the newer API (`id`, `status`, `outputs`)."""


@attrs.define
class Callback:
    """One notification and what became of it."""

    task_id: str
    url: str
    status: str
    """The task's status that it tells."""

    skipped: bool = False
    """Whether it was not sent, since its host is not this machine."""

    lost: bool = False
    """Whether it was not sent, since callbacks are lost at present."""

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
        self._chance = random.Random(0)
        self._posts: set[asyncio.Task[None]] = set()
        self._late: set[asyncio.Task[None]] = set()

    def send(self, url: str, shown: dict[str, Any], habits: CallbackHabits) -> None:
        """Posts a task as it is shown, soon; returns at once."""
        body = encode(newer_shape(shown) if habits.newer else shown)
        lost = self._chance.random() < habits.lost
        for _ in range(2 if not lost and self._chance.random() < habits.twice else 1):
            record = Callback(
                shown["task_id"], url, shown["task_status"], skipped=not is_loopback(url), lost=lost
            )
            self.sent.append(record)
            if not record.skipped and not lost:
                self._start(record, body, habits.late * self._chance.random())

    def _start(self, record: Callback, body: bytes, delay: float) -> None:
        posts = self._late if delay else self._posts
        post = asyncio.get_running_loop().create_task(self._post(record, body, delay))
        posts.add(post)
        post.add_done_callback(posts.discard)

    async def idle(self) -> None:
        """Waits until every callback so far that is not late has been answered or has failed."""
        await asyncio.gather(*self._posts, return_exceptions=True)

    async def close(self) -> None:
        """Cancels what is still under way."""
        posts = (*self._posts, *self._late)
        for post in posts:
            post.cancel()
        await asyncio.gather(*posts, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _post(self, record: Callback, body: bytes, delay: float) -> None:
        await asyncio.sleep(delay)
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


def newer_shape(shown: dict[str, Any]) -> dict[str, Any]:
    """Returns a task as the newer API posts it, and the console's test callback."""
    status = shown["task_status"]
    outputs = [
        {"type": name.removesuffix("s"), **item}
        for name, items in shown.get("task_result", {}).items()
        for item in items
    ]
    return {
        "id": shown["task_id"],
        "status": "succeeded" if status == "succeed" else status,
        "message": shown["task_status_msg"],
        "create_time": shown["created_at"],
        "update_time": shown["updated_at"],
        "external_id": shown["task_info"].get("external_task_id", ""),
        "outputs": outputs,
    }


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
