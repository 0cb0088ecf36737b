"""`Emulator`: the service on this machine, ready when the block is entered, gone when it is left.

    async with Emulator(capacity=5) as emulator:
        ...  # emulator.url, emulator.access_key, emulator.secret_key

Its state is its own: two emulators share nothing. Its ledger is what tests judge by.
"""

import secrets
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from typing_extensions import override

from kling_async.emulator.account import LIST_ORDERS, Account, ListOrder
from kling_async.emulator.app import Front
from kling_async.emulator.auth import Keys
from kling_async.emulator.callbacks import Callback, CallbackSender
from kling_async.emulator.envelope import encode
from kling_async.emulator.faults import Fault, FaultPlan
from kling_async.emulator.ledger import Ledger, RequestRecord
from kling_async.emulator.service import FailWhen, Service
from kling_async.emulator.shapes import task_shown
from kling_async.emulator.state import Advance, ByLooks, Task

GRACE_SECONDS = 0.05
"""How long handlers may go on when the emulator closes."""


class Emulator:
    """A local Kling image2video service.

    Args:
        host: the address to listen on.
        port: the port; 0: any free one.
        access_key: the account's key, invented by default.
        secret_key: signs the tokens, at least 32 bytes; invented by default.
        api_key: the static bearer, taken as well; invented by default.
        advance: how tasks move on: `AtOnce()`, `ByLooks(processing, ended)` or `ByClock(seconds)`.
        capacity: tasks in flight above which a create is refused with 1303; None: no limit.
        list_order: the list's order, which the service promises nowhere: newest, oldest or random.
        capabilities: whether the capability map is enforced.
        render: whether results are rendered; else all are one small fixed file.
        fail_when: given a create's body, says why its task is to fail, or None.
        webhook_secret: `whsec_` and base64: signs the callbacks.
        clock: seconds since the epoch: what tokens, timestamps and the `Date` header go by.

    Raises:
        ValueError: a secret that is too short or no base64, a setting out of its bounds.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        access_key: str | None = None,
        secret_key: str | None = None,
        api_key: str | None = None,
        advance: Advance | None = None,
        capacity: int | None = None,
        list_order: ListOrder = "newest",
        capabilities: bool = True,
        render: bool = True,
        fail_when: FailWhen | None = None,
        webhook_secret: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.access_key = access_key or secrets.token_hex(16)
        self.secret_key = secret_key or secrets.token_hex(32)
        self.api_key = api_key or f"api-key-kling-{secrets.token_hex(16)}"
        if len(self.secret_key.encode()) < 32:
            raise ValueError("secret_key must have at least 32 bytes")
        self.clock = clock
        self.date_header: str | None = "clock"
        """The `Date` of every answer: "clock" tells `clock`'s time, other text goes as it is, None: none."""

        self.plan = FaultPlan()
        self.ledger = Ledger()
        self.account = Account(clock, advance or ByLooks(), self._status_changed)
        self.service = Service(self.account, Keys(self.access_key, self.secret_key, self.api_key), clock)
        self.service.capabilities = capabilities
        self.service.render = render
        self.service.fail_when = fail_when
        self.capacity = capacity
        self.list_order = list_order
        self._host, self._port = host, port
        self._callbacks = CallbackSender(clock, webhook_secret)
        self._entered = False
        self._stack = AsyncExitStack()

    @override
    def __repr__(self) -> str:
        where = self.url or "not started"
        return f"<Emulator {where}, {len(self.account.tasks)} tasks, {self.in_flight} in flight>"

    async def __aenter__(self) -> Self:
        """Bind and serve.

        Raises:
            OSError: the port is taken.
            RuntimeError: it was entered before.
        """
        if self._entered:
            raise RuntimeError("an Emulator can be entered once; make another")
        self._entered = True
        front = Front(self)
        runner = web.AppRunner(
            front.app(), access_log=None, handle_signals=False, shutdown_timeout=GRACE_SECONDS
        )
        async with AsyncExitStack() as stack:  # undone from the last line to the first
            stack.push_async_callback(self.service.gallery.close)
            stack.push_async_callback(self._callbacks.close)
            stack.callback(self.account.close)
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(front.close)
            await runner.setup()
            await web.TCPSite(runner, self._host, self._port).start()
            self.service.url = _address(self._host, runner.addresses[0][1])
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving, and everything that was to come later."""
        await self._stack.aclose()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end; empty before it does."""
        return self.service.url

    @property
    def advance(self) -> Advance:
        """How tasks created from now on move."""
        return self.account.advance

    @advance.setter
    def advance(self, advance: Advance) -> None:
        self.account.advance = advance

    @property
    def capacity(self) -> int | None:
        """Tasks that may be in flight, strangers' included; None: no limit."""
        return self.account.capacity

    @capacity.setter
    def capacity(self, capacity: int | None) -> None:
        if capacity is not None:
            _require_count("capacity", capacity)
        self.account.capacity = capacity

    @property
    def strangers(self) -> int:
        """Slots that somebody else's tasks hold."""
        return self.account.strangers

    @strangers.setter
    def strangers(self, strangers: int) -> None:
        _require_count("strangers", strangers)
        self.account.strangers = strangers

    @property
    def list_order(self) -> ListOrder:
        """The list's order: newest, oldest or random (anew for each page)."""
        return self.account.list_order

    @list_order.setter
    def list_order(self, list_order: ListOrder) -> None:
        if list_order not in LIST_ORDERS:
            raise ValueError(f"list_order must be one of {', '.join(LIST_ORDERS)}")
        self.account.list_order = list_order

    @property
    def in_flight(self) -> int:
        """This account's tasks that hold a slot."""
        return self.account.in_flight

    def fail_next(self, message: str, *, times: int = 1) -> None:
        """Let the next created tasks end as failed, with this `task_status_msg`."""
        self.service.failures.extend([message] * times)

    def fault(
        self,
        call: str,
        kind: str,
        *,
        times: int | None = 1,
        after: int = 0,
        probability: float = 1.0,
        seed: int = 0,
        **details: Any,
    ) -> Fault:
        """Plan trouble.

        Args:
            call: create, get, list, download or any.
            kind: a name out of `kling_async.emulator.faults.KINDS`.
            times: how often it strikes at most; None: for ever.
            after: how many calls pass untouched first.
            probability: of each call after those to be struck, 0–1.
            seed: of the chance.
            details: the kind's own parameters; `KINDS` tells them.

        Raises:
            ValueError: an unknown call, kind or parameter, or one out of its bounds.
        """
        return self.plan.plan(
            call, kind, times=times, after=after, probability=probability, seed=seed, **details
        )

    def clear_faults(self) -> None:
        """Forget all planned trouble."""
        self.plan.clear()

    @property
    def injected(self) -> Counter[tuple[str, str]]:
        """How often each kind of fault really struck each call, as (call, kind)."""
        return self.plan.injected

    @property
    def tasks(self) -> list[Task]:
        """Every task ever created, in that order; those the service "forgot" too."""
        return list(self.account.tasks)

    @property
    def requests(self) -> deque[RequestRecord]:
        """The last 10,000 requests, in order of arrival."""
        return self.ledger.requests

    @property
    def counts(self) -> Counter[str]:
        """All requests seen, by call: create, get, list, download, other."""
        return self.ledger.counts

    @property
    def callbacks(self) -> deque[Callback]:
        """The last 10,000 notifications and what became of them."""
        return self._callbacks.sent

    def created_count(self, external_id: str) -> int:
        """How many tasks were ever created under an external id."""
        return self.account.created[external_id]

    def _status_changed(self, task: Task) -> None:
        url = task.body.get("callback_url")
        if url is not None:
            body = encode(task_shown(task, self.url))
            self._callbacks.send(url, task.task_id, task.status, body)


def _require_count(name: str, value: object) -> None:
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} must be a whole number from 0 on, not {value!r}")


def _address(host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - answers for that address, binds nothing
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
