"""Results onto the disk: which file a caller means, a fresh URL if the old one has run out, and the record of it.

Promises: what cannot be one result is refused before anything is requested; a URL that the file server refuses is asked
for again once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from anyio import to_thread
from attrs import frozen

from kling_async.errors import DownloadError, KlingError, Problem, ValidationError
from kling_async.events import DownloadDone, Events
from kling_async.jobs.download import Downloader, Fetched
from kling_async.jobs.media import MediaKind
from kling_async.jobs.outcome import Succeeded
from kling_async.jobs.recorder import Recorder
from kling_async.jobs.transfer import OnProgress
from kling_async.schema.task import Audio, Image, Task, Video
from kling_async.session.clock import now

_REFUSED: Final = frozenset({401, 403, 404, 410})  # how file servers say that a URL has run out
_SUFFIXES: Final[dict[MediaKind, str]] = {"video": ".mp4", "image": ".png", "audio": ".mp3"}

Result: TypeAlias = Video | Image | Audio
"""One file that a task has made."""

Downloadable: TypeAlias = Result | Task | Succeeded[Any]
"""What `client.download` takes."""


@frozen
class Results:
    """Downloads results for one client."""

    downloader: Downloader
    """Fetches files."""

    recorder: Recorder
    """Told of each file."""

    events: Events
    """Told of each download."""

    query: Callable[[str], Awaitable[Task]]
    """Gets a task by its id, from whichever endpoint has it."""

    clock: Callable[[], float]
    """Wall-clock time in unix seconds."""

    async def download(self, what: Downloadable, path: Path, on_progress: OnProgress | None) -> Path:
        """Downloads one result; see `KlingClient.download`."""
        result, path, began = _one(what), _one_path(path), now()
        if on_progress is not None and not callable(on_progress):
            message = f"is of type {type(on_progress).__name__}; it must be callable"
            raise ValidationError([Problem("on_progress", message)])
        try:
            fetched = await self.downloader.fetch(
                result.url,
                path,
                on_progress,
                kind=_kind(result),
                result_id=f"{result.task_id} {_name(result)}" if result.task_id else "",
                renew=lambda refused: self._fresh_url(result, refused),
            )
        except (KlingError, OSError) as error:
            self._tell(result, began, None, error)
            raise
        self._tell(result, began, fetched, None)
        await self.recorder.fetched(result.task_id, _absolute(path), fetched.sha256)
        return path

    async def download_all(
        self, what: Task | Succeeded[Any], folder: Path, on_progress: OnProgress | None
    ) -> list[Path]:
        """Downloads every result of a task; see `KlingClient.download_all`."""
        task = _task(what)
        results = all_results(task)
        if not results:
            raise ValidationError(
                [Problem("what", f"is task {task.task_id} ({task.status}) without a result")]
            )
        await to_thread.run_sync(_make_folder, folder)
        stem = "".join(each if each.isalnum() or each in "-_" else "_" for each in task.task_id)
        return [
            await self.download(result, folder / f"{stem}-{number}{suffix_of(result)}", on_progress)
            for number, result in enumerate(results, 1)
        ]

    async def check_target(self, path: Path) -> None:
        """Checks what a job is to be downloaded to, before it is waited for."""
        await self.downloader.check(_one_path(path))

    def _tell(self, result: Result, began: float, fetched: Fetched | None, error: Exception | None) -> None:
        self.events.emit(
            DownloadDone(
                task_id=result.task_id,
                seconds=now() - began,
                size=None if fetched is None else fetched.size,
                error=None if error is None else type(error).__name__,
            )
        )

    async def _fresh_url(self, result: Result, refused: DownloadError) -> str:
        """The result's URL as its task shows it now, if the old one was refused; else raises the error."""
        if refused.http_status not in _REFUSED or not result.task_id:
            raise refused
        task = await self.query(result.task_id)
        if task.expires_at is not None and task.expires_at.timestamp() < self.clock():
            when = f"{task.expires_at:%Y-%m-%d}"
            raise DownloadError(
                f"the result was purged on {when}, 30 days after its task ended", expired=True
            ) from refused
        fresh = next((each.url for each in all_results(task) if _same(each, result)), None)
        if fresh is None or fresh == result.url:
            raise refused
        return fresh


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"{folder} cannot be made: {error.strerror or error}") from error


def _one_path(path: Any) -> Path:
    """The path that a download was given; text is one, too."""
    if not isinstance(path, Path | str):
        raise ValidationError([Problem("path", f"is of type {type(path).__name__}; it must be a Path")])
    return Path(path)


def _absolute(path: Path) -> Path:
    return path.absolute()


def all_results(task: Task) -> list[Result]:
    """Returns a task's results: videos first, then images, then sounds."""
    return [*task.videos, *task.images, *task.audios]


def _task(what: Any) -> Task:
    task = what.task if isinstance(what, Succeeded) else what
    if isinstance(task, Task):
        return task
    message = f"is of type {type(what).__name__}; it must be a result, a Task or a Succeeded outcome"
    raise ValidationError([Problem("what", message)])


def _one(what: Any) -> Result:
    """The one result of what a download was given."""
    if isinstance(what, Result):
        return what
    task = _task(what)
    results = all_results(task)
    if len(results) == 1:
        return results[0]
    message = f"is task {task.task_id} ({task.status}) with {len(results)} results; it must have one"
    hint = "" if not results else "; download_all takes a task with several"
    raise ValidationError([Problem("what", message + hint)])


def suffix_of(result: Result) -> str:
    """Returns what the name of a result's file ends with, such as `.mp4`."""
    return _SUFFIXES[_kind(result)]


def _kind(result: Result) -> MediaKind:
    if isinstance(result, Video):
        return "video"
    return "image" if isinstance(result, Image) else "audio"


def _name(result: Result) -> str:
    """What tells a result from the others of its task."""
    return f"{_kind(result)} {result.index if isinstance(result, Image) else result.id}"


def _same(one: Result, other: Result) -> bool:
    return type(one) is type(other) and _name(one) == _name(other)
