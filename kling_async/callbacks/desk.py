"""Where a client's jobs and its callback receiver meet.

Promises: a client has one receiver at most; without one, requests travel as they are; a request's own `callback_url` is
never replaced; what a receiver brings from another thread or event loop reaches the client's own loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from attrs import define, field

from kling_async.callbacks.decision import Answer
from kling_async.callbacks.token import PURPOSE
from kling_async.errors import ConfigurationError
from kling_async.events import CallbackReceived, Events
from kling_async.schema.task import Task
from kling_async.session.auth import Signer
from kling_async.session.upload import Request

RequestT = TypeVar("RequestT", bound=Request)

logger: Final = logging.getLogger(__name__)

EMPTY: Final = frozenset({None, ""})
"""What counts as no `callback_url`, as it does for the service."""


class Told(Protocol):
    """Whoever polls tasks and is told of callbacks."""

    def told(self, job: str, task: Task) -> bool:
        """Polls a task soon, if it is waited for; returns whether it is."""
        ...


@define(eq=False)
class CallbackDesk:
    """What a `CallbackReceiver` needs of its client; reached as `KlingClient.callbacks`."""

    _signer: Signer = field(repr=False)
    _events: Events = field(repr=False)
    clock: Callable[[], float] = field(repr=False)
    """Wall-clock time in unix seconds."""

    _loop: Callable[[], asyncio.AbstractEventLoop | None] = field(repr=False)
    _pollers: list[Told] = field(factory=list, repr=False)
    _url_for: Callable[[str], str] | None = field(default=None, repr=False)
    _has_warned: bool = field(default=False, init=False, repr=False)

    @property
    def key(self) -> bytes:
        """What path tokens are made with; the same after a restart with the same credentials."""
        return self._signer.derived_key(PURPOSE)

    def serve(self, poller: Told) -> None:
        """Has a poller told of callbacks."""
        self._pollers.append(poller)

    def open(self, url_for: Callable[[str], str]) -> None:
        """Takes the client's one receiver.

        Args:
            url_for: Makes the URL to post to of a job's external id.

        Raises:
            ConfigurationError: There is one already.
        """
        if self._url_for is not None:
            raise ConfigurationError("this client has a CallbackReceiver already; one serves all its jobs")
        self._url_for = url_for

    def addressed(self, request: RequestT) -> RequestT:
        """The request with the URL of its job, if there is a receiver and the request has no URL of its own."""
        job = request.external_task_id
        if self._url_for is None or job is None or request.callback_url not in EMPTY:
            return request
        return request.with_callback_url(self._url_for(job))

    def take(self, answer: Answer) -> None:
        """Hands a post on that counts; it may come from any thread or event loop."""
        if answer.status == 401 and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "a callback with a right token was refused: %s; later ones are not logged", answer.text
            )
        if answer.job is None or answer.told is None:
            return
        loop = self._loop()
        if loop is None or loop is asyncio.get_running_loop():
            self._tell(answer.job, answer.told)
            return
        try:
            loop.call_soon_threadsafe(self._tell, answer.job, answer.told)
        except RuntimeError:  # the client's loop is closed, so nobody waits
            return

    def _tell(self, job: str, task: Task) -> None:
        known = [poller.told(job, task) for poller in self._pollers]
        self._events.emit(
            CallbackReceived(
                external_task_id=job, task_id=task.task_id, status=str(task.status), known=any(known)
            )
        )
