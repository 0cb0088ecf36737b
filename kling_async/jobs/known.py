"""What a client remembers of its own jobs, whether or not it has a journal.

Promises: the same request object keeps its id for the client's life, so that a retry with it meets its own task; an id of
the caller's that is used again with another request is found out; what is remembered is bounded, and a request is never
kept alive by it.
"""

from __future__ import annotations

import hashlib
import json
import weakref
from collections import OrderedDict
from typing import Any, Final

from attrs import define

from kling_async.errors import Problem, ValidationError, harmless
from kling_async.schema.images import ImageFile, ImageURL

REMEMBERED: Final = 10_000
"""How many ids of the caller's, and how many tasks' kinds, a client remembers; the oldest are forgotten first."""

_NOT_ASKED_FOR: Final = frozenset({"external_task_id", "callback_url"})


@define
class KnownJob:
    """What is remembered of one job."""

    signature: str | None = None
    """Tells requests under one id apart; None for ids that nobody else can use."""

    task_id: str | None = None
    """The service's id, once it is known."""

    called_back: bool = False
    """Whether its task was created with a URL of this client's receiver."""

    doubt_since: float | None = None
    """When a create without a clear outcome can have left last, on the event loop's clock in seconds."""


class KnownJobs:
    """Remembers jobs by their id, and ids by request objects."""

    def __init__(self) -> None:
        self._objects: dict[int, tuple[weakref.KeyedRef[int, Any], str]] = {}
        self._jobs: dict[str, KnownJob] = {}
        self._named: OrderedDict[str, None] = OrderedDict()

    def id_of(self, request: Any) -> str | None:
        """The id under which this very object became a job before, or None."""
        found = self._objects.get(id(request))
        return found[1] if found is not None and found[0]() is request else None

    def job(self, external_id: str) -> KnownJob | None:
        """What is remembered of the job with this id, or None."""
        return self._jobs.get(external_id)

    def recall(self, external_id: str) -> KnownJob:
        """Remembers a job of an earlier process, for as long as its id is among the latest."""
        job = self._jobs.setdefault(external_id, KnownJob())
        self._keep(external_id)
        return job

    def remember(self, request: Any, external_id: str, *, named: bool) -> KnownJob:
        """Remembers that a request is a job under an id.

        Args:
            request: The caller's object.
            external_id: The job's id.
            named: Whether the caller chose the id.

        Raises:
            ValidationError: The id belongs to another request of this client.
        """
        job = self._jobs.get(external_id)
        if named:
            signature = _signature(request)
            if job is not None and job.signature not in {None, signature}:
                raise ValidationError([Problem("external_task_id", _taken(external_id))])
            job = job or KnownJob()
            job.signature = signature
            self._keep(external_id)
        self._jobs[external_id] = job = job or KnownJob()
        key = id(request)
        self._objects[key] = (weakref.KeyedRef(request, self._forget, key), external_id)
        return job

    def release(self, external_id: str) -> None:
        """Forgets the request of an id under which nothing can have been created: it may be used for another one."""
        if self._named.pop(external_id, 0) is None:
            self._jobs.pop(external_id, None)

    def _keep(self, external_id: str) -> None:
        self._named[external_id] = None
        self._named.move_to_end(external_id)
        while len(self._named) > REMEMBERED:
            self._jobs.pop(self._named.popitem(last=False)[0], None)

    def _forget(self, reference: weakref.KeyedRef[int, Any]) -> None:
        _, external_id = self._objects.pop(reference.key, (None, ""))
        if external_id not in self._named:
            self._jobs.pop(external_id, None)


def _taken(external_id: str) -> str:
    return (
        f"{harmless(external_id)} is the id of another request of this client; give each request its own id, "
        "or wait for the task that the id names"
    )


def _signature(request: Any) -> str:
    """What a request asks for; pictures count by where they are and how long, their bytes are not read."""
    asked = {name: value for name, value in request.document().items() if name not in _NOT_ASKED_FOR}
    text = json.dumps(asked, sort_keys=True, default=_described)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _described(value: Any) -> Any:
    if isinstance(value, ImageFile):
        return ["file", str(value.path)]
    if isinstance(value, ImageURL):
        return ["url", value.url]
    size = getattr(value, "size", None)
    return [type(value).__name__, size if isinstance(size, int) else repr(value)]
