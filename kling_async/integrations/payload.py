"""A request as a queue carries it: JSON in the API's own names, under the job's id.

Promises: pure; what cannot travel is refused before anything is queued; a payload that this version cannot read says why.
A picture travels as its URL or, up to `MAX_BYTES`, as base64; one that was given as a `pathlib.Path` travels as a
reference, which the worker resolves.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias
from uuid import uuid4

from attrs import frozen

from kling_async.errors import Problem, ValidationError
from kling_async.schema import wire
from kling_async.schema.family import path_problems, takes_external_id
from kling_async.schema.images import ImageBase64, ImageBytes, ImageFile, ImageInput, LocalImage
from kling_async.schema.requests import AnyRequest, path_of, request_of
from kling_async.schema.rules import raise_any, shown

MAX_BYTES: Final = 256 * 1024
"""Most bytes of pictures that travel inside one payload; larger ones go by URL or reference."""

LONGEST_KEY: Final = 1000
"""Most characters of an `external_task_id` in a queue, whose index takes no long ones."""

VERSION: Final = 1
_REFERENCE: Final = "kling_async.reference"

Load: TypeAlias = Callable[[str], ImageInput | Awaitable[ImageInput]]
"""Resolves a picture's reference in the worker, plain or async: `pathlib.Path` does for a folder that all share."""


@frozen
class Payload:
    """A job as it lies in a queue."""

    path: str
    """The endpoint's path."""

    key: str
    """The job's `external_task_id`."""

    account: str | None
    """Whose task it is to be, as `KlingClient.account_digest` tells; None: any worker's."""

    fields: Mapping[str, Any]
    """The request in the API's names, with references in place of pictures."""

    def to_json(self) -> bytes:
        """Returns the payload's text."""
        values = {"version": VERSION, "path": self.path, "account": self.account, "request": self.fields}
        return json.dumps(values).encode()

    async def request(self, load: Load) -> AnyRequest:
        """Returns the request, its references resolved.

        Raises:
            ValidationError: Rules that it breaks.
        """
        return request_of(self.path, await _resolved(self.fields, load))


def to_payload(request: AnyRequest, account: str | None = None) -> Payload:
    """Prepares a request for a queue.

    Args:
        request: The request; if it has no `external_task_id`, one is made here and never changes again.
        account: See `Payload.account`.

    Raises:
        ValidationError: It is of another type, its path takes no `external_task_id`, or its pictures are too large.
    """
    path = _path_of(request)
    if request.external_task_id is None:
        request = request.with_external_task_id(f"kling-{uuid4()}")
    key = str(request.external_task_id)
    if len(key) > LONGEST_KEY or not key.isprintable():
        bound = f"printable text of at most {LONGEST_KEY} characters can be an id in a queue"
        raise ValidationError([Problem("external_task_id", f"is {shown(key)}; {bound}")])
    sizes = {
        name: each.size
        for name, each in request.pictures()
        if not isinstance(each, ImageFile) and isinstance(each, LocalImage)
    }
    if sum(sizes.values()) > MAX_BYTES:
        largest = max(sizes, key=lambda name: sizes[name])
        raise ValidationError(
            [
                Problem(
                    largest,
                    f"pictures of {sum(sizes.values())} bytes in all; at most {MAX_BYTES} (256 KiB) travel through "
                    "a queue: give a URL, or a pathlib.Path that the worker's load() resolves",
                )
            ]
        )
    fields = _carried(wire.converter.unstructure(request))
    return Payload(path, key, account, fields)


def read_payload(text: bytes | str | None) -> Payload:
    """Reads a payload.

    Raises:
        ValidationError: It is not one, or was written by a newer version of this library.
    """
    try:
        values = json.loads(text or b"")
        version, path, account, fields = (
            values.get(name) for name in ("version", "path", "account", "request")
        )
        key = fields.get("external_task_id")
    except (ValueError, AttributeError, RecursionError):
        raise ValidationError([Problem("payload", "is not a request that kling_async has queued")]) from None
    if type(version) is not int or not 1 <= version <= VERSION:  # a bool is an int too
        raise ValidationError(
            [
                Problem(
                    "payload",
                    f"has version {version!r}; this release reads {VERSION}: update the workers first",
                )
            ]
        )
    raise_any(path_problems(path))
    if not (isinstance(key, str) and key and isinstance(account, str | None)):
        raise ValidationError([Problem("payload", "has no external_task_id, or an account that is not text")])
    return Payload(path, key, account, fields)


def _path_of(request: AnyRequest) -> str:
    path = path_of(request)
    raise_any(path_problems(path))
    if not takes_external_id(path):
        problem = f"{path} takes no external_task_id, so that a second worker could pay again"
        raise ValidationError([Problem("path", problem)])
    return path


def _carried(value: Any) -> Any:
    """The value as JSON takes it."""
    if isinstance(value, ImageFile):
        return {_REFERENCE: str(value.path)}
    if isinstance(value, ImageBase64):
        return value.text
    if isinstance(value, ImageBytes):
        return base64.b64encode(value.data).decode()
    if isinstance(value, Mapping):
        return {name: _carried(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_carried(item) for item in value]
    return value


async def _resolved(value: Any, load: Load) -> Any:
    if isinstance(value, dict) and set(value) == {_REFERENCE}:
        found = load(value[_REFERENCE])
        return await found if isinstance(found, Awaitable) else found
    if isinstance(value, dict):
        return {name: await _resolved(item, load) for name, item in value.items()}
    return [await _resolved(item, load) for item in value] if isinstance(value, list) else value
