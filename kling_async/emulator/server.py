"""`Emulator`: the service on this machine, ready when the block is entered, gone when it is left.

    async with Emulator(capacity=5) as emulator:
        ...  # emulator.url, emulator.access_key, emulator.secret_key

`with Emulator(…) as emulator:` runs it in a thread of its own, for callers without an event loop and for those that block
theirs.

An emulator is its settings and its plan of trouble: both can be changed while it runs, and everything that
depends on them reads them there. Its state is its own: two emulators share nothing. Its ledger is what tests judge by.
"""

import asyncio
import math
import ssl
import tempfile
import time
from collections import Counter, deque
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import attrs
from aiohttp import web
from typing_extensions import override

from kling_async.emulator.front import Front
from kling_async.emulator.ledger import Ledger, RequestRecord
from kling_async.emulator.service.account import Account
from kling_async.emulator.service.callbacks import Callback, CallbackHabits, CallbackSender
from kling_async.emulator.service.calls import Service
from kling_async.emulator.service.settings import Settings
from kling_async.emulator.service.states import Task
from kling_async.emulator.threaded import HeldInThread
from kling_async.emulator.tls import server_context
from kling_async.emulator.trouble.plan import FaultPlan
from kling_async.emulator.videos.gallery import Gallery

GRACE_SECONDS = 0.05
"""How long handlers may go on when the emulator closes."""

CALL_SECONDS = 30.0
"""How long a caller in another thread waits for the emulator's."""

GLANCE_SECONDS = 0.001
"""How often it is looked whether tasks were created."""

NOT_RUNNING = "the emulator does not run; enter it first"


