"""The endpoint `/v1/videos/image2video`: a still image in, a video out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from typing_extensions import override

from kling_async.endpoints.base import Endpoint
from kling_async.errors import Problem, ValidationError
from kling_async.jobs.journal import Journal
from kling_async.jobs.slots import SlotLimiter
from kling_async.schema.capabilities import CapabilityCheck, capability_problems
from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.task import Task
from kling_async.session.calls import Calls
from kling_async.session.submit import SubmitOptions

PATH: Final = "/v1/videos/image2video"

logger: Final = logging.getLogger("kling_async")


class Image2Video(Endpoint[Image2VideoRequest]):
    """The image2video endpoint; reached as `client.image2video`.

    Args:
        calls: Sends the requests.
        limiter: The client's slots.
        submit: How creates are carried through.
        journal: Where each job's steps are recorded, if anywhere.
        capabilities: What to do about a request that the capability map does not allow.
    """

    def __init__(
        self,
        calls: Calls,
        limiter: SlotLimiter,
        submit: SubmitOptions,
        journal: Journal | None,
        capabilities: CapabilityCheck,
    ) -> None:
        super().__init__(PATH, calls, limiter, submit, journal)
        self._capabilities = capabilities

    @override
    def _request_from(self, values: Mapping[str, Any]) -> Image2VideoRequest:
        return Image2VideoRequest.from_mapping(values)

    @override
    def _check(self, request: Image2VideoRequest) -> None:
        if not isinstance(request, Image2VideoRequest):
            kind = type(request).__name__
            raise ValidationError([Problem("request", f"is of type {kind}; give an Image2VideoRequest")])
        if self._capabilities == "off":
            return
        problems = tuple(capability_problems(request))
        if problems and self._capabilities == "error":
            raise ValidationError(problems)
        for problem in problems:
            logger.warning("the service will probably refuse this request: %s", problem)

    async def create(self, request: Image2VideoRequest | None = None, **fields: Any) -> Task:
        """Creates one task, and never two: a lost answer is looked up by its external id.

        Takes no slot of `max_in_flight`, since nobody would free it; `generate` does.

        Args:
            request: What to create. Where it has no `external_task_id`, one is generated.
            **fields: Instead of a request, the fields of one.

        Returns:
            The new task, or the one that exists already under the request's `external_task_id`.

        Raises:
            ValidationError: Rules that the request breaks, all of them; nothing was sent.
            APIError: The service refused; the subclass tells why.
            ConnectionFailedError: The server could not be reached; nothing was sent.
            SubmissionUnknownError: Whether the task exists could not be learnt; holds the id to look it up by.
        """
        if request is None:
            request = Image2VideoRequest(**fields)
        elif fields:
            names = ", ".join(fields)
            raise ValidationError([Problem("request", f"is given together with fields ({names}); give one")])
        return await self._create(request)
