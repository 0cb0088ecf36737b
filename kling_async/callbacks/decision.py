"""What a post is answered with, and which task is polled because of it. Pure: bytes, headers and a path in.

The rule. Only a post whose path ends in a token of this account counts at all; any other is refused before its body is
read. The body is never believed: it names a task of the token's job, and says whether that has ended, which decides how
soon the task is polled. Nothing else of it is used.

Promises: whatever the bytes, an answer; no answer tells whether a job exists, and none has a word of the post in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

from attrs import field, frozen

from kling_async.callbacks.payload import read_callback
from kling_async.callbacks.signature import HEADERS, verify_signature
from kling_async.callbacks.token import job_of
from kling_async.errors import CallbackSignatureError, MalformedResponseError, harmless
from kling_async.schema.task import Task, read_task
from kling_async.session.auth import Secret

LARGEST_BODY: Final = 64 * 1024
"""The longest body that is read, in bytes."""

SLOWEST_BODY: Final = 10.0
"""Seconds in which a body must have arrived."""

LONGEST_ID: Final = 256
"""The longest id of a task, in characters."""

SignatureCheck: TypeAlias = Literal["required", "if_present", "off"]
"""What to do about the service's optional signature: want it always, check it if a post has it, or never look."""


@frozen
class Answer:
    """What a post is answered with."""

    status: int
    """The HTTP status."""

    text: str
    """One line for whoever made the post."""

    job: str | None = None
    """The external id of the job that the post is about; None if the post does not count."""

    told: Task | None = None
    """The id and status that the post tells and no more; they are believed in nothing but how soon the task is polled."""


TOO_LARGE: Final = Answer(413, f"the body is longer than {LARGEST_BODY} bytes")
TOO_SLOW: Final = Answer(408, f"the body did not arrive within {SLOWEST_BODY:.0f} s")
BROKEN_OFF: Final = Answer(400, "the body did not arrive whole")


@frozen
class Judge:
    """Decides on posts."""

    key: bytes = field(repr=False)
    """What path tokens are made with."""

    secret: Secret | None
    """The console's secret; None: signatures cannot be checked."""

    signature: SignatureCheck
    """What to do about signatures."""

    clock: Callable[[], float]
    """Wall-clock time in unix seconds."""

    def job_named(self, method: str, path: str, length: str | None) -> str | Answer:
        """Judges a post before its body is read.

        Args:
            method: The HTTP method.
            path: The request's path, decoded or not; whatever stands before its last part does not count.
            length: The `Content-Length`, if there is one.

        Returns:
            The job's external id, or the answer.
        """
        if method != "POST":
            return Answer(405, "only POST is taken here")
        job = job_of(self.key, path.rstrip("/").rpartition("/")[2])  # Litestar adds a slash
        if job is None:
            return Answer(404, "there is nothing here")
        if length is not None and length.isascii() and length.isdigit():
            digits = length.lstrip("0")
            if len(digits) > 6 or int(digits or "0") > LARGEST_BODY:
                return TOO_LARGE
        return job

    def answer(self, job: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        """Judges a post by its body.

        Args:
            job: The external id that its token names.
            headers: Names in any case and values, as often as they were sent.
            body: The whole body.
        """
        if len(body) > LARGEST_BODY:
            return TOO_LARGE
        refusal = self._unsigned(headers, body)
        if refusal is not None:
            return refusal
        try:
            told = read_callback(body)
        except MalformedResponseError:
            return Answer(400, "the body is not a task in JSON")
        if told.external_task_id not in {None, job}:
            return Answer(400, "the body is about another job than the path")
        if len(told.task_id) > LONGEST_ID:
            return Answer(400, "the body is not a task in JSON")
        status = harmless(str(told.status), 40)
        return Answer(200, "ok", job, read_task({"task_id": told.task_id, "task_status": status}))

    def _unsigned(self, headers: Sequence[tuple[str, str]], body: bytes) -> Answer | None:
        """The refusal of a post whose signature is not as wanted."""
        if self.signature == "off":
            return None
        given = [(name.lower(), value) for name, value in headers if name.lower() in HEADERS]
        if any(count > 1 for count in Counter(name for name, _ in given).values()):
            return Answer(400, "a signature header is there twice")
        if self.secret is None or (not given and self.signature == "if_present"):
            return None
        try:
            verify_signature(body, dict(given), self.secret.reveal(), now=self.clock())
        except CallbackSignatureError:
            return Answer(401, "the signature is missing, too old or wrong")
        return None
