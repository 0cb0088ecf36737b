"""A create, carried through until its task is known: sent, and if its outcome is unclear, looked up and sent again.

Promises: one request never becomes two tasks. Whatever happens, the same external id is sent again or none at all;
an unclear create is looked up for `SETTLE` seconds, counted from when it can have left last, before anything is sent
again; a refusal that can mean "already exists" is confirmed by a look-up, whatever its words, and so is one as too
frequent that was repeated until the end. If nothing can be learnt, the error is `SubmissionUnknownError`, which holds the id.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeAlias

import anyio
from attrs import evolve, frozen

from kling_async.errors import (
    APIError,
    BadRequestError,
    ConcurrencyLimitError,
    DuplicateTaskError,
    KlingError,
    RateLimitError,
    SubmissionUnknownError,
    TaskNotFoundError,
    TaskTimeoutError,
)
from kling_async.events import Events, JobRefused
from kling_async.schema.task import Task
from kling_async.session import retry
from kling_async.session.clock import now
from kling_async.session.create_result import Accepted, CreateResult, Unknown
from kling_async.session.throttle import Throttle
from kling_async.session.upload import Upload

SETTLE: Final = 30.0
"""Seconds for which a create without a clear outcome is looked up before it is sent again."""

LONE_ATTEMPTS: Final = 4
"""How often a create without a slot is tried against a full account or a server that cannot be reached."""

LONGEST_LOOK_UP: Final = 1e6
"""Seconds for which one look-up waits for an answer at most."""

LOOK_UP_GAPS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between look-ups; the last repeats."""

logger: Final = logging.getLogger(__name__)

OnUnknown: TypeAlias = Literal["resend", "hold"]
"""What to do about a create that was not found for the settle time: send it again under its id, or raise."""


@frozen
class SubmitOptions:
    """How a client's creates are carried through."""

    timeout: float = 300.0
    """Seconds for one create in all, its waits and look-ups included."""

    on_unknown: OnUnknown = "resend"
    """What to do about a create that was not found for the settle time."""


@frozen
class SubmissionTools:
    """What the creates of one endpoint share."""

    path: str
    """The endpoint's path."""

    send: Callable[[Upload, str], Awaitable[CreateResult]]
    """Sends a body under an external id, once."""

    find: Callable[[str, float], Awaitable[Task]]
    """Finds a task by its external id within so many seconds, or raises `TaskNotFoundError`."""

    throttle: Throttle
    """The brake that all creates share."""

    jitter: Callable[[], float]
    """Gives numbers from 0 to 1."""

    options: SubmitOptions
    """The client's options."""

    events: Events
    """Told of refusals."""

    idempotent: bool = True
    """Whether the endpoint knows external ids; if not, an unclear create is neither looked up nor sent again."""


