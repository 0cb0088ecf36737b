"""The endpoint's calls and the file host: requests in, answers out as plain values.

It knows HTTP's words (queries, bodies, headers) but no server; `front` puts it on the wire.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import attrs

from kling_async.emulator.service import billing, extension
from kling_async.emulator.service.account import Account
from kling_async.emulator.service.answers import Answer, RefusedError, success
from kling_async.emulator.service.auth import check_bearer
from kling_async.emulator.service.books import book_of
from kling_async.emulator.service.filehost import EXAMPLE, FileHost
from kling_async.emulator.service.products import Product
from kling_async.emulator.service.routes import Target
from kling_async.emulator.service.rule import Broken
from kling_async.emulator.service.rules import UNCHECKED, broken
from kling_async.emulator.service.settings import Settings
from kling_async.emulator.service.shapes import task_created, task_shown
from kling_async.emulator.service.states import Task
from kling_async.emulator.service.submission import read
from kling_async.emulator.service.synchronous import SYNCHRONOUS
from kling_async.emulator.videos.gallery import Gallery
from kling_async.emulator.videos.sketches import Sketch, loose_sketch, sketch

BIG_BODY = 256 * 1024
"""Bytes above which a body is read in a thread, so that the event loop is not held."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


@attrs.frozen
class Judged:
    """A create's body, read and judged."""

    body: Mapping[str, Any]
    """With its plain meaning; each picture stands as its kind and size."""

    verdict: list[Broken]
    sketch: Sketch | None


