"""The client: puts credentials, transport, slots and endpoints together.

Promises: nothing is opened before the first request; two clients share nothing; the environment is read here and in the
command line alone; the repr shows the host and a key's first characters.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, get_args

import anyio
from typing_extensions import override

from kling_async.endpoints.image2video import Image2Video
from kling_async.endpoints.spec import Shared
from kling_async.errors import (
    ConfigurationError,
    DownloadError,
    KlingError,
    Problem,
    TaskNotFoundError,
    ValidationError,
)
from kling_async.events import DownloadDone, Events, OnEvent
from kling_async.jobs.closing import finished_whatever_comes
from kling_async.jobs.download import Downloader, Fetched
from kling_async.jobs.journal import JournalRecord
from kling_async.jobs.outcome import Succeeded
from kling_async.jobs.recorder import NoRecord, Recorder
from kling_async.jobs.slots import Slots
from kling_async.jobs.submission import OnUnknown, SubmitOptions
from kling_async.jobs.transfer import OnProgress
from kling_async.jobs.view import Journal
from kling_async.jobs.waits import LONGEST, check_wait
from kling_async.polling.schedule import Schedule
from kling_async.schema.capabilities import CapabilityCheck
from kling_async.schema.task import Task, Video
from kling_async.session.addresses import check_url
from kling_async.session.auth import Secret, Signer, choose_signer
from kling_async.session.calls import Calls
from kling_async.session.http import Transport
from kling_async.session.throttle import Throttle

if TYPE_CHECKING:
    import aiohttp

_REFUSED: Final = frozenset({401, 403, 404, 410})  # how file servers say that a URL has run out

DEFAULT_BASE_URL: Final = "https://api.klingai.com"
"""The page's own host; keys of other regions need another, such as https://api-singapore.klingai.com."""


