"""A create, carried through to a task: sent, classified, and where the outcome is unknown, looked up.

Promises: one request never becomes two tasks. Whatever happens, the same external id is sent again or none at all;
an unknown outcome is looked up for `SETTLE` seconds before anything is sent again; "already exists" ends in the task
that exists. Where nothing can be learnt the error is `SubmissionUnknownError`, which holds the id.
"""

from __future__ import annotations

import uuid
from typing import Final

import anyio
from attrs import evolve

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
)
from kling_async.schema import wire
from kling_async.schema.task import Task, read_task
from kling_async.session import retry
from kling_async.session.calls import Calls, logger
from kling_async.session.outcome import Accepted, Outcome, Unknown, outcome_of_error
from kling_async.session.pace import Pace
from kling_async.session.upload import Request, Upload, prepare

SETTLE: Final = 30.0
"""Seconds for which a create without an answer is looked up before it is sent again."""

LONE_ATTEMPTS: Final = 4
"""How often a create that is no job's is tried against a full account or a server that cannot be reached."""

_LOOK_GAPS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between look-ups; the last repeats


def new_external_id() -> str:
    """An id that no other job has, recognizable as this library's."""
    return f"ka-{uuid.uuid4().hex}"


class Submitter:
    """Creates tasks under one endpoint.

    Args:
        calls: Sends the requests.
        endpoint: The endpoint's path.
        timeout: Seconds for one create in all, its waits and look-ups included.
    """

    def __init__(self, calls: Calls, endpoint: str, timeout: float) -> None:
        self._calls = calls
        self._endpoint = endpoint
        self._timeout = timeout
        self._pace = Pace()

    async def submit(self, request: Request, *, as_job: bool = False) -> Task:
        """Creates the request's task, once.

        Args:
            request: What to create.
            as_job: Whether a job with a slot stands behind it. Such a create outlasts an outage up to the timeout,
                and 1303 goes back to the job at once, since it has a queue to wait in; a lone create tries
                both `LONE_ATTEMPTS` times.

        Raises:
            ValidationError: A picture breaks a rule of the page; nothing was sent.
            APIError: The service refused.
            ConnectionFailedError: The server cannot be reached; nothing was sent.
            SubmissionUnknownError: Whether it was created could not be learnt.
        """
        external_id = request.external_task_id or new_external_id()
        fields = {**wire.document(request), "external_task_id": external_id}
        upload = await prepare(request, fields)
        job = _Submission(self._calls, self._endpoint, external_id, self._pace, self._timeout)
        try:
            return await job.run(upload, as_job=as_job)
        except anyio.get_cancelled_exc_class():
            if job.in_doubt:
                logger.warning("a create was cancelled before its answer; external_task_id %s", external_id)
            raise


class _Submission:
    """One create's course; `in_doubt` while a request is out or its outcome unknown."""

    def __init__(self, calls: Calls, endpoint: str, external_id: str, pace: Pace, timeout: float) -> None:
        self.in_doubt = False
        self._calls = calls
        self._endpoint = endpoint
        self._external_id = external_id
        self._pace = pace
        self._deadline = anyio.current_time() + timeout

    async def run(self, upload: Upload, *, as_job: bool) -> Task:
        attempt = 0
        while True:
            attempt += 1
            await self._pace.passed()
            outcome = await self._send(upload)
            if isinstance(outcome, Accepted):
                return outcome.task
            if isinstance(outcome, Unknown):
                found = await self._look_up(outcome.error)
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
            envelope = await self._calls.create(self._endpoint, upload)
            task = read_task(envelope.data, request_id=envelope.request_id)
            outcome = Accepted(evolve(task, external_task_id=task.external_task_id or self._external_id))
        except (APIError, ConnectionFailedError, MalformedResponseError) as error:
            outcome = outcome_of_error(error)
        self.in_doubt = isinstance(outcome, Unknown)
        return outcome

    async def _wait_or_raise(self, error: KlingError, attempt: int | None) -> None:
        wait = None if attempt is None else retry.wait_before(attempt, error, self._calls.jitter)
        if wait is None or anyio.current_time() + wait > self._deadline:
            raise error
        logger.info("create not accepted, again in %.1f s: %s", wait, error)
        if isinstance(error, RateLimitError) or retry.asked_wait(error):
            self._pace.hold(wait)
        else:
            await anyio.sleep(wait)

    async def _look_up(self, reason: KlingError) -> Task | None:
        """The task of a create whose outcome is unknown, or None once it was missing for the settle time."""
        logger.warning("a create has no clear outcome, looking it up by %s: %s", self._external_id, reason)
        settled = anyio.current_time() + SETTLE
        looks = 0
        while True:
            try:
                return await self._find()
            except TaskNotFoundError:
                if anyio.current_time() >= settled:
                    self.in_doubt = False
                    return None
            except KlingError as error:
                if not retry.is_transient(error):
                    raise SubmissionUnknownError(self._external_id, str(error)) from error
            if anyio.current_time() >= self._deadline:
                raise SubmissionUnknownError(self._external_id, str(reason)) from reason
            await anyio.sleep(_LOOK_GAPS[min(looks, len(_LOOK_GAPS) - 1)])
            looks += 1

    async def _adopt(self, duplicate: DuplicateTaskError) -> Task:
        """The task that already has our id, if it is one of this endpoint's."""
        try:
            envelope = await self._calls.read(wire.task_path(self._endpoint, self._external_id))
            return self._ours(read_task(envelope.data, request_id=envelope.request_id))
        except TaskNotFoundError:
            raise duplicate from None
        except KlingError as error:
            if not retry.is_transient(error):
                raise
            raise SubmissionUnknownError(self._external_id, str(error)) from error

    async def _find(self) -> Task:
        envelope = await self._calls.look(wire.task_path(self._endpoint, self._external_id))
        return self._ours(read_task(envelope.data, request_id=envelope.request_id))

    def _ours(self, task: Task) -> Task:
        """The path matches both kinds of id: a task whose own id this is has nothing to do with us."""
        if task.external_task_id is None and task.task_id != self._external_id:
            return evolve(task, external_task_id=self._external_id)
        if task.external_task_id != self._external_id:
            raise TaskNotFoundError(
                1201, f"{self._external_id} is another task's id", http_status=200, request_id=task.request_id
            )
        return task
