"""The request of a path as an object, for callers that know the path only when they run; and the path of such an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from kling_async.errors import Problem, ValidationError
from kling_async.schema.family import TYPED
from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.mapping import MappingRequest
from kling_async.schema.text2video import Text2VideoRequest
from kling_async.schema.video_extend import VideoExtendRequest

TypedRequest: TypeAlias = Image2VideoRequest | Text2VideoRequest | VideoExtendRequest
"""A request that has a class of its own."""

AnyRequest: TypeAlias = TypedRequest | MappingRequest
"""A request; `MappingRequest(path, fields)` is one of a path without a class of its own."""

_CLASSES: Final[Mapping[str, type[TypedRequest]]] = {
    "image2video": Image2VideoRequest,
    "text2video": Text2VideoRequest,
    "video_extend": VideoExtendRequest,
}


def request_of(path: str, fields: Mapping[str, Any]) -> AnyRequest:
    """Builds the request of a path.

    Args:
        path: The path, such as `/v1/videos/omni-video`.
        fields: The fields in the API's own names.

    Raises:
        ValidationError: Broken rules.
    """
    name = TYPED.get(path)
    return MappingRequest(path, fields) if name is None else _CLASSES[name].from_mapping(fields)


def path_of(request: AnyRequest) -> str:
    """Returns the path that a request is for.

    Raises:
        ValidationError: It is not a request of this library.
    """
    if isinstance(request, MappingRequest):
        return request.path
    for path, name in TYPED.items():
        if isinstance(request, _CLASSES[name]):
            return path
    found = type(request).__name__
    raise ValidationError(
        [Problem("request", f"is of type {found}; a queue takes a request of this library")]
    )
