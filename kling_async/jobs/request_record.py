"""A request as the journal records it: every field, but pictures by path and digest, never by their bytes.

Promises: two records have one fingerprint if and only if they ask for the same video, wherever the files lie; a request
can be made again from its record while its files still hold the same bytes. A picture that was given as bytes can be
recognized again, but not be sent again from the record alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from anyio import to_thread

from kling_async.errors import JournalError, Problem, ValidationError
from kling_async.jobs.entry import JobEntry
from kling_async.schema import wire
from kling_async.schema.callback_token import CALLBACK_START
from kling_async.schema.images import ImageBase64, ImageFile, LocalImage
from kling_async.session.upload import Request

_READ: Final = 1024 * 1024

RequestT = TypeVar("RequestT", bound=Request)


def identified_as(request: RequestT, external_id: str) -> RequestT:
    """The request under this external id."""
    return request.with_external_task_id(external_id)


async def record(request: Request) -> dict[str, Any]:
    """The request as JSON takes it, without its external id, which is the job's key.

    Raises:
        ValidationError: A picture's file cannot be read.
    """
    fields = wire.converter.unstructure(request)
    fields.pop("external_task_id", None)
    if CALLBACK_START in str(fields.get("callback_url")):  # one that its receiver fills in again
        del fields["callback_url"]
    described = {
        id(picture): await to_thread.run_sync(_described, path, picture)
        for path, picture in request.pictures()
        if isinstance(picture, LocalImage)
    }
    recorded: dict[str, Any] = _mapped(fields, lambda picture: described[id(picture)])
    return recorded


def fingerprint(recorded: dict[str, Any]) -> str:
    """What two records share if and only if they ask for the same video, wherever the service reports its end."""
    asked = {name: value for name, value in recorded.items() if name != "callback_url"}
    return hashlib.sha256(json.dumps(_without_paths(asked), sort_keys=True).encode()).hexdigest()


async def request_of(entry: JobEntry, from_mapping: Callable[[Mapping[str, Any]], RequestT]) -> RequestT:
    """The entry's request, made again from its record, with the entry's key as its external id.

    Args:
        entry: A job of the journal.
        from_mapping: Builds the endpoint's request.

    Raises:
        JournalError: A picture was given as bytes, its file holds something else now, or the request was lost to
            damage.
        ValidationError: A picture's file cannot be read.
    """
    if not entry.request:
        raise JournalError(f"the request of job {entry.key} was lost to damage; run the script again")
    request = from_mapping({**_restored(entry.request), "external_task_id": entry.key})
    if fingerprint(await record(request)) != fingerprint(entry.request):
        raise JournalError(f"job {entry.key} cannot be sent again: a picture's file has changed since")
    return request


def _described(path: str, picture: LocalImage) -> dict[str, Any]:
    """A picture's place in the record; runs in a worker thread."""
    if not isinstance(picture, ImageFile):
        data = picture.text.encode() if isinstance(picture, ImageBase64) else picture.data
        return {"sha256": hashlib.sha256(data).hexdigest(), "size": picture.size}
    digest = hashlib.sha256()
    try:
        with picture.path.open("rb") as file:
            while part := file.read(_READ):
                digest.update(part)
    except OSError as error:
        problem = Problem(path, f"{picture.path} cannot be read: {error.strerror or error}")
        raise ValidationError([problem]) from None
    return {"path": str(picture.path.absolute()), "sha256": digest.hexdigest()}


def _mapped(value: Any, describe: Callable[[LocalImage], Any]) -> Any:
    if isinstance(value, LocalImage):
        return describe(value)
    if isinstance(value, Mapping):
        return {name: _mapped(item, describe) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, describe) for item in value]
    return value


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        hidden = {"path"} if "sha256" in value else set()
        return {name: _without_paths(item) for name, item in value.items() if name not in hidden}
    return [_without_paths(item) for item in value] if isinstance(value, list) else value


def _restored(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"path", "sha256"}:
        return Path(value["path"])
    if isinstance(value, dict) and set(value) == {"sha256", "size"}:
        raise JournalError(
            "a picture was given as bytes, which a journal does not keep; run the script again"
        )
    if isinstance(value, dict):
        return {name: _restored(item) for name, item in value.items()}
    return [_restored(item) for item in value] if isinstance(value, list) else value