class KlingClient:
    """An asyncio client of the Kling AI API; use it as `async with KlingClient() as kling`.

    Args:
        access_key: With `secret_key`, signs a token for each request; else `KLING_ACCESS_KEY`.
        secret_key: Else `KLING_SECRET_KEY`.
        api_key: A static key instead of the pair; else `KLING_API_KEY`.
        base_url: Where the service is: https, or http on a loopback host; else `KLING_BASE_URL`, else
            `DEFAULT_BASE_URL`.
        max_in_flight: How many tasks may run at once over every `generate…` call of this client, 1 or more;
            None: no limit of our own. Can be changed while the client runs.
        journal: A file in which each job is recorded before it is sent, so that a killed process can go on from
            it: the same script run again meets its own jobs. None: no journal.
        capabilities: What to do about a request that the capability map does not allow: "error", "warn" or
            "off".
        submit_timeout: Seconds for one create in all, its retries and look-ups included.
        on_unknown: What to do about a create that has no clear outcome and was not found for the settle time:
            "resend" it under the same id, or "hold" it back and raise `SubmissionUnknownError`.
        schedule: When waits poll that have no schedule of their own, see `kling_async.polling.schedule`; None
            learns from finished jobs.
        on_event: Called with each event, see `kling_async.events`; what it raises is logged once.
        session: A session of the caller's; it is neither configured nor closed. Creates take no connection from its
            pool.
        trace_configs: aiohttp's traces for the sessions that are opened here; the Authorization header's repr is
            masked for them too.
        adopt_journal: Whether a journal that another key of the same account wrote at this host is taken over; the
            journal records it.
        private_downloads: Whether results may come from addresses that are not public. They always may if `base_url` is
            on a loopback host.
        clock: Wall-clock time in unix seconds; for tests.

    Raises:
        ConfigurationError: No usable credentials, URL or option; the text names the variable or argument.
    """

    def __init__(
        self,
        access_key: str | None = None,
        secret_key: str | None = None,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        max_in_flight: int | None = None,
        journal: Path | None = None,
        capabilities: CapabilityCheck = "error",
        submit_timeout: float = 300.0,
        on_unknown: OnUnknown = "resend",
        schedule: Schedule | None = None,
        on_event: OnEvent | None = None,
        session: aiohttp.ClientSession | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        adopt_journal: bool = False,
        private_downloads: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        access, secret, static = _hidden(access_key), _hidden(secret_key), _hidden(api_key)
        del access_key, secret_key, api_key  # a traceback's locals shall not show them
        self._clock = clock
        signer, self._shown_key = choose_signer(access, secret, static, os.environ, clock)
        url = base_url or os.environ.get("KLING_BASE_URL") or DEFAULT_BASE_URL
        _check_choice("capabilities", capabilities, CapabilityCheck)
        _check_choice("on_unknown", on_unknown, OnUnknown)
        _check_submit_timeout(submit_timeout)
        check_wait(None, schedule)
        if on_event is not None and not callable(on_event):
            raise ConfigurationError(f"on_event is of type {type(on_event).__name__}; it must be callable")
        self._transport = Transport(
            check_url("base_url (KLING_BASE_URL)", url),
            session,
            private_downloads=private_downloads,
            trace_configs=trace_configs,
        )
        self._calls = Calls(self._transport, signer, clock)
        self._events = Events(on_event)
        self.slots = Slots(max_in_flight, self._calls.jitter, events=self._events)
        """The slots of all jobs: `held`, `waiting` and `limit`."""

        self._downloader = Downloader(self._transport)
        self._recorder: Recorder = NoRecord()
        if journal is not None:
            self._recorder = JournalRecord(
                Path(journal), self._owner(signer), adopt=adopt_journal, clock=clock
            )
        self.image2video = Image2Video(
            Shared(
                calls=self._calls,
                slots=self.slots,
                recorder=self._recorder,
                events=self._events,
                throttle=Throttle(),
                submit=SubmitOptions(submit_timeout, on_unknown),
                schedule=schedule,
                capabilities=capabilities,
                check_target=self._check_target,
                download=self.download,
            )
        )
        """The image2video endpoint."""

    @override
    def __repr__(self) -> str:
        if not hasattr(self, "image2video"):  # in the traceback of a client that could not be made
            return "KlingClient(…)"
        url = self._transport.base_url
        return f"KlingClient(base_url={str(url.origin())!r}, key={self._shown_key!r}, slots={self.slots!r})"

    @property
    def max_in_flight(self) -> int | None:
        """How many tasks may run at once over every `generate…` call; may be changed while they run."""
        return self.slots.limit

    @max_in_flight.setter
    def max_in_flight(self, limit: int | None) -> None:
        self.slots.limit = limit

    def _owner(self, signer: Signer) -> str:
        """Whose jobs a journal holds: the host and a digest that tells accounts apart without telling a key."""
        return f"{self._transport.base_url.origin()} {signer.account}"

    @property
    def journal(self) -> Journal | None:
        """The jobs as they are recorded, read-only; None without a journal."""
        return self._recorder.view

    async def __aenter__(self) -> Self:
        await self._recorder.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends all waits and closes what was opened, whatever is cancelled meanwhile; a caller's session stays open.

        Waits end with `ClientClosedError`, jobs before acceptance with `NotSubmittedError` or, if their create may have
        left, with `SubmissionUnknownError`.
        """
        await finished_whatever_comes(self._close())

    async def _close(self) -> None:
        await self.image2video.aclose()
        self.slots.close()
        await self._transport.aclose()
        self._recorder.close()

    async def download(
        self, what: Video | Task | Succeeded[Any], path: Path, *, on_progress: OnProgress | None = None
    ) -> Path:
        """Downloads a result onto the disk, whole or not at all.

        Args:
            what: A video, a succeeded task or a succeeded outcome with one video; its URL is valid until 30 days after
                the task ended.
            path: The file to write; an existing one is replaced.
            on_progress: Called with the bytes so far and the whole length (None if it is not known).

        Returns:
            The path.

        Raises:
            ValidationError: `what` has no video, or more than one, or another argument is of a wrong type; nothing was
                requested.
            DownloadError: It could not be fetched whole, is not a video, is on an address that is not allowed, was
                purged (`expired`), or the disk refused (the cause is the OSError). If the URL was refused, the task
                was polled once for a new one.
            ConfigurationError: The path is being written by another download, or was replaced meanwhile.
        """
        video, path = _one_video(what), _one_path(path)
        if on_progress is not None and not callable(on_progress):
            message = f"is of type {type(on_progress).__name__}; it must be callable"
            raise ValidationError([Problem("on_progress", message)])
        began = anyio.current_time()
        try:
            fetched = await self._downloader.fetch(
                video.url,
                path,
                on_progress,
                result_id=f"{video.task_id} {video.id}" if video.task_id else "",
                renew=lambda refused: self._fresh_url(video, refused),
            )
        except (KlingError, OSError) as error:
            self._tell_download(video, began, None, error)
            raise
        self._tell_download(video, began, fetched, None)
        await self._recorder.fetched(video.task_id, path.absolute(), fetched.sha256)
        return path

    async def _check_target(self, path: Path) -> None:
        """Checks what a job is to be downloaded to, before it is waited for."""
        await self._downloader.check(_one_path(path))

    def _tell_download(
        self, video: Video, began: float, fetched: Fetched | None, error: Exception | None
    ) -> None:
        self._events.emit(
            DownloadDone(
                task_id=video.task_id,
                seconds=anyio.current_time() - began,
                size=None if fetched is None else fetched.size,
                error=None if error is None else type(error).__name__,
            )
        )

    async def _fresh_url(self, video: Video, refused: DownloadError) -> str:
        """The video's URL as a new look shows it, where the old one was refused; else raises the error."""
        if refused.http_status not in _REFUSED or not video.task_id:
            raise refused
        task = await self.image2video.get(video.task_id)
        if task.expires_at is not None and task.expires_at.timestamp() < self._clock():
            when = f"{task.expires_at:%Y-%m-%d}"
            raise DownloadError(
                f"the result was purged on {when}, 30 days after its task ended", expired=True
            ) from refused
        fresh = next((each.url for each in task.videos if each.id == video.id), None)
        if fresh is None or fresh == video.url:
            raise refused
        return fresh

    async def check_credentials(self) -> None:
        """Makes a free call, to see whether the keys work at this host.

        Raises:
            AuthenticationError: They do not; the text says what the service finds wrong.
            KlingError: The service could not be asked.
        """
        try:
            await self.image2video.get(f"credentials-check-{uuid.uuid4().hex}")
        except TaskNotFoundError:
            return  # so the keys were good enough to look


def _one_video(what: Any) -> Video:
    """The one video of what a download was given."""
    if isinstance(what, Video):
        return what
    task = what.task if isinstance(what, Succeeded) else what
    if not isinstance(task, Task):
        message = f"is of type {type(what).__name__}; it must be a Video, a Task or a Succeeded outcome"
        raise ValidationError([Problem("what", message)])
    if len(task.videos) != 1:
        message = f"is task {task.task_id} ({task.status}) with {len(task.videos)} videos; it must have one"
        raise ValidationError([Problem("what", message)])
    return task.videos[0]


def _one_path(path: Any) -> Path:
    """The path that a download was given; text is one, too."""
    if not isinstance(path, Path | str):
        raise ValidationError([Problem("path", f"is of type {type(path).__name__}; it must be a Path")])
    return Path(path)


def _check_submit_timeout(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST:
        bound = f"it must be seconds above 0 and at most {LONGEST:.0f}"
        raise ConfigurationError(f"submit_timeout is {value!r}; {bound}")


def _check_choice(name: str, value: object, choices: object) -> None:
    if value not in get_args(choices):
        raise ConfigurationError(f"{name} is {value!r}; it must be one of {', '.join(get_args(choices))}")


def _hidden(key: str | None) -> Secret | None:
    return Secret(key) if key else None
