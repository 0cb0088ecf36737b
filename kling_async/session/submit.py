"""A create, carried through to a task: sent, classified, and where the outcome is unknown, looked up.

Promises: one request never becomes two tasks. Whatever happens, the same external id is sent again or none at all;
an unknown outcome is looked up for `SETTLE` seconds before anything is sent again; "already exists" ends in the task
that exists. Where nothing can be learnt the error is `SubmissionUnknownError`, which holds the id.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeAlias

import anyio
from attrs import evolve, frozen

from kling_async.errors import (
    APIError,
    ConcurrencyLimitError,
    ConnectionFailedError,
    DuplicateTaskError,
    KlingError,
    MalformedResponseError,
    RateLimitError,
    SubmissionUnknownError,
    TaskNotFoundError,
    TaskTimeoutError,
)
from kling_async.schema import wire
from kling_async.schema.task import Task, read_task
from kling_async.session import retry
from kling_async.session.calls import Calls, logger
from kling_async.session.create_result import Accepted, Outcome, Unknown, outcome_of_error
from kling_async.session.throttle import Pace
from kling_async.session.upload import Request, Upload, prepare

SETTLE: Final = 30.0
"""Seconds for which a create without an answer is looked up before it is sent again."""

ID_PREFIX: Final = "ka-"
"""How the external ids begin that this library makes."""

LONE_ATTEMPTS: Final = 4
"""How often a create that is no job's is tried against a full account or a server that cannot be reached."""

_LOOK_GAPS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between look-ups; the last repeats


def new_external_id() -> str:
    """An id that no other job has, recognizable as this library's."""
    return f"{ID_PREFIX}{uuid.uuid4().hex}"


OnUnknown: TypeAlias = Literal["resend", "hold"]
"""What to do about a create that was missing for the settle time: send it again under its id, or raise."""


@frozen
class SubmitOptions:
    """How a client's creates are carried through."""

    timeout: float = 300.0
    """Seconds for one create in all, its waits and look-ups included."""

    on_unknown: OnUnknown = "resend"
    """What to do about a create that was missing for the settle time."""


Find: TypeAlias = Callable[[str, float], Awaitable[Task]]
"""Finds a task by its external id within so many seconds, or raises TaskNotFoundError."""


async def _nothing_to_do() -> None:
    """The default of `before_send`."""


class Submitter:
    """Creates tasks under one endpoint.

    Args:
        calls: Sends the requests.
        endpoint: The endpoint's path.
        timeout: Seconds for one create in all, its waits and look-ups included.
        find: Looks tasks up; by single GETs where it is not given.
        on_unknown: What to do about a create that was missing for the settle time.
    """

    def __init__(
        self,
        calls: Calls,
        endpoint: str,
        timeout: float,
        find: Find | None = None,
        on_unknown: OnUnknown = "resend",
    ) -> None:
        self.calls = calls
        self.endpoint = endpoint
        self.timeout = timeout
        self.find = find or self._look
        self.on_unknown = on_unknown
        self.pace = Pace()

    async def submit(
        self,
        request: Request,
        *,
        as_job: bool = False,
        before_send: Callable[[], Awaitable[None]] = _nothing_to_do,
        doubtful_for: float | None = None,
    ) -> Task:
        """Creates the request's task, once.

        Args:
            request: What to create.
            as_job: Whether a job with a slot stands behind it. Such a create outlasts an outage up to the timeout,
                and 1303 goes back to the job at once, since it has a queue to wait in; a lone create tries
                both `LONE_ATTEMPTS` times.
            before_send: Awaited each time before the first byte leaves.
            doubtful_for: Seconds since an earlier process was about to send it; it is looked up first then.

        Raises:
            ValidationError: A picture breaks a rule of the page; nothing was sent.
            APIError: The service refused.
            ConnectionFailedError: The server cannot be reached; nothing was sent.
            SubmissionUnknownError: Whether it was created could not be learnt.
        """
        external_id = request.external_task_id or new_external_id()
        job = _Submission(self, external_id)
        if doubtful_for is not None:
            reason = KlingError("an earlier process was about to send it")
            found = await job.look_up(reason, settle=max(0.0, SETTLE - doubtful_for))
            if found is not None:
                return found
        upload = await prepare(request, {**wire.document(request), "external_task_id": external_id})
        try:
            return await job.run(upload, before_send, as_job=as_job)
        except anyio.get_cancelled_exc_class():
            if job.in_doubt:
                logger.warning("a create was cancelled before its answer; external_task_id %s", external_id)
            raise

    async def _look(self, external_id: str, _seconds: float) -> Task:
        envelope = await self.calls.poll(wire.task_path(self.endpoint, external_id))
        return read_task(envelope.data, request_id=envelope.request_id, http_status=envelope.http_status)