@attrs.define(kw_only=True, eq=False, slots=False, repr=False)
class Emulator(Settings, FaultPlan):
    """A local Kling service: image2video and every other path of its family.

    The fields of image2video, text2video and video-extend are checked by the API reference's rules. Of the other paths
    only the rules are checked that the whole family shares; their own fields are not.

    Args:
        host: Address to listen on.
        port: Port; 0: any free one.
        tls: Whether it serves https, with a certificate made at start; see `certificate`.
        access_key: The account's key, invented by default.
        secret_key: Signs the tokens, at least 32 bytes; invented by default.
        api_key: The static bearer, accepted as well; invented by default.
        advance: How tasks move on: `AtOnce()`, `ByPolls(processing, ended)` or `ByClock(seconds)`.
        capacity: Slots above which a create is refused with 1303: a number for videos, or a mapping of "video", "image"
            and "audio"; None: no limit. A task holds one slot, an image task as many as it makes images.
        list_order: The list's order, which the service documents nowhere: newest, oldest or random.
        capabilities: Whether the capability map is enforced.
        render: Whether results are rendered; otherwise all are one small fixed file.
        fail_when: Given a create's body, says why its task is to fail, or None.
        webhook_secret: `whsec_` and base64: signs the callbacks.
        callback_habits: How callbacks are posted: lost, late, twice, in which shape.
        clock: Seconds since the epoch: what tokens, timestamps and the `Date` header go by.
        public_url: Address by which others reach it, if it is not `url`; results point there.
        files_url: Address at which results point, if it is neither of the two.
        repeated_ids: What happens to a second create under one external id: refuse or accept.
        duplicate_message: Wording of the refusal of a repeated id, `{external_id}` in it; None: no message.
        duplicate_code: Service code of that refusal.
        duplicate_http: HTTP status of that refusal; None: the code's own.
        ignores_slashes: Whether a slash at the end of a path and doubled slashes count for nothing.
        ignores_empty_values: Whether an empty text or list counts as absent.
        largest_page: The largest `pageSize` that is not refused.
        judges: Whether a create's fields are judged; else every JSON object makes a task.

    Raises:
        ValueError: A secret that is too short or not base64, a setting out of its bounds.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False
    webhook_secret: str | None = None
    callback_habits: CallbackHabits = attrs.field(factory=CallbackHabits)

    certificate: Path | None = attrs.field(default=None, init=False)
    """With `tls`, the certificate to trust (PEM), there until the emulator closes."""

    account: Account = attrs.field(init=False)
    """What the service remembers."""

    tasks: list[Task] = attrs.field(init=False)
    """Every task ever created, in that order; those the service "forgot" too."""

    counts: Counter[str] = attrs.field(init=False)
    """All requests seen, by call: create, get, list, download, call, costs, other."""

    callbacks: deque[Callback] = attrs.field(init=False)
    """The last 10,000 notifications and what became of them."""

    _ledger: Ledger = attrs.field(factory=Ledger, init=False)
    _sender: CallbackSender = attrs.field(init=False)
    _service: Service = attrs.field(init=False)
    _front: Front = attrs.field(init=False)
    _loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False)
    _gallery: Gallery = attrs.field(factory=Gallery, init=False)
    _entered: bool = attrs.field(default=False, init=False)
    _thread: HeldInThread | None = attrs.field(default=None, init=False)
    _stack: AsyncExitStack = attrs.field(factory=AsyncExitStack, init=False)

    def __attrs_post_init__(self) -> None:
        self.counts = self._ledger.counts
        self.account = Account(self, self._status_changed)
        self.tasks = self.account.tasks
        self._sender = CallbackSender(self.clock, self.webhook_secret)
        self.callbacks = self._sender.sent
        self._service = Service(self, self.account, self._gallery)
        self._front = Front(self, self._service, self._ledger)

    @override
    def __repr__(self) -> str:
        where = self.url or "not started"
        return f"<Emulator {where}, {len(self.tasks)} tasks, {self.in_flight} in flight>"

    async def __aenter__(self) -> Self:
        """Binds and serves.

        Raises:
            OSError: The port is taken.
            RuntimeError: It was entered before.
            MissingCryptographyError: `tls` needs the package `cryptography`, which is not installed.
        """
        if self._entered:
            raise RuntimeError("an Emulator can be entered once; make another")
        self._entered = True
        self._loop = asyncio.get_running_loop()
        runner = web.AppRunner(
            self._front.app(), access_log=None, handle_signals=False, shutdown_timeout=GRACE_SECONDS
        )
        async with AsyncExitStack() as stack:  # undone from the last line to the first
            stack.push_async_callback(self._gallery.close)
            stack.push_async_callback(self._sender.close)
            stack.callback(self.account.close)
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(self._front.close)
            context = self._context(stack) if self.tls else None
            await runner.setup()
            await web.TCPSite(runner, self.host, self.port, ssl_context=context).start()
            self.url: str = _address("https" if self.tls else "http", self.host, runner.addresses[0][1])
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops serving, and cancels everything that was to come later."""
        await self._stack.aclose()

    def __enter__(self) -> Self:
        """Binds and serves in a thread of its own; raises as the async block."""
        thread = HeldInThread(self, "kling-emulator")
        thread.enter()
        self._thread = thread
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops serving; returns when the thread has ended."""
        if self._thread is not None:
            self._thread.leave()

    def _context(self, stack: AsyncExitStack) -> ssl.SSLContext:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kling-emulator-"))
        hosts = {urlsplit(url).hostname for url in (self.public_url, self.files_url) if url}
        context, self.certificate = server_context(
            Path(folder), {*(host for host in hosts if host), self.host}
        )
        return context

    @property
    def requests(self) -> list[RequestRecord]:
        """The last 10,000 requests until now, in order of arrival."""
        return list(self._ledger.requests)

    @property
    def in_flight(self) -> int:
        """How many of this account's tasks hold a slot."""
        return sum(task.in_flight for task in self.tasks)

    def created_count(self, external_id: str) -> int:
        """How many tasks were ever created under an external id."""
        return self.account.created[external_id]

    def fill(self, seconds: float) -> None:
        """Lets a stranger hold every slot for videos for a while: creates are refused with 1303.

        Args:
            seconds: How long, from now.
        """
        until = _seconds(seconds)
        if self._is_elsewhere():

            async def fill() -> None:
                self.account.fill(until)

            self._from_thread(fill(), CALL_SECONDS)
        else:
            self.account.fill(until)

    async def wait_for_tasks(self, count: int = 1, *, timeout: float = 5.0) -> None:
        """Returns when so many tasks were created since the start, so that a test can move them on then.

        Args:
            count: How many tasks, from 0 on.
            timeout: How long to wait for them, in seconds.

        Raises:
            TimeoutError: There were fewer tasks when the time was over.
        """
        until = time.monotonic() + timeout
        while len(self.tasks) < count:
            self._check_patience(count, until)
            await asyncio.sleep(GLANCE_SECONDS)  # the caller's loop need not be the emulator's

    def wait_for_tasks_sync(self, count: int = 1, *, timeout: float = 5.0) -> None:
        """Does what `wait_for_tasks` does, for a caller in another thread than the emulator's."""
        until = time.monotonic() + timeout
        while len(self.tasks) < count:
            self._check_patience(count, until)
            time.sleep(GLANCE_SECONDS)

    async def fast_forward(self, seconds: float) -> None:
        """Makes the tasks as old as if `seconds` had passed, and returns when their callbacks are sent.

        Tasks that move by the clock move on, hidden ones may appear, a stranger who filled the account may leave. The
        clocks of the event loop and of the answers do not change.

        Args:
            seconds: How far, from 0 on.

        Raises:
            ValueError: The seconds are negative or not a finite number.
        """
        if self._is_elsewhere():
            await asyncio.wrap_future(self._scheduled(self._forward(_seconds(seconds))))
        else:
            await self._forward(_seconds(seconds))

    def fast_forward_sync(self, seconds: float, *, timeout: float = CALL_SECONDS) -> None:
        """Does what `fast_forward` does, for a caller in another thread than the emulator's.

        Args:
            seconds: How far, from 0 on.
            timeout: How long to wait for it, in seconds.

        Raises:
            RuntimeError: The emulator does not run, or runs in this thread.
            TimeoutError: It took too long.
            ValueError: The seconds are negative or not a finite number.
        """
        if self._loop is None:
            raise RuntimeError(NOT_RUNNING)
        if not self._is_elsewhere():
            raise RuntimeError("this is the emulator's own thread: await emulator.fast_forward(…) instead")
        self._from_thread(self._forward(_seconds(seconds)), timeout)

    async def _forward(self, seconds: float) -> None:
        self.account.fast_forward(seconds)
        await self._sender.idle()

    def _is_elsewhere(self) -> bool:
        """Whether it was entered on another loop than the caller's."""
        return self._loop is not None and self._loop is not _running_loop()

    def _scheduled(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        if self._loop is None or not self._loop.is_running():
            work.close()
            raise RuntimeError(NOT_RUNNING)
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _from_thread(self, work: Coroutine[Any, Any, None], timeout: float) -> None:
        self._scheduled(work).result(timeout)

    def _check_patience(self, count: int, until: float) -> None:
        if time.monotonic() > until:
            raise TimeoutError(f"{len(self.tasks)} tasks were created, not {count}")

    def _status_changed(self, task: Task) -> None:
        url = task.body.get("callback_url")
        if url is not None:
            self._sender.send(url, self._service.show(task), self.callback_habits)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _seconds(seconds: float) -> float:
    if not isinstance(seconds, int | float) or not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"seconds must be a finite number from 0 on, not {seconds!r}")
    return float(seconds)


def _address(scheme: str, host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - answers for that address, binds nothing
    return f"{scheme}://[{reachable}]:{port}" if ":" in reachable else f"{scheme}://{reachable}:{port}"