class Service:
    """The calls, on one account.

    Args:
        settings: How the service behaves, and its keys.
        account: The tasks.
        gallery: Keeps pictures and renders videos.
    """

    def __init__(self, settings: Settings, account: Account, gallery: Gallery) -> None:
        self._settings = settings
        self._account = account
        self._gallery = gallery
        self._files = FileHost(gallery)

    def authenticate(self, headers: Mapping[str, str]) -> None:
        """Checks the bearer.

        Raises:
            RefusedError: 1001–1004.
        """
        check_bearer(headers.get("Authorization"), self._settings, self._settings.clock())

    async def answer(self, target: Target, query: str, content_type: str, raw: bytes) -> Answer:
        """Answers any call but a download; the bearer has been checked.

        Args:
            target: Which call.
            query: The URL's query.
            content_type: The body's, without its parameters.
            raw: The body.

        Raises:
            RefusedError: See the calls.
        """
        match target.call:
            case "create":
                answer = await self.create(target.product, content_type, raw)
            case "get":
                answer = self.get(target)
            case "list":
                answer = self.list_page(target.product, query)
            case "costs":
                answer = self.costs()
            case _:
                answer = self.synchronous(target.identifier, content_type, raw)
        return answer

    async def create(self, product: Product, content_type: str, raw: bytes) -> Answer:
        """Creates a task.

        Raises:
            RefusedError: 1200 or 1201 if a rule is broken or the id is taken, 1303 if there is no slot.
        """
        _require_json(content_type)
        judged = await self._judged(product, raw)
        refused = next((one for one in judged.verdict if one.rule.code is not None), None)
        if refused is not None:
            raise RefusedError(refused.rule.code or 1200, refused.message)
        external_id: str | None = judged.body.get("external_task_id") if product.external_ids else None
        parent = self._parent(product, judged.body)
        self._account.admit(external_id, product.kind, product.slots(judged.body))
        failure = judged.verdict[0].message if judged.verdict else self._failure(judged.body)
        seconds, drawn = product.seconds(judged.body), judged.sketch
        if product.path == extension.PATH and parent is not None:
            seconds = parent.seconds + extension.ADDED_SECONDS
            drawn = None if parent.sketch is None else attrs.evolve(parent.sketch, seconds=seconds)
        task = self._account.create(external_id, judged.body, failure, drawn, product, parent, seconds)
        answer = success(task_created(task), task)
        self._account.settle(task)
        return answer

    def get(self, target: Target) -> Answer:
        """Shows one task, found by either id.

        Raises:
            RefusedError: 1201 if the endpoint does not find it.
        """
        task = self._account.poll(target.identifier, target.product)
        return success(self.show(task), task)

    def list_page(self, product: Product, query: str) -> Answer:
        """Shows a page of an endpoint's tasks.

        Raises:
            RefusedError: 1201 if a parameter is out of its range.
        """
        given = parse_qs(query, keep_blank_values=True)
        number = _whole(given, "pageNum", 1, 1000)
        size = _whole(given, "pageSize", 30, self._settings.largest_page)
        return success([self.show(task) for task in self._account.page(number, size, product)])

    def show(self, task: Task) -> dict[str, Any]:
        """The task object of a query, a list's row and a callback."""
        return task_shown(task, self._settings.files_address)

    def synchronous(self, path: str, content_type: str, raw: bytes) -> Answer:
        """Answers a call that makes no task; its fields are not checked.

        Raises:
            RefusedError: 1200 if the body is not a JSON object.
        """
        if path not in SYNCHRONOUS:  # one of the service's own lists
            return success([])
        _require_json(content_type)
        read(raw)
        return success(SYNCHRONOUS[path](self._settings.files_address))

    def costs(self) -> Answer:
        """Tells what is left of the account's resource pack.

        The query's times are ignored, and so is the service's limit of one such query per second.
        """
        return success(billing.costs(self._account.tasks, int(self._settings.clock() * 1000)))

    async def download(self, target: Target, headers: Mapping[str, str]) -> Answer:
        """Serves a result's file, or the part of it that `Range` asks for."""
        if target.identifier == EXAMPLE:
            return self._files.example(target.file, headers)
        return await self._files.file(self._account.find(target.identifier), target.file, headers)

    async def _judged(self, product: Product, raw: bytes) -> Judged:
        try:
            if len(raw) > BIG_BODY:
                return await asyncio.to_thread(self._judge, product, raw)
            return self._judge(product, raw)
        except RecursionError as error:
            raise RefusedError(1200, "The request body is nested too deeply") from error

    def _judge(self, product: Product, raw: bytes) -> Judged:
        """All that costs time in proportion to the body's size."""
        book = book_of(product)
        request = book.read(read(raw), keep_empty=not self._settings.ignores_empty_values)
        verdict = broken(request, book, capabilities=self._settings.capabilities)
        drawn = None
        if self._settings.render and not any(one.rule.code is not None for one in verdict):
            draw = loose_sketch if book is UNCHECKED else sketch
            seconds = product.seconds(request.body)
            drawn = draw(request.body, request.pictures, self._gallery.keep, seconds)
        return Judged(request.summary(), verdict if self._settings.judges else [], drawn)

    def _parent(self, product: Product, body: Mapping[str, Any]) -> Task | None:
        """The task whose video this one begins with.

        Raises:
            RefusedError: 1201 if it cannot be extended.
        """
        if not product.parented:
            return None
        source = extension.source_of(body, self._account.tasks)
        if product.path == extension.PATH:
            message = extension.refused(body, source, capabilities=self._settings.capabilities)
            if message is not None:
                raise RefusedError(1201, message)
        return source

    def _failure(self, body: Mapping[str, Any]) -> str | None:
        if self._settings.failures:
            return self._settings.failures.popleft()
        return None if self._settings.fail_when is None else self._settings.fail_when(body)


def _require_json(content_type: str) -> None:
    if content_type != "application/json":
        raise RefusedError(1200, "Content-Type must be application/json")


def _whole(given: Mapping[str, list[str]], name: str, default: int, most: int) -> int:
    text = given.get(name, [str(default)])[-1]
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= most:
        raise RefusedError(1201, f"{name} value '{text[:50]}' is out of range [1, {most}]")
    return int(text)
