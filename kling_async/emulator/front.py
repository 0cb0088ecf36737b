"""The emulator on the wire: each request is recorded, meets its planned trouble, and is answered.

One handler takes every path as it came, since ids may hold percent-encoded slashes. All answers of the
service, wrong paths and methods included, are envelopes.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from kling_async.emulator.control import control
from kling_async.emulator.ledger import Ledger, RequestRecord
from kling_async.emulator.service.answers import Answer, RefusedError, refusal
from kling_async.emulator.service.calls import Service
from kling_async.emulator.service.routes import CONTROL_PATH, Target, route
from kling_async.emulator.trouble.incident import Incident, reset, respond

if TYPE_CHECKING:
    from kling_async.emulator.server import Emulator

LARGEST_BODY = 128 * 1024 * 1024
"""Bytes: eight pictures of 10 MB as base64, and room to spare."""


class Front:
    """The one handler, and what goes on after an answer.

    Args:
        emulator: Its settings and its plan of trouble.
        service: The calls.
        ledger: Where requests are recorded.
    """

    def __init__(self, emulator: "Emulator", service: Service, ledger: Ledger) -> None:
        self._emulator = emulator
        self._service = service
        self._ledger = ledger
        self._closing = asyncio.Event()
        self._background: set[asyncio.Task[Any]] = set()

    def app(self) -> web.Application:
        """Returns an application that answers everything with this front."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self.handle)
        app.on_response_prepare.append(self._date)
        return app

    async def close(self) -> None:
        """Releases hanging answers and cancels what was to come late."""
        self._closing.set()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one request."""
        path, _, query = request.raw_path.partition("?")
        refused: RefusedError | None = None
        try:
            target = route(request.method, path, ignores_slashes=self._emulator.ignores_slashes)
        except RefusedError as error:
            if path.startswith(CONTROL_PATH):
                return respond(await control(self._emulator, request.method, path, await request.read()))
            target, refused = Target("other"), error
        record = self._record(request, target, path, query)
        try:
            response = await self._serve(request, target, query, record, refused)
        except (ConnectionError, web.RequestPayloadError):  # the caller went away while sending
            return reset(request)
        record.status = response.status if response.prepared or _alive(request) else None
        return response

    def _nowhere(self, headers: Mapping[str, str], error: RefusedError) -> Answer:
        """The refusal of what the service does not have: the bearer is checked before it is looked for."""
        try:
            self._service.authenticate(headers)
        except RefusedError as unknown:
            return refusal(unknown)
        return refusal(error)

    async def _serve(
        self,
        request: web.Request,
        target: Target,
        query: str,
        record: RequestRecord,
        refused: RefusedError | None,
    ) -> web.StreamResponse:
        async def work(headers: Mapping[str, str] | None = None) -> Answer:
            used = request.headers if headers is None else headers
            if refused is not None:
                return self._nowhere(used, refused)
            return await self._work(request, target, query, record, used)

        fault = self._emulator.draw(target.call)
        if fault is None:
            return respond(await work())

        def happened() -> None:
            self._emulator.injected[target.call, fault.kind.name] += 1
            record.fault = fault.kind.name

        incident = Incident(
            request=request,
            details=fault.details,
            chance=fault.random,
            work=work,
            happened=happened,
            account=self._emulator.account,
            show=self._service.show,
            closing=self._closing,
            background=self._later,
        )
        response = await fault.kind.handler(incident)
        if record.raw_body is None and request.content.at_eof():  # read by the fault, without the call's work
            self._ledger.keep_body(record, await request.read())
        return response

    async def _work(
        self,
        request: web.Request,
        target: Target,
        query: str,
        record: RequestRecord,
        headers: Mapping[str, str],
    ) -> Answer:
        """Does what the call asks for; every refusal is an answer."""
        try:
            if target.call == "download":
                return await self._service.download(target, headers)
            raw = await _body(request)
            self._ledger.keep_body(record, raw)
            self._service.authenticate(headers)
            return await self._service.answer(target, query, request.content_type, raw)
        except RefusedError as error:
            return refusal(error)

    def _record(self, request: web.Request, target: Target, path: str, query: str) -> RequestRecord:
        headers = {name: value for name, value in request.headers.items() if name != hdrs.AUTHORIZATION}
        now = asyncio.get_running_loop().time()
        record = RequestRecord(target.call, request.method, path, query, now, headers)
        self._ledger.add(record)
        return record

    def _later(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _date(self, _: web.Request, response: web.StreamResponse) -> None:
        """The service's clock on every answer; tests set it by `date_header`."""
        date = self._emulator.date_header
        if date is None:
            response.headers.pop(hdrs.DATE, None)
        else:
            now = self._emulator.clock
            response.headers[hdrs.DATE] = formatdate(now(), usegmt=True) if date == "clock" else date


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise RefusedError(1200, "The request body is too large") from error


def _alive(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()
