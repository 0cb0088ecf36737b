"""Signed calls: a query or a create is sent, an envelope with code 0 comes back, everything else raises one of our errors.

Promises: a call whose token the service finds too old or too young is signed anew with the service's clock and sent
once more, which is not a retry, since nothing was done; `read` is the one loop that repeats queries.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import anyio

from kling_async.errors import AuthenticationError, KlingError, MalformedResponseError, error_class
from kling_async.schema.wire import Envelope, read_envelope
from kling_async.session import retry
from kling_async.session.auth import BearerHeader, Signer
from kling_async.session.http import Answer, Transport
from kling_async.session.upload import Upload

READ_ATTEMPTS: Final = 5
"""How often a query outside a wait is tried."""

_CLOCK_CODES: Final = frozenset({1003, 1004})

logger: Final = logging.getLogger("kling_async")


class Calls:
    """Sends calls through a transport with a signer's header.

    Args:
        transport: The seam to the network.
        signer: Gives the Authorization header.
        clock: Wall-clock time in unix seconds, for `Retry-After` dates.
        jitter: Gives numbers from 0 to 1.
    """

    def __init__(
        self,
        transport: Transport,
        signer: Signer,
        clock: Callable[[], float],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.transport = transport
        self.jitter = jitter
        self._signer = signer
        self._clock = clock

    async def poll(self, path: str, params: Mapping[str, str] | None = None) -> Envelope:
        """One GET, tried once.

        Raises:
            APIError: The service answered with another code than 0.
            ConnectionFailedError: It gave no answer.
            MalformedResponseError: Its answer is not an envelope.
        """
        return await self._signed(lambda bearer: self.transport.get(path, bearer, params), creating=False)

    async def read(self, path: str, params: Mapping[str, str] | None = None) -> Envelope:
        """One GET, tried again after transient errors, `READ_ATTEMPTS` times in all; raises as `poll` does."""
        for attempt in range(1, READ_ATTEMPTS):
            try:
                return await self.poll(path, params)
            except KlingError as error:
                wait = retry.wait_before(attempt, error, self.jitter)
                if wait is None:
                    raise
                logger.info("query %d of %d failed, again in %.1f s: %s", attempt, READ_ATTEMPTS, wait, error)
            await anyio.sleep(wait)
        return await self.poll(path, params)

    async def create(self, path: str, upload: Upload) -> Envelope:
        """One POST, tried once; raises as `poll` does."""
        return await self._signed(lambda bearer: self.transport.post(path, bearer, upload), creating=True)

    async def _signed(self, send: Callable[[BearerHeader], Awaitable[Answer]], *, creating: bool) -> Envelope:
        answer = await send(self._signer.bearer())
        try:
            return self._read(answer, creating=creating)
        except AuthenticationError as error:
            if error.code not in _CLOCK_CODES or not self._signer.resync(answer.headers.get("Date")):
                raise
            logger.info("signing anew, the service's clock differs from ours: %s", error)
        return self._read(await send(self._signer.bearer()), creating=creating)

    def _read(self, answer: Answer, *, creating: bool) -> Envelope:
        retry_after = retry.read_retry_after(answer.headers.get("Retry-After"), self._clock())
        try:
            envelope = read_envelope(answer.body, http_status=answer.http_status)
        except MalformedResponseError as error:
            error.retry_after = retry_after
            raise
        if envelope.code == 0:
            return envelope
        kind = error_class(envelope.code, answer.http_status, envelope.message, creating=creating)
        raise kind(
            envelope.code,
            envelope.message,
            http_status=answer.http_status,
            request_id=envelope.request_id,
            retry_after=retry_after,
        )
