"""The endpoint `/v1/videos/video-extend`: a video in, a longer one out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final, overload

from typing_extensions import Unpack, override

from kling_async.endpoints.base import Endpoint
from kling_async.endpoints.spec import Shared, Spec, of_type, one_request
from kling_async.jobs.handle import Job
from kling_async.polling.schedule import Schedule
from kling_async.polling.wait import OnUpdate
from kling_async.schema.task import Task
from kling_async.schema.video_extend import VideoExtendFields, VideoExtendRequest


def _kind_of(fields: Mapping[str, Any]) -> Hashable:
    """One kind: nothing that a request names decides how long a job takes."""
    del fields
    return "video_extend"


SPEC: Final = Spec(
    path="/v1/videos/video-extend",
    taken=of_type(VideoExtendRequest),
    from_mapping=VideoExtendRequest.from_mapping,
    kind_of=_kind_of,
)


class VideoExtend(Endpoint[VideoExtendRequest]):
    """The video_extend endpoint; reached as `client.video_extend`.

    `create`, `submit` and `generate` take a request, or the fields of one as keywords.

    Args:
        shared: What the client's endpoints share.
    """

    def __init__(self, shared: Shared) -> None:
        super().__init__(SPEC, shared)

    @overload
    async def create(self, request: VideoExtendRequest) -> Task: ...
    @overload
    async def create(self, request: None = None, **fields: Unpack[VideoExtendFields]) -> Task: ...
    @override
    async def create(
        self, request: VideoExtendRequest | None = None, **fields: Unpack[VideoExtendFields]
    ) -> Task:
        return await super().create(one_request(VideoExtendRequest, request, fields))

    create.__doc__ = Endpoint.create.__doc__

    @overload
    async def submit(self, request: VideoExtendRequest) -> Job[VideoExtendRequest]: ...
    @overload
    async def submit(
        self, request: None = None, **fields: Unpack[VideoExtendFields]
    ) -> Job[VideoExtendRequest]: ...
    @override
    async def submit(
        self, request: VideoExtendRequest | None = None, **fields: Unpack[VideoExtendFields]
    ) -> Job[VideoExtendRequest]:
        return await super().submit(one_request(VideoExtendRequest, request, fields))

    submit.__doc__ = Endpoint.submit.__doc__

    @overload
    async def generate(
        self,
        request: VideoExtendRequest,
        *,
        timeout: float | None = 3600,
        on_update: OnUpdate | None = None,
        schedule: Schedule | None = None,
        look_up_first: bool = False,
    ) -> Task: ...
    @overload
    async def generate(
        self,
        request: None = None,
        *,
        timeout: float | None = 3600,
        on_update: OnUpdate | None = None,
        schedule: Schedule | None = None,
        look_up_first: bool = False,
        **fields: Unpack[VideoExtendFields],
    ) -> Task: ...
    @override
    async def generate(
        self,
        request: VideoExtendRequest | None = None,
        *,
        timeout: float | None = 3600,
        on_update: OnUpdate | None = None,
        schedule: Schedule | None = None,
        look_up_first: bool = False,
        **fields: Unpack[VideoExtendFields],
    ) -> Task:
        return await super().generate(
            one_request(VideoExtendRequest, request, fields),
            timeout=timeout,
            on_update=on_update,
            schedule=schedule,
            look_up_first=look_up_first,
        )

    generate.__doc__ = Endpoint.generate.__doc__
