"""Every error of the library, and the one table that turns a service code into one of them.

Promises: `KlingError` is the root of everything that the library raises for what the service, the network or a
value did; `str(error)` holds what the service said, its code and the ids needed to go on; no error ever holds a
key or a token.

    KlingError
    ├── ConfigurationError          keys, URLs or options that cannot work
    ├── ValidationError             (also a ValueError) rules that a request breaks, all of them
    ├── ConnectionFailedError       no answer; `sent` tells whether anything can have left
    ├── MalformedResponseError      an answer that is not an envelope of the service
    ├── APIError                    an envelope with a code other than 0
    │   ├── AuthenticationError       1000–1004
    │   ├── AccountError              1100–1102, 1304: permanent until the account changes
    │   ├── PermissionDeniedError     1103
    │   ├── BadRequestError           1200–1203
    │   │   ├── TaskNotFoundError       1201 "Task not found …", 1203 on a query
    │   │   └── DuplicateTaskError      1201 "… already exists"
    │   ├── ContentPolicyError        1300, 1301
    │   ├── RateLimitError            1302
    │   ├── ConcurrencyLimitError     1303
    │   └── ServerError               5000–5002, and any 5xx
    ├── SubmissionUnknownError      whether the create was accepted could not be learnt
    ├── NotSubmittedError           a job that was never sent, because creating was stopped
    ├── TaskError                   carries the task
    │   ├── TaskFailedError           the task ended as failed
    │   ├── TaskTimeoutError          (also a TimeoutError) the caller's patience ended, the task goes on
    │   ├── ResultMissingError        succeed, but no result in any of several polls
    │   └── ClientClosedError         the client was closed while the task was waited for
    ├── DownloadError               a result that could not be brought onto the disk
    ├── JournalError                a journal that cannot be used
    └── CallbackSignatureError      a callback that is not from the service
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

from attrs import frozen
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kling_async.schema.task import Task

_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]+"
)


def harmless(text: str, limit: int = 200) -> str:
    """Strips a stranger's text of what could mislead a log or a terminal.

    Args:
        text: Text from outside: a server's message, a status.
        limit: At most so many characters are kept.

    Returns:
        The text without control, bidirectional and surrogate characters, each run of them as one space.
    """
    cleaned = _UNPRINTABLE.sub(" ", text[: 4 * limit]).strip()
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


class KlingError(Exception):
    """The root of all errors of this library.

    Attributes:
        task: The task that the error ended the wait for, as last seen; None if none was seen.
        task_id: Its id, or the external id by which it can be asked for again; None if no task is concerned.
    """

    task: Task | None = None
    task_id: str | None = None

    def ended_wait(self, task: Task | None, task_id: str, text: str) -> Self:
        """A copy of this error, as the end of the wait for one task.

        Args:
            task: The task as last seen.
            task_id: The id that was waited for.
            text: What `str()` of the copy says.
        """
        copy = type(self).__new__(type(self), text)
        vars(copy).update(vars(self))
        copy.task, copy.task_id = task, task_id
        copy.__cause__ = self.__cause__
        return copy


class ConfigurationError(KlingError):
    """Keys, URLs or options with which no request can be made; the text names the option or variable."""


@frozen
class Problem:
    """One broken rule."""

    path: str
    """Where: the field's path, such as `dynamic_masks[0].trajectories[3].x`; items are counted from 0."""

    message: str
    """What is wrong with the value and what the bound is."""

    @override
    def __str__(self) -> str:
        return f"{self.path}: {self.message}"

    def below(self, prefix: str) -> Problem:
        """The same problem, seen from the object that holds this one under `prefix`."""
        return Problem(f"{prefix}.{self.path}" if self.path else prefix, self.message)


class ValidationError(KlingError, ValueError):
    """Rules that a request breaks. Nothing was sent.

    Attributes:
        problems: Every broken rule, in the order of the API reference's fields.
    """

    problems: tuple[Problem, ...]

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class ConnectionFailedError(KlingError):
    """The server gave no answer.

    Attributes:
        sent: False only if it is certain that no byte of the request's body left this machine.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class MalformedResponseError(KlingError):
    """An answer that is not an envelope of the service.

    Attributes:
        http_status: The answer's HTTP status; None where it is not known, as for a callback.
        excerpt: Its first characters, at most 200, made harmless.
        retry_after: Seconds that the answer asked to wait, if it did.
    """

    def __init__(
        self,
        reason: str,
        *,
        http_status: int | None = None,
        excerpt: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.http_status = http_status
        self.excerpt: str = harmless(excerpt)
        self.retry_after = retry_after
        shown = f": {self.excerpt!r}" if self.excerpt else ""
        where = "" if http_status is None else f"HTTP {http_status}, "
        super().__init__(f"{where}{reason}{shown}")


class APIError(KlingError):
    """The service answered with a code other than 0.

    Attributes:
        code: The service's own code; it decides, not the HTTP status.
        http_status: The answer's HTTP status.
        message: What the service said, made harmless for logs and terminals.
        request_id: The service's id of the request, for its support.
        retry_after: Seconds to wait that the answer asked for, 0 to 300, or None.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        http_status: int,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.code = code
        self.http_status = http_status
        self.message: str = harmless(message, 1000)
        self.request_id = request_id
        self.retry_after = retry_after
        meaning = _MEANINGS.get(code, "unknown code")
        tail = f", request_id {harmless(request_id)}" if request_id else ""
        super().__init__(f"{self.message or meaning} (code {code}: {meaning}; HTTP {http_status}{tail})")