class Submission:
    """One job's create.

    Args:
        tools: What the creates of the endpoint share.
        external_id: The job's id.
        named: Whether the caller chose the id, so that another program can have used it.
        doubt_since: When an earlier create can have left last, on the event loop's clock; None: there was none.
    """

    def __init__(
        self, tools: SubmissionTools, external_id: str, *, named: bool, doubt_since: float | None
    ) -> None:
        self.doubt_since = doubt_since
        """When a create whose outcome is unclear can have left last; None while there is no such create."""

        self._tools = tools
        self._external_id = external_id
        self._named = named
        self._doubted = doubt_since is not None
        self._attempt = 0
        self._deadline = now() + tools.options.timeout

    @property
    def is_surprised(self) -> bool:
        """Whether a task that was found now is one that this job cannot know to be its own."""
        return self._named and not self._doubted and self._attempt <= 1

    async def run(
        self, upload: Upload, before_send: Callable[[], Awaitable[None]], *, lone: bool
    ) -> tuple[Task, bool]:
        """Sends until the task is known.

        Args:
            upload: The body.
            before_send: Awaited before the first byte of each attempt leaves.
            lone: Whether the create has no slot; it is then tried `LONE_ATTEMPTS` times against a full account or a
                server that cannot be reached. A job with a slot outlasts an outage up to the timeout, and gets 1303 at
                once, since it has a queue to wait in.

        Returns:
            The task, and whether it existed already.

        Raises:
            ConcurrencyLimitError: The account is full.
            KlingError: The create was refused, could not be sent, or its outcome cannot be learnt.
        """
        self._deadline = now() + self._tools.options.timeout
        for attempt in itertools.count(1):
            await self._tools.throttle.passed()
            await before_send()
            self._attempt += 1
            result = await self._send(upload)
            if isinstance(result, Accepted):
                return result.task, False
            if isinstance(result, Unknown):
                found = await self.look_up(result.error)
                if found is not None:
                    return found, True
                logger.warning("sending again under the same external_task_id %s", self._external_id)
                continue
            if isinstance(result.error, APIError):
                self._tell_refusal(result.error)
            if isinstance(result.error, BadRequestError):
                return await self._confirmed(result.error), True
            if isinstance(result.error, ConcurrencyLimitError) and not lone:
                raise result.error
            patient = not lone or isinstance(result.error, RateLimitError) or attempt < LONE_ATTEMPTS
            try:
                await self._wait_or_raise(result.error, attempt if patient else None)
            except RateLimitError as error:
                return await self._confirmed(error), True
        raise AssertionError("the loop above has no end")

    async def look_up(self, reason: KlingError) -> Task | None:
        """Looks for the task of a create whose outcome is unclear.

        Args:
            reason: What made it unclear.

        Returns:
            The task; None once it was not found `SETTLE` seconds after the create can have left last.

        Raises:
            SubmissionUnknownError: Nothing could be learnt, or `on_unknown` is "hold" and it was not found.
        """
        self._doubted = True
        if not self._tools.idempotent:
            message = f"{reason}; this endpoint takes no external_task_id, so it is not sent again"
            raise SubmissionUnknownError(self._external_id, message)
        logger.warning("a create has no clear outcome, looking it up by %s: %s", self._external_id, reason)
        since = self.doubt_since if self.doubt_since is not None else now()
        found = await self._certain(reason, until=since + SETTLE)
        if found is None:
            if self._tools.options.on_unknown == "hold":
                message = f"{reason}; it was not found for {SETTLE:.0f} s"
                raise SubmissionUnknownError(self._external_id, message)
            self._check_deadline(reason)
        self.doubt_since = None
        return found

    async def settle(self) -> Task | None:
        """Looks, however long it takes, for the task of a create whose caller went away.

        Returns:
            The task; None once it was not found `SETTLE` seconds after the create can have left last.

        Raises:
            SubmissionUnknownError: The service refused the look-up for good.
        """
        if not self._tools.idempotent:
            return None
        self._deadline = math.inf
        since = self.doubt_since if self.doubt_since is not None else now()
        return await self._certain(KlingError("its caller went away"), until=since + SETTLE)

    async def find_existing(self) -> Task | None:
        """The task that has the job's id before anything was sent, or None; a look-up that fails is repeated.

        Raises:
            SubmissionUnknownError: No look-up was answered until the timeout.
            KlingError: The service refused the look-up for good.
        """
        return await self._search(KlingError("no look-up was answered"), until=-math.inf)

    async def _send(self, upload: Upload) -> CreateResult:
        self.doubt_since = now()
        try:
            result = await self._tools.send(upload, self._external_id)
        except KlingError:
            self.doubt_since = None  # nothing was sent, or half a body, from which nothing can be created
            raise
        except BaseException:
            self.doubt_since = now()  # cancelled on the way
            raise
        self.doubt_since = now() if isinstance(result, Unknown) else None
        return result

    def _tell_refusal(self, error: APIError) -> None:
        self._tools.events.emit(
            JobRefused(
                external_task_id=self._external_id,
                path=self._tools.path,
                code=error.code,
                http_status=error.http_status,
            )
        )

    async def _wait_or_raise(self, error: KlingError, attempt: int | None) -> None:
        wait = None if attempt is None else retry.wait_before(attempt, error, self._tools.jitter)
        if wait is None or now() + wait > self._deadline:
            raise error
        logger.info("create not accepted, again in %.1f s: %s", wait, error)
        if isinstance(error, RateLimitError) or retry.asked_wait(error):
            self._tools.throttle.hold(wait)
        else:
            await anyio.sleep(wait)

    async def _confirmed(self, refusal: APIError) -> Task:
        """The task behind a refusal that can hide one; raises the refusal if there is none."""
        patience = self._patience(refusal)
        if patience is None:
            raise refusal
        self.doubt_since = now()
        found = await self._certain(refusal, until=self.doubt_since + patience)
        self.doubt_since = None
        if found is None:
            raise refusal
        return found

    async def _certain(self, reason: KlingError, until: float) -> Task | None:
        """Searches as `_search` does; a look-up that is refused for good leaves the outcome unknown."""
        try:
            return await self._search(reason, until)
        except SubmissionUnknownError:
            raise
        except KlingError as error:
            raise SubmissionUnknownError(self._external_id, str(error)) from error

    def _patience(self, refusal: APIError) -> float | None:
        """Seconds for which a task is looked for after a refusal; None if there can be none.

        Under an id that this library made, "already exists" is certain; under one of the caller's it can be another
        endpoint's task. Other words, or words in another language, mean it only where a create can have left before, or
        where somebody else can have used the id. "Too frequent", said until the end, is looked behind once.
        """
        if not self._tools.idempotent:
            return None
        if isinstance(refusal, RateLimitError):
            return 0.0
        if isinstance(refusal, DuplicateTaskError):
            return math.inf if self._doubted or not self._named else sum(LOOK_UP_GAPS[:3])
        if self._doubted:
            return SETTLE
        return 0.0 if self._named or self._attempt > 1 else None

    async def _search(self, reason: KlingError, until: float) -> Task | None:
        """Polls until the task is found, or until it is not found at a moment that is not before `until`."""
        for polls in itertools.count():
            try:
                return await self._find(reason)
            except TaskNotFoundError:
                if now() >= until:
                    return None
            except KlingError as error:
                if not retry.is_transient(error):
                    raise
            self._check_deadline(reason)
            await anyio.sleep(LOOK_UP_GAPS[min(polls, len(LOOK_UP_GAPS) - 1)])
        raise AssertionError("the loop above has no end")

    async def _find(self, reason: KlingError) -> Task:
        """Our task; the query of a path matches both kinds of id."""
        try:
            task = await self._tools.find(self._external_id, self._time_left())
        except TaskTimeoutError:
            raise SubmissionUnknownError(self._external_id, str(reason)) from reason
        if not is_known_as(task, self._external_id):
            message = f"{self._external_id} is another task's id"
            raise TaskNotFoundError(1201, message, http_status=200, request_id=task.request_id)
        return evolve(task, external_task_id=self._external_id) if task.external_task_id is None else task

    def _time_left(self) -> float:
        return min(LONGEST_LOOK_UP, max(0.1, self._deadline - now()))

    def _check_deadline(self, reason: KlingError) -> None:
        if now() >= self._deadline:
            raise SubmissionUnknownError(self._external_id, str(reason)) from reason


def is_known_as(task: Task, external_id: str) -> bool:
    """Whether a task that a query by an external id showed is the one with that id.

    The query matches both kinds of id, so that it can show a task of somebody else's whose own id is this one.
    """
    if task.external_task_id is None:
        return task.task_id != external_id
    return task.external_task_id == external_id
