# The public names, for editors and type checkers. `__init__.py` loads the same ones when they are first asked for.

from kling_async._version import __version__ as __version__
from kling_async.callbacks import (
    CallbackReceiver as CallbackReceiver,
    read_callback as read_callback,
    verify_signature as verify_signature,
)
from kling_async.client import KlingClient as KlingClient
from kling_async.endpoints.base import Endpoint as Endpoint
from kling_async.endpoints.image2video import Image2Video as Image2Video
from kling_async.endpoints.mapping import MappingEndpoint as MappingEndpoint
from kling_async.endpoints.text2video import Text2Video as Text2Video
from kling_async.endpoints.video_extend import VideoExtend as VideoExtend
from kling_async.errors import (
    AccountError as AccountError,
    APIError as APIError,
    AuthenticationError as AuthenticationError,
    BadRequestError as BadRequestError,
    CallbackSignatureError as CallbackSignatureError,
    ClientClosedError as ClientClosedError,
    ConcurrencyLimitError as ConcurrencyLimitError,
    ConfigurationError as ConfigurationError,
    ConnectionFailedError as ConnectionFailedError,
    ContentPolicyError as ContentPolicyError,
    DownloadError as DownloadError,
    DuplicateTaskError as DuplicateTaskError,
    JournalError as JournalError,
    KlingError as KlingError,
    MalformedResponseError as MalformedResponseError,
    NotSubmittedError as NotSubmittedError,
    PermissionDeniedError as PermissionDeniedError,
    Problem as Problem,
    RateLimitError as RateLimitError,
    ResultMissingError as ResultMissingError,
    ServerError as ServerError,
    SubmissionUnknownError as SubmissionUnknownError,
    TaskError as TaskError,
    TaskFailedError as TaskFailedError,
    TaskNotFoundError as TaskNotFoundError,
    TaskTimeoutError as TaskTimeoutError,
    ValidationError as ValidationError,
)
from kling_async.jobs.entry import JobEntry as JobEntry, JobState as JobState
from kling_async.jobs.handle import Job as Job
from kling_async.jobs.outcome import Failed as Failed, JobOutcome as JobOutcome, Succeeded as Succeeded
from kling_async.jobs.slots import Slots as Slots
from kling_async.jobs.stream import JobStream as JobStream
from kling_async.jobs.view import Journal as Journal
from kling_async.polling.schedule import (
    Backoff as Backoff,
    Schedule as Schedule,
)
from kling_async.polling.wait import OnUpdate as OnUpdate
from kling_async.schema.account import Account as Account, ResourcePack as ResourcePack
from kling_async.schema.brush import DynamicMask as DynamicMask, TrajectoryPoint as TrajectoryPoint
from kling_async.schema.camera import CameraConfig as CameraConfig, CameraControl as CameraControl
from kling_async.schema.image2video import (
    Image2VideoFields as Image2VideoFields,
    Image2VideoRequest as Image2VideoRequest,
)
from kling_async.schema.images import (
    ImageBase64 as ImageBase64,
    ImageBytes as ImageBytes,
    ImageFile as ImageFile,
    ImageInput as ImageInput,
    ImageURL as ImageURL,
)
from kling_async.schema.task import (
    Audio as Audio,
    Image as Image,
    Task as Task,
    TaskStatus as TaskStatus,
    Video as Video,
)
from kling_async.schema.text2video import (
    Text2VideoFields as Text2VideoFields,
    Text2VideoRequest as Text2VideoRequest,
)
from kling_async.schema.video_extend import (
    VideoExtendFields as VideoExtendFields,
    VideoExtendRequest as VideoExtendRequest,
)
