"""The client: puts credentials, transport, slots and endpoints together.

Promises: nothing is opened before the first request; two clients share nothing; the environment is read here and in the
command line alone; the repr shows the host and a key's first characters.
"""

from __future__ import annotations

import functools
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, get_args

from typing_extensions import override

from kling_async.callbacks.desk import CallbackDesk
from kling_async.endpoints.base import Endpoint
from kling_async.endpoints.image2video import Image2Video
from kling_async.endpoints.spec import Shared
from kling_async.errors import (
    ConfigurationError,
    TaskNotFoundError,
)
from kling_async.events import Events, OnEvent
from kling_async.jobs.closing import finished_whatever_comes
from kling_async.jobs.download import Downloader
from kling_async.jobs.outcome import Succeeded
from kling_async.jobs.recorder import NoRecord, Recorder
from kling_async.jobs.results import Downloadable, Results
from kling_async.jobs.slots import Slots, set_limits
from kling_async.jobs.submission import OnUnknown, SubmitOptions
from kling_async.jobs.transfer import OnProgress
from kling_async.jobs.view import Journal
from kling_async.jobs.waits import check_submit_timeout, check_wait
from kling_async.polling.plan import PaceName
from kling_async.polling.schedule import Schedule
from kling_async.schema import rules
from kling_async.schema.capabilities import CapabilityCheck
from kling_async.schema.family import path_problems
from kling_async.schema.task import Task
from kling_async.session.addresses import check_url
from kling_async.session.auth import Secret, Signer, choose_signer
from kling_async.session.calls import Calls
from kling_async.session.http import Transport
from kling_async.session.throttle import Throttle
from kling_async.session.upload import prepare

if TYPE_CHECKING:
    import aiohttp

    from kling_async.endpoints.mapping import MappingEndpoint
    from kling_async.endpoints.text2video import Text2Video
    from kling_async.endpoints.video_extend import VideoExtend
    from kling_async.schema.account import Account

EndpointT = TypeVar("EndpointT", bound=Endpoint[Any])

DEFAULT_BASE_URL: Final = "https://api.klingai.com"
"""The API reference's own host; keys of other regions need another, such as https://api-singapore.klingai.com."""


