"""Sends the calls of a check: queries, requests that nobody can accept, and one that costs money.

Promises: `refusable` sends only bodies from which no service can make anything, see `cannot_make_anything`; no create is
sent twice by itself; a query that meets passing trouble is asked again twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import anyio

from kling_async.errors import KlingError
from kling_async.probing.answers import Seen, seen, unanswered
from kling_async.session.auth import BearerHeader, Signer, StaticKeySigner
from kling_async.session.http import Transport
from kling_async.session.upload import Upload

PATH: Final = "/v1/videos/image2video"
"""The endpoint that is checked: it can make nothing without a picture."""

PAUSE: Final = 2.0
"""Seconds before a query is asked again."""

ATTEMPTS: Final = 3

_EMPTY: Final = frozenset({"image", "image_tail", "prompt", "negative_prompt", "callback_url"})
_CLOCK: Final = frozenset({1003, 1004})
_PASSING: Final = frozenset({1302, 1303, 5000, 5001, 5002})


def cannot_make_anything(body: bytes) -> bool:
    """Returns whether no service can make a video from a body sent to `PATH`.

    It is not JSON at all, or an object that has no picture and no prompt: their fields are absent or empty texts, and the
    only other field is the caller's id, so that there is nothing of which a video could be made.
    """
    try:
        fields = json.loads(body)
    except ValueError:
        return True
    return isinstance(fields, dict) and all(
        name == "external_task_id" or (name in _EMPTY and value == "") for name, value in fields.items()
    )


class Caller:
    """Sends calls for a check.

    Args:
        transport: The seam to the network.
        signer_at: Makes a signer that goes by a clock.
        clock: Wall-clock time in unix seconds.
        hidden: Words that no text may tell, such as keys.
    """

    def __init__(
        self,
        transport: Transport,
        signer_at: Callable[[Callable[[], float]], Signer],
        clock: Callable[[], float],
        hidden: Iterable[str] = (),
    ) -> None:
        self.transport = transport
        self.clock = clock
        self._signer_at = signer_at
        self._signer = signer_at(clock)
        self._hidden = set(hidden)

    @property
    def signs(self) -> bool:
        """Whether calls carry tokens that are signed, and not a static key."""
        return not isinstance(self._signer, StaticKeySigner)

    def hide(self, *words: str) -> None:
        """Keeps words out of every text from now on."""
        self._hidden.update(words)

    def signed_at(self, offset: float) -> BearerHeader:
        """A token that was signed so many seconds from now."""
        return self._signer_at(lambda: self.clock() + offset).bearer()

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, bearer: BearerHeader | None = None
    ) -> Seen:
        """One query, asked again if the service is in trouble that passes.

        Args:
            path: The path, percent-encoded.
            params: The query's parameters.
            bearer: The token; None: a good one.
        """
        found = Seen()
        for attempt in range(ATTEMPTS):
            if attempt:
                await anyio.sleep(PAUSE)
            found = await self._get_once(path, params, bearer)
            if bearer is None and found.code in _CLOCK and self._signer.resync(found.date):
                found = await self._get_once(path, params, bearer)  # as a client does whose clock is wrong
            if found.http_status is not None and found.code not in _PASSING:
                break
        return found

    async def _get_once(
        self, path: str, params: Mapping[str, str] | None, bearer: BearerHeader | None
    ) -> Seen:
        try:
            given = self._signer.bearer() if bearer is None else bearer
            answer = await self.transport.get(path, given, params)
        except KlingError as error:
            return unanswered(error)
        return seen(answer, self._hidden, self.clock())

    async def refusable(self, body: bytes) -> Seen:
        """One POST that has to be refused, sent once.

        Raises:
            ValueError: Something could be made of the body; nothing was sent.
        """
        if not cannot_make_anything(body):
            raise ValueError("a check may not send a request that could be accepted")
        return await self._post(Upload((body,), (len(body),)))

    async def create(self, upload: Upload) -> Seen:
        """One create, sent once. It costs money."""
        return await self._post(upload)

    async def _post(self, upload: Upload) -> Seen:
        try:
            answer = await self.transport.post(PATH, self._signer.bearer(), upload)
        except KlingError as error:
            return unanswered(error)
        return seen(answer, self._hidden, self.clock())


def task_id_of(answer: Seen) -> str | None:
    """The id of the task that an answer shows; None if it shows none."""
    found: Any = answer.data.get("task_id") if isinstance(answer.data, Mapping) else None
    return None if found is None else str(found)
