"""The endpoint `/v1/videos/text2video`: text in, a video out."""

from __future__ import annotations

from typing import Final, overload

from typing_extensions import Unpack, override

from kling_async.endpoints.base import Endpoint
from kling_async.endpoints.spec import Shared, Spec, kind_of_video, of_type, one_request
from kling_async.jobs.handle import Job
from kling_async.polling.schedule import Schedule
from kling_async.polling.wait import OnUpdate
from kling_async.schema.task import Task
from kling_async.schema.text2video import Text2VideoFields, Text2VideoRequest

SPEC: Final = Spec(
    path="/v1/videos/text2video",
    taken=of_type(Text2VideoRequest),
    from_mapping=Text2VideoRequest.from_mapping,
    kind_of=kind_of_video,
)


class Text2Video(Endpoint[Text2VideoRequest]):
    """The text2video endpoint; reached as `client.text2video`.

    `create`, `submit` and `generate` take a request, or the fields of one as keywords.

    Args:
        shared: What the client's endpoints share.
    """

    def __init__(self, shared: Shared) -> None:
        super().__init__(SPEC, shared)

    @overload
    async def create(self, request: Text2VideoRequest) -> Task: ...
    @overload
    async def create(self, request: None = None, **fields: Unpack[Text2VideoFields]) -> Task: ...
    @override
    async def create(
        self, request: Text2VideoRequest | None = None, **fields: Unpack[Text2VideoFields]
    ) -> Task:
        return await super().create(one_request(Text2VideoRequest, request, fields))

    create.__doc__ = Endpoint.create.__doc__

    @overload
    async def submit(self, request: Text2VideoRequest) -> Job[Text2VideoRequest]: ...
    @overload
    async def submit(
        self, request: None = None, **fields: Unpack[Text2VideoFields]
    ) -> Job[Text2VideoRequest]: ...
    @override
    async def submit(
        self, request: Text2VideoRequest | None = None, **fields: Unpack[Text2VideoFields]
    ) -> Job[Text2VideoRequest]:
        return await super().submit(one_request(Text2VideoRequest, request, fields))

    submit.__doc__ = Endpoint.submit.__doc__

    @overload
    async def generate(
        self,
        request: Text2VideoRequest,
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
        **fields: Unpack[Text2VideoFields],
    ) -> Task: ...
    @override
    async def generate(
        self,
        request: Text2VideoRequest | None = None,
        *,
        timeout: float | None = 3600,
        on_update: OnUpdate | None = None,
        schedule: Schedule | None = None,
        look_up_first: bool = False,
        **fields: Unpack[Text2VideoFields],
    ) -> Task:
        return await super().generate(
            one_request(Text2VideoRequest, request, fields),
            timeout=timeout,
            on_update=on_update,
            schedule=schedule,
            look_up_first=look_up_first,
        )

    generate.__doc__ = Endpoint.generate.__doc__