class AuthenticationError(APIError):
    """1000–1004: the keys were not accepted, or belong to another region's host."""


class AccountError(APIError):
    """1100–1102 and 1304: nothing can be created until the account, its balance or its allow list changes."""


class PermissionDeniedError(APIError):
    """1103: no permission for this API or model."""


class BadRequestError(APIError):
    """1200–1203: the service refused a value; nothing was created."""


class TaskNotFoundError(BadRequestError):
    """No task has this id or external id, under this endpoint and this account."""


class DuplicateTaskError(BadRequestError):
    """The `external_task_id` is taken, and not by a task of this endpoint that could be adopted."""


class ContentPolicyError(APIError):
    """1300, 1301: the platform's or content safety's policy refused the request."""


class RateLimitError(APIError):
    """1302: requests too fast."""


class ConcurrencyLimitError(APIError):
    """1303: more tasks in flight than the resource pack allows; nothing was created or charged."""


class ServerError(APIError):
    """5000–5002: the service's own trouble; on a create the outcome is unknown."""


class SubmissionUnknownError(KlingError):
    """It could not be learnt whether the task was created; look it up later by its id before sending again.

    Attributes:
        external_task_id: The id under which the task exists, if it does.
    """

    def __init__(self, external_task_id: str, reason: str) -> None:
        self.external_task_id = external_task_id
        super().__init__(
            f"whether the task was created is not known ({reason}); "
            f"it can be looked up by its external_task_id {harmless(external_task_id)!r}"
        )


class NotSubmittedError(KlingError):
    """The job was never sent: creating was stopped before its turn; `__cause__` says why."""


class TaskError(KlingError):
    """An error about a task that exists.

    Attributes:
        task: The task as last seen, or None if no poll has shown it yet.
        task_id: Its id, or the external id that was waited for.
    """

    # Always there, which is narrower than in the base class.
    task_id: str  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, message: str, *, task: Task | None, task_id: str) -> None:
        super().__init__(message)
        self.task = task
        self.task_id = task_id  # pyright: ignore[reportIncompatibleVariableOverride]


class TaskFailedError(TaskError):
    """The task ended as failed; the text holds the service's reason."""


class TaskTimeoutError(TaskError, TimeoutError):
    """The wait ended before the task did. The task goes on and is billed: wait for its id again."""


class ClientClosedError(TaskError):
    """The client was closed while a task was waited for. The task goes on at the service."""


class ResultMissingError(TaskError):
    """The task succeeded, but several polls showed no result."""


class DownloadError(KlingError):
    """A result could not be brought onto the disk; nothing stands under the final name.

    Attributes:
        http_status: The file server's HTTP status, where it answered.
        expired: Whether the result is gone for good, purged 30 days after its task ended.
    """

    def __init__(self, message: str, *, http_status: int | None = None, expired: bool = False) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.expired = expired


class JournalError(KlingError):
    """The journal cannot be used: locked, damaged, of another account or of a newer version."""


class CallbackSignatureError(KlingError):
    """A callback's signature is missing, too old or wrong."""


_CODES: Final[dict[int, tuple[type[APIError], str]]] = {
    1000: (AuthenticationError, "authentication failed"),
    1001: (AuthenticationError, "authorization is empty"),
    1002: (AuthenticationError, "authorization is invalid; keys are per region, see base_url"),
    1003: (AuthenticationError, "token not yet valid"),
    1004: (AuthenticationError, "token expired"),
    1100: (AccountError, "account exception"),
    1101: (AccountError, "account in arrears"),
    1102: (AccountError, "resource pack used up or expired"),
    1103: (PermissionDeniedError, "no permission for the API or model"),
    1200: (BadRequestError, "bad request parameters"),
    1201: (BadRequestError, "bad key or value"),
    1202: (BadRequestError, "wrong method"),
    1203: (BadRequestError, "resource does not exist"),
    1300: (ContentPolicyError, "platform policy"),
    1301: (ContentPolicyError, "content safety policy"),
    1302: (RateLimitError, "requests too fast"),
    1303: (ConcurrencyLimitError, "concurrency above the resource pack"),
    1304: (AccountError, "IP not on the allow list"),
    5000: (ServerError, "internal error"),
    5001: (ServerError, "unavailable, usually maintenance"),
    5002: (ServerError, "internal timeout, usually backlog"),
}
_MEANINGS: Final = {code: meaning for code, (_, meaning) in _CODES.items()}


def error_class(code: int, http_status: int, message: str, *, creating: bool) -> type[APIError]:
    """The class for a service code.

    1201 has three meanings that only the message tells apart (facts §2), and the two that matter belong to
    different requests: a create can meet a duplicate, a query can fail to find a task.

    Args:
        code: The service's code, not 0.
        http_status: The answer's HTTP status.
        message: What the service said.
        creating: Whether the request was a create.

    Returns:
        The most specific class; for a code outside the table, `ServerError` for a 5xx, else `APIError`.
    """
    if code in {1201, 1203} and not creating and (code == 1203 or "not found" in message.lower()):
        return TaskNotFoundError
    if code == 1201 and creating and "already exist" in message.lower():
        return DuplicateTaskError
    if code in _CODES:
        return _CODES[code][0]
    return ServerError if http_status >= 500 else APIError