class KlingClient:
    """An asyncio client of the Kling AI API; use it as `async with KlingClient() as kling`.

    Args:
        access_key: With `secret_key`, signs a token for each request; else `KLING_ACCESS_KEY`.
        secret_key: Else `KLING_SECRET_KEY`.
        api_key: A static key instead of the pair; else `KLING_API_KEY`.
        base_url: Where the service is: https, or http on a loopback host; else `KLING_BASE_URL`, else
            `DEFAULT_BASE_URL`.
        max_in_flight: How many tasks may run at once over every `generate…` and `submit` call of this client, 1 or
            more; None: no limit of our own. A number is for videos; a mapping such as `{"video": 20, "image": 9}`
            limits each kind of task by itself, and the kinds that it does not name not at all.
        journal: A file in which each job is recorded before it is sent, so that a killed process can go on from
            it: the same script run again meets its own jobs. None: no journal.
        capabilities: What to do about a request that the capability map does not allow: "error", "warn" or
            "off".
        submit_timeout: Seconds for one create in all, its retries and look-ups included.
        on_unknown: What to do about a create that has no clear outcome and was not found for the settle time:
            "resend" it under the same id, or "hold" it back and raise `SubmissionUnknownError`.
        schedule: When waits poll that have no schedule of their own, see `kling_async.polling.schedule`; None
            learns from finished jobs.
        pace: How eagerly the list is polled when many tasks are waited for: "prompt" notices ends within about a
            second, "thrifty" sends a few times fewer requests.
        on_event: Called with each event, see `kling_async.events`; what it raises is logged once.
        session: A session of the caller's; it is neither configured nor closed. Creates take no connection from its
            pool.
        trace_configs: aiohttp's traces for the sessions that are opened here; the Authorization header's repr is
            masked for them too.
        adopt_journal: Whether a journal that another key of the same account wrote at this host is taken over; the
            journal records it.
        private_downloads: Whether results may come from addresses that are not public. They always may if `base_url` is
            on a loopback host.
        trust_env: Whether requests go through the proxy that `HTTPS_PROXY` and `NO_PROXY` name; a `session` as it says.
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
        max_in_flight: int | Mapping[str, int | None] | None = None,
        journal: Path | None = None,
        capabilities: CapabilityCheck = "error",
        submit_timeout: float = 300.0,
        on_unknown: OnUnknown = "resend",
        schedule: Schedule | None = None,
        pace: PaceName = "prompt",
        on_event: OnEvent | None = None,
        session: aiohttp.ClientSession | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        adopt_journal: bool = False,
        private_downloads: bool = False,
        trust_env: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        access, secret, static = _hidden(access_key), _hidden(secret_key), _hidden(api_key)
        del access_key, secret_key, api_key  # a traceback's locals shall not show them
        self._clock = clock
        signer, self._shown_key = choose_signer(access, secret, static, os.environ, clock)
        self._account = signer.account
        url = base_url or os.environ.get("KLING_BASE_URL") or DEFAULT_BASE_URL
        _check_choice("capabilities", capabilities, CapabilityCheck)
        _check_choice("on_unknown", on_unknown, OnUnknown)
        _check_choice("pace", pace, PaceName)
        check_submit_timeout(submit_timeout)
        check_wait(None, schedule)
        if on_event is not None and not callable(on_event):
            raise ConfigurationError(f"on_event is of type {type(on_event).__name__}; it must be callable")
        self._transport = Transport(
            check_url("base_url (KLING_BASE_URL)", url),
            session,
            private_downloads=private_downloads,
            trace_configs=trace_configs,
            trust_env=trust_env,
        )
        self._calls = Calls(self._transport, signer, clock)
        self._events = Events(on_event)
        self.slots: Slots = Slots(None, self._calls.jitter, events=self._events)
        """The slots of video tasks: `held`, `waiting` and `limit`; those of other kinds are `slots.of("image")`, …"""

        set_limits(self.slots, max_in_flight)

        self._recorder: Recorder = NoRecord()
        if journal is not None:
            from kling_async.jobs.journal import JournalRecord  # noqa: PLC0415 - SQLite, for those who keep one

            self._recorder = JournalRecord(
                Path(journal), self._owner(signer), adopt=adopt_journal, clock=clock
            )
        self._results = Results(Downloader(self._transport), self._recorder, self._events, self._query, clock)
        self.callbacks: CallbackDesk = CallbackDesk(signer, self._events, clock, lambda: self._transport.loop)
        """Where a `CallbackReceiver` of this client gets what it needs."""

        self._shared = Shared(
            callbacks=self.callbacks,
            calls=self._calls,
            slots=self.slots,
            recorder=self._recorder,
            events=self._events,
            throttle=Throttle(),
            submit=SubmitOptions(submit_timeout, on_unknown),
            schedule=schedule,
            pace=pace,
            capabilities=capabilities,
            check_target=self._results.check_target,
            download=self.download,
        )
        self._endpoints: dict[
            str, Endpoint[Any]
        ] = {}  # by path or attribute, in the order of their first use
        self.image2video: Image2Video = self._known_as("image2video", Image2Video(self._shared))
        """A still image in, a video out."""

    @override
    def __repr__(self) -> str:
        if not hasattr(self, "image2video"):  # in the traceback of a client that could not be made
            return "KlingClient(…)"
        url = self._transport.base_url
        return f"KlingClient(base_url={str(url.origin())!r}, key={self._shown_key!r}, slots={self.slots!r})"

    @functools.cached_property
    def text2video(self) -> Text2Video:
        """Text in, a video out."""
        from kling_async.endpoints.text2video import Text2Video  # noqa: PLC0415 - loaded when it is asked for

        return self._known_as("text2video", Text2Video(self._shared))

    @functools.cached_property
    def video_extend(self) -> VideoExtend:
        """A video in, a longer one out."""
        from kling_async.endpoints.video_extend import VideoExtend  # noqa: PLC0415 - as above

        return self._known_as("video_extend", VideoExtend(self._shared))

    @property
    def max_in_flight(self) -> int | None:
        """How many video tasks may run at once; may be changed while they run."""
        return self.slots.limit

    @max_in_flight.setter
    def max_in_flight(self, limit: int | None) -> None:
        self.slots.limit = limit

    @property
    def account_digest(self) -> str:
        """Tells accounts apart without telling a key; what a queue compares before a worker takes a job."""
        return self._account

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
        for endpoint in tuple(self._endpoints.values()):
            await endpoint.aclose()
        self.slots.close()
        await self._transport.aclose()
        self._recorder.close()

    def endpoint(self, path: str) -> MappingEndpoint:
        """Any other endpoint of the family, whose requests are mappings in the API's own names.

        Everything but the request's class holds as for `image2video`: exactly-once creates (if the path takes an
        `external_task_id`), slots by kind of task, shared polls, the journal, events and downloads. Pictures anywhere
        in a mapping may be `pathlib.Path`, bytes, a URL or base64.

        Args:
            path: The path, such as `/v1/videos/omni-video`; the same path gives the same object.

        Raises:
            ValidationError: The path does not start with `/v1/`, or answers at once and makes no task.
        """
        from kling_async.endpoints.mapping import MappingEndpoint  # noqa: PLC0415 - loaded when it is asked for

        found = self._endpoints.get(path)
        return (
            found
            if isinstance(found, MappingEndpoint)
            else self._known_as(path, MappingEndpoint(path, self._shared))
        )

    async def call(self, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Makes one POST to a path of the family that answers with its result at once.

        Nothing is repeated once a byte was sent, since what such a call costs or changes is not known.

        Args:
            path: The path, such as `/v1/audio/tts`.
            fields: The request in the API's own names; pictures as for `endpoint`.

        Returns:
            The answer's `data`.

        Raises:
            ValidationError: The path does not start with `/v1/` or is known to make tasks, or a field cannot travel;
                nothing was sent.
            APIError: The service refused.
            ConnectionFailedError: There was no answer; `sent` tells whether anything can have left.
            MalformedResponseError: The answer is not an envelope of the service.
        """
        from kling_async.schema.mapping import MappingRequest  # noqa: PLC0415 - loaded when it is asked for

        rules.raise_any(path_problems(path, synchronous=True))
        upload = await prepare(MappingRequest(path, fields))
        envelope = await self._calls.create(path, upload)
        return dict(envelope.data) if isinstance(envelope.data, Mapping) else {"data": envelope.data}

    async def download_all(
        self, what: Task | Succeeded[Any], folder: Path, *, on_progress: OnProgress | None = None
    ) -> list[Path]:
        """Downloads every result of a task, each whole or not at all.

        Args:
            what: A succeeded task, or a succeeded outcome.
            folder: The folder to write to, made if it is missing; the files are called like the task's id and their number, from 1.
            on_progress: Called with the bytes so far and the whole length of each file.

        Returns:
            The paths, videos first, then images, then sounds.

        Raises:
            ValidationError: The task has no result.
            DownloadError: A file could not be fetched; those before it are there.
        """
        return await self._results.download_all(what, Path(folder), on_progress)

    async def download(
        self, what: Downloadable, path: Path, *, on_progress: OnProgress | None = None
    ) -> Path:
        """Downloads a result onto the disk, whole or not at all.

        Args:
            what: A video, image or sound, or a succeeded task or outcome with just one; its URL is valid until 30 days
                after the task ended.
            path: The file to write; an existing one is replaced.
            on_progress: Called with the bytes so far and the whole length (None if it is not known).

        Returns:
            The path.

        Raises:
            ValidationError: `what` has no result, or more than one, or another argument is of a wrong type; nothing was
                requested.
            DownloadError: It could not be fetched whole, is of another kind, is on an address that is not allowed, was
                purged (`expired`), or the disk refused (the cause is the OSError). If the URL was refused, the task
                was polled once for a new one.
            ConfigurationError: The path is being written by another download, or was replaced meanwhile.
        """
        return await self._results.download(what, path, on_progress)

    async def _query(self, task_id: str) -> Task:
        """A task by its id; it is known only under its own endpoint, so each one in use is asked."""
        *others, last = self._endpoints.values()
        for endpoint in others:
            try:
                return await endpoint.get(task_id)
            except TaskNotFoundError:
                continue
        return await last.get(task_id)

    def _known_as(self, name: str, endpoint: EndpointT) -> EndpointT:
        """The endpoint itself, closed and asked with the others from now on."""
        self._endpoints[name] = endpoint
        return endpoint

    async def account(self, *, days: int = 365) -> Account:
        """Asks for the account's packs and what is left, at most about once a second; the service counts with a delay.

        Args:
            days: How far back to ask, 1 to 3650.

        Raises:
            KlingError: `days` is not such a number, or the service refused or could not be asked.
        """
        from kling_async.schema import account  # noqa: PLC0415 - loaded when it is asked for

        query = account.costs_query(days, self._clock())
        return account.read_account(await self._calls.read(account.COSTS_PATH, query))

    async def check_credentials(self) -> None:
        """Makes a free call, to see whether the keys work at this host.

        Raises:
            AuthenticationError: They do not; the text says what the service finds wrong.
            KlingError: The service could not be asked.
        """
        try:
            await self.image2video.get(f"credentials-check-{uuid.uuid4().hex}")
        except TaskNotFoundError:
            return  # so the keys were accepted


def _check_choice(name: str, value: object, choices: object) -> None:
    if value not in get_args(choices):
        raise ConfigurationError(f"{name} is {value!r}; it must be one of {', '.join(get_args(choices))}")


def _hidden(key: str | None) -> Secret | None:
    return Secret(key) if key else None
