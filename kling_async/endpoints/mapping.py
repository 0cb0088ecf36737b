"""Every other path of the family: requests are mappings in the API's own names; reached as `client.endpoint(path)`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from kling_async.endpoints.base import Endpoint
from kling_async.endpoints.spec import Shared, Spec
from kling_async.errors import Problem, ValidationError
from kling_async.schema import rules
from kling_async.schema.family import path_problems, takes_external_id, task_kind
from kling_async.schema.mapping import MappingRequest


class MappingEndpoint(Endpoint[Mapping[str, Any]]):
    """One path of the family without a request class of its own.

    Fields are not checked beyond what holds for the whole family. A mapping is a value: given again, it is another job,
    unless it has an `external_task_id`.

    Args:
        path: The path, such as `/v1/videos/omni-video`.
        shared: What the client's endpoints share.

    Raises:
        ValidationError: The path is not one of the family, or makes no task.
    """

    def __init__(self, path: str, shared: Shared) -> None:
        rules.raise_any(path_problems(path))

        def made(fields: Mapping[str, Any]) -> MappingRequest:
            if not isinstance(fields, Mapping):
                message = f"is of type {type(fields).__name__}; give a mapping in the API's own names"
                raise ValidationError([Problem("request", message)])
            return MappingRequest(path, fields)

        def kind_of(fields: Mapping[str, Any]) -> Hashable:
            return (path, *(str(fields.get(name, "")) for name in ("model_name", "mode", "duration")))

        spec: Spec[Mapping[str, Any]] = Spec(
            path=path,
            taken=made,
            from_mapping=made,
            kind_of=kind_of,
            slot_kind=task_kind(path),
            idempotent=takes_external_id(path),
        )
        super().__init__(spec, shared)
