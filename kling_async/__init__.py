"""kling_async: the asyncio-native client of the Kling AI image2video API.

async with KlingClient() as kling:
task = await kling.image2video.generate(Image2VideoRequest(image=Path("cat.jpg"), prompt="…"))
await kling.download(task.videos[0], Path("cat.mp4"))

The names load when they are first asked for: the command line's help and the pytest plugin live in this package and
shall not pay for aiohttp.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from kling_async._version import __version__

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.errors import (
        AccountError,
        APIError,
        AuthenticationError,
        BadRequestError,
        CallbackSignatureError,
        ClientClosedError,
        ConcurrencyLimitError,
        ConfigurationError,
        ConnectionFailedError,
        ContentPolicyError,
        DownloadError,
        DuplicateTaskError,
        JournalError,
        KlingError,
        MalformedResponseError,
        NotSubmittedError,
        PermissionDeniedError,
        Problem,
        RateLimitError,
        ResultMissingError,
        ServerError,
        SubmissionUnknownError,
        TaskError,
        TaskFailedError,
        TaskNotFoundError,
        TaskTimeoutError,
        ValidationError,
    )
    from kling_async.jobs.stream import JobOutcome, JobStream
    from kling_async.polling.schedule import Backoff, Schedule
    from kling_async.schema.image2video import (
        CameraConfig,
        CameraControl,
        DynamicMask,
        Image2VideoRequest,
        TrajectoryPoint,
    )
    from kling_async.schema.images import ImageBase64, ImageBytes, ImageFile, ImageURL
    from kling_async.schema.task import Task, TaskStatus, Video

__all__ = [
    "APIError",
    "AccountError",
    "AuthenticationError",
    "Backoff",
    "BadRequestError",
    "CallbackSignatureError",
    "CameraConfig",
    "CameraControl",
    "ClientClosedError",
    "ConcurrencyLimitError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContentPolicyError",
    "DownloadError",
    "DuplicateTaskError",
    "DynamicMask",
    "Image2VideoRequest",
    "ImageBase64",
    "ImageBytes",
    "ImageFile",
    "ImageURL",
    "JobOutcome",
    "JobStream",
    "JournalError",
    "KlingClient",
    "KlingError",
    "MalformedResponseError",
    "NotSubmittedError",
    "PermissionDeniedError",
    "Problem",
    "RateLimitError",
    "ResultMissingError",
    "Schedule",
    "ServerError",
    "SubmissionUnknownError",
    "Task",
    "TaskError",
    "TaskFailedError",
    "TaskNotFoundError",
    "TaskStatus",
    "TaskTimeoutError",
    "TrajectoryPoint",
    "ValidationError",
    "Video",
    "__version__",
]

_HOMES: Final = {
    "kling_async.client": "KlingClient",
    "kling_async.errors": (
        "AccountError APIError AuthenticationError BadRequestError CallbackSignatureError ClientClosedError "
        "ConcurrencyLimitError ConfigurationError ConnectionFailedError "
        "ContentPolicyError DownloadError DuplicateTaskError JournalError KlingError "
        "MalformedResponseError NotSubmittedError PermissionDeniedError Problem "
        "RateLimitError ResultMissingError ServerError SubmissionUnknownError TaskError "
        "TaskFailedError TaskNotFoundError TaskTimeoutError ValidationError "
    ),
    "kling_async.jobs.stream": "JobOutcome JobStream",
    "kling_async.schema.images": "ImageBase64 ImageBytes ImageFile ImageURL",
    "kling_async.schema.image2video": "CameraConfig CameraControl DynamicMask Image2VideoRequest TrajectoryPoint",
    "kling_async.schema.task": "Task TaskStatus Video",
    "kling_async.polling.schedule": "Backoff Schedule",
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Loads a public name from its module, once."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