class _Submission:
    """One create's course; `in_doubt` while a request is out or its outcome unknown."""

    def __init__(self, terms: Submitter, external_id: str) -> None:
        self.in_doubt = False
        self._surely_ours = external_id.startswith(ID_PREFIX)
        self._terms = terms
        self._external_id = external_id
        self._deadline = anyio.current_time() + terms.timeout

    async def run(self, upload: Upload, before_send: Callable[[], Awaitable[None]], *, as_job: bool) -> Task:
        attempt = 0
        while True:
            attempt += 1
            await self._terms.pace.passed()
            await before_send()
            outcome = await self._send(upload)
            if isinstance(outcome, Accepted):
                return outcome.task
            if isinstance(outcome, Unknown):
                self._surely_ours = True
                found = await self.look_up(outcome.error, settle=SETTLE)
                if found is not None:
                    return found
                logger.warning("sending again under the same external_task_id %s", self._external_id)
                continue
            error = outcome.error
            if isinstance(error, DuplicateTaskError):
                return await self._adopt(error)
            if isinstance(error, ConcurrencyLimitError) and as_job:
                raise error
            patient = as_job or isinstance(error, RateLimitError) or attempt < LONE_ATTEMPTS
            await self._wait_or_raise(error, attempt if patient else None)

    async def _send(self, upload: Upload) -> Outcome:
        self.in_doubt = True
        outcome: Outcome
        try:
            envelope = await self._terms.calls.create(self._terms.endpoint, upload)
            task = read_task(envelope.data, request_id=envelope.request_id, http_status=envelope.http_status)
            outcome = Accepted(evolve(task, external_task_id=task.external_task_id or self._external_id))
        except (APIError, ConnectionFailedError, MalformedResponseError) as error:
            outcome = outcome_of_error(error)
        self.in_doubt = isinstance(outcome, Unknown)
        return outcome

    async def _wait_or_raise(self, error: KlingError, attempt: int | None) -> None:
        wait = None if attempt is None else retry.wait_before(attempt, error, self._terms.calls.jitter)
        if wait is None or anyio.current_time() + wait > self._deadline:
            raise error
        logger.info("create not accepted, again in %.1f s: %s", wait, error)
        if isinstance(error, RateLimitError) or retry.asked_wait(error):
            self._terms.pace.hold(wait)
        else:
            await anyio.sleep(wait)

    async def look_up(self, reason: KlingError, settle: float) -> Task | None:
        """The task of a create whose outcome is unknown, or None once it was missing for the settle time."""
        logger.warning("a create has no clear outcome, looking it up by %s: %s", self._external_id, reason)
        settled = anyio.current_time() + settle
        for looks in itertools.count():
            try:
                return await self._find(reason)
            except TaskNotFoundError:
                if anyio.current_time() >= settled:
                    break
            except KlingError as error:
                if not retry.is_transient(error):
                    raise SubmissionUnknownError(self._external_id, str(error)) from error
            self._check_deadline(reason)
            await anyio.sleep(_LOOK_GAPS[min(looks, len(_LOOK_GAPS) - 1)])
        if self._terms.on_unknown == "hold":
            raise SubmissionUnknownError(self._external_id, f"{reason}; it was missing for {settle:.0f} s")
        self._check_deadline(reason)
        self.in_doubt = False
        return None

    def _check_deadline(self, reason: KlingError) -> None:
        if anyio.current_time() >= self._deadline:
            raise SubmissionUnknownError(self._external_id, str(reason)) from reason

    async def _adopt(self, duplicate: DuplicateTaskError) -> Task:
        """The task that already has our id, if it is one of this endpoint's.

        With an id that this library made, or after a create that had no clear outcome, the task is ours, however
        late it can be seen.
        """
        for attempt in itertools.count(1):
            try:
                return await self._find(duplicate)
            except TaskNotFoundError:
                if attempt >= LONE_ATTEMPTS and not self._surely_ours:
                    raise duplicate from None
                self._check_deadline(duplicate)
            except KlingError as error:
                if not retry.is_transient(error):
                    raise SubmissionUnknownError(self._external_id, str(error)) from error
                self._check_deadline(error)
            await anyio.sleep(_LOOK_GAPS[min(attempt, len(_LOOK_GAPS) - 1)])
        raise duplicate

    async def _find(self, reason: KlingError) -> Task:
        """Our task; the path matches both kinds of id, and a task whose own id ours is has nothing to do with us."""
        try:
            task = await self._terms.find(self._external_id, max(0.1, self._deadline - anyio.current_time()))
        except TaskTimeoutError:
            raise SubmissionUnknownError(self._external_id, str(reason)) from reason
        if task.external_task_id is None and task.task_id != self._external_id:
            return evolve(task, external_task_id=self._external_id)
        if task.external_task_id != self._external_id:
            message = f"{self._external_id} is another task's id"
            raise TaskNotFoundError(1201, message, http_status=200, request_id=task.request_id)
        return task
