"""kling_async: the asyncio-native client of the Kling AI image2video API.

    async with KlingClient() as kling:
        task = await kling.image2video.generate(Image2VideoRequest(image=Path("cat.jpg"), prompt="…"))
        await kling.download(task.videos[0], Path("cat.mp4"))

The names load when they are first asked for: the command line's help and the pytest plugin live in this package and
shall not pay for aiohttp. Type checkers and editors read them in `__init__.pyi`; a new name is one line in each.
"""

import importlib
from typing import Any, Final

from kling_async._version import __version__  # noqa: F401 - public; ruff does not see it in the sum below

_PUBLIC: Final = {
    "kling_async.callbacks": [
        "CallbackReceiver",
        "read_callback",
        "verify_signature",
    ],
    "kling_async.client": [
        "KlingClient",
    ],
    "kling_async.endpoints.base": [
        "Endpoint",
    ],
    "kling_async.endpoints.image2video": [
        "Image2Video",
    ],
    "kling_async.endpoints.mapping": [
        "MappingEndpoint",
    ],
    "kling_async.endpoints.text2video": [
        "Text2Video",
    ],
    "kling_async.endpoints.video_extend": [
        "VideoExtend",
    ],
    "kling_async.errors": [
        "APIError",
        "AccountError",
        "AuthenticationError",
        "BadRequestError",
        "CallbackSignatureError",
        "ClientClosedError",
        "ConcurrencyLimitError",
        "ConfigurationError",
        "ConnectionFailedError",
        "ContentPolicyError",
        "DownloadError",
        "DuplicateTaskError",
        "JournalError",
        "KlingError",
        "MalformedResponseError",
        "NotSubmittedError",
        "PermissionDeniedError",
        "Problem",
        "RateLimitError",
        "ResultMissingError",
        "ServerError",
        "SubmissionUnknownError",
        "TaskError",
        "TaskFailedError",
        "TaskNotFoundError",
        "TaskTimeoutError",
        "ValidationError",
    ],
    "kling_async.jobs.entry": [
        "JobEntry",
        "JobState",
    ],
    "kling_async.jobs.handle": [
        "Job",
    ],
    "kling_async.jobs.outcome": [
        "Failed",
        "JobOutcome",
        "Succeeded",
    ],
    "kling_async.jobs.slots": [
        "Slots",
    ],
    "kling_async.jobs.stream": [
        "JobStream",
    ],
    "kling_async.jobs.view": [
        "Journal",
    ],
    "kling_async.polling.schedule": [
        "Backoff",
        "Schedule",
    ],
    "kling_async.polling.wait": [
        "OnUpdate",
    ],
    "kling_async.schema.account": [
        "Account",
        "ResourcePack",
    ],
    "kling_async.schema.brush": [
        "DynamicMask",
        "TrajectoryPoint",
    ],
    "kling_async.schema.camera": [
        "CameraConfig",
        "CameraControl",
    ],
    "kling_async.schema.image2video": [
        "Image2VideoFields",
        "Image2VideoRequest",
    ],
    "kling_async.schema.images": [
        "ImageBase64",
        "ImageBytes",
        "ImageFile",
        "ImageInput",
        "ImageURL",
    ],
    "kling_async.schema.task": [
        "Audio",
        "Image",
        "Task",
        "TaskStatus",
        "Video",
    ],
    "kling_async.schema.text2video": [
        "Text2VideoFields",
        "Text2VideoRequest",
    ],
    "kling_async.schema.video_extend": [
        "VideoExtendFields",
        "VideoExtendRequest",
    ],
}
_HOME_OF: Final = {name: home for home, names in _PUBLIC.items() for name in names}

# Computed, so that a name stands here once; tools read __init__.pyi instead.
__all__ = sorted([*_HOME_OF, "__version__"])  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Loads a public name from its module, once."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
