"""What the user wants and what they were told: jobs with their pictures, results, errors and everything that was shown."""

import functools
import struct
import traceback
import zlib

import attrs

from kling_async.errors import (
    APIError,
    ConnectionFailedError,
    KlingError,
    NotSubmittedError,
    SubmissionUnknownError,
    TaskError,
    TaskFailedError,
    ValidationError,
)


@attrs.define
class Wish:
    """One job that the user wants."""

    index: int
    prompt: str
    kind: str
    """How its picture is given: `url`, `bytes` or `file`."""

    own_id: str | None
    shade: int
    """Of its picture; another one is another request."""

    @property
    def content(self):
        """What makes two requests ask for the same video."""
        shade = "" if self.kind == "url" else f" shade {self.shade}"
        return f"{self.prompt} {self.kind}{shade} {self.own_id}"


@functools.lru_cache(maxsize=512)
def picture(shade):
    """A PNG of 300 × 300 pixels in one shade of grey."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\x00" + bytes([shade % 256]) * 300) * 300
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 300, 300, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


class Told:
    """What the user was told, in all processes."""

    def __init__(self, history):
        self.history = history
        self.fetched = {}
        """By task id: how it came out, `succeed` or `failed`."""

        self.files = {}
        """By path: the task whose video it is said to be."""

        self.texts = []
        """Everything that was shown: errors with their tracebacks, log records."""

        self.open = {}
        """By wish: the ids by which a job goes on that has no result yet."""

        self.outcomes = []
        """Pairs of wish and error or task id."""

        self.journal_refused = None
        self.foreign = []
        """Errors that are not the library's, where only the library's may come."""

    def succeeded(self, wish, task):
        """A job ended well."""
        self.fetched[task.task_id] = "succeed"
        self.open.pop(wish.index, None)
        self.outcomes.append((wish, task.task_id))
        self.history.note("user", f"job {wish.index} has the video of task {task.task_id}")

    def failed(self, wish, error):
        """A job has no result, and this is why."""
        self.shown(error)
        self.outcomes.append((wish, error))
        self.history.note("user", f"job {wish.index}: {type(error).__name__}: {str(error)[:300]}")
        if isinstance(error, TaskFailedError):
            self.fetched[error.task_id] = "failed"
            self.open.pop(wish.index, None)
        elif (ids := ids_of(error)) is not None:
            self.open[wish.index] = ids
        if not isinstance(error, KlingError | OSError):
            self.foreign.append(error)

    def seen(self, wish, task):
        """An update told a task's id."""
        self.open[wish.index] = task.task_id

    def shown(self, error):
        """An error's text, as a program or a traceback shows it."""
        self.texts.append(f"{error!s} {error!r}")
        self.texts.append("".join(traceback.format_exception(error)))
        self.texts.extend(getattr(error, "__notes__", ()))

    def everything(self):
        """All text that was shown."""
        return "\n".join(self.texts)


def ids_of(error):
    """The id by which a job goes on after this error, or None."""
    if isinstance(error, SubmissionUnknownError):
        return error.external_task_id
    return getattr(error, "task_id", None) or None


def nothing_was_created(error):
    """Whether the error says that no task exists, so that the user may ask again."""
    if "wait for task" in str(error) or isinstance(error, TaskError | SubmissionUnknownError):
        return False
    if isinstance(error, ConnectionFailedError):
        return not error.sent
    if isinstance(error, APIError):
        return 1000 <= error.code < 2000
    return isinstance(error, NotSubmittedError | ValidationError)
