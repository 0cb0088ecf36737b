"""kling_async: the asyncio-native client of the Kling AI image2video API.

async with KlingClient() as kling:
task = await kling.image2video.generate(Image2VideoRequest(image=Path("cat.jpg"), prompt="…"))
await kling.download(task.videos[0], Path("cat.mp4"))
"""

from kling_async._version import __version__
from kling_async.client import KlingClient
from kling_async.errors import (
    AccountError,
    APIError,
    AuthenticationError,
    BadRequestError,
    CallbackSignatureError,
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
from kling_async.jobs.batch import JobOutcome, JobStream
from kling_async.schema.images import ImageBase64, ImageBytes, ImageFile, ImageURL
from kling_async.schema.request import (
    CameraConfig,
    CameraControl,
    DynamicMask,
    Image2VideoRequest,
    TrajectoryPoint,
)
from kling_async.schema.task import Task, TaskStatus, Video
from kling_async.waiting.schedule import Backoff, Schedule

__all__ = [
    "APIError",
    "AccountError",
    "AuthenticationError",
    "Backoff",
    "BadRequestError",
    "CallbackSignatureError",
    "CameraConfig",
    "CameraControl",
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
