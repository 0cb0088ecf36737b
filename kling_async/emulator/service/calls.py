"""The endpoint's calls and the file host: requests in, answers out as plain values.

It knows HTTP's words (queries, bodies, headers) but no server; `front` puts it on the wire.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from kling_async.emulator.service import rules
from kling_async.emulator.service.account import Account
from kling_async.emulator.service.answers import Answer, RefusedError, success
from kling_async.emulator.service.auth import check_bearer
from kling_async.emulator.service.files import missing, not_rendered, partial
from kling_async.emulator.service.settings import Settings
from kling_async.emulator.service.shapes import task_created, task_shown
from kling_async.emulator.service.submission import Submission, parse
from kling_async.emulator.videos.gallery import FIXED_VIDEO, Gallery
from kling_async.emulator.videos.render import MissingExtraError
from kling_async.emulator.videos.sketches import Sketch, sketch

BIG_BODY = 256 * 1024
"""Bytes above which a body is read in a thread, so that the event loop is not held."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


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

    def authenticate(self, headers: Mapping[str, str]) -> None:
        """Checks the bearer.

        Raises:
            RefusedError: 1001–1004.
        """
        check_bearer(headers.get("Authorization"), self._settings, self._settings.clock())

    async def create(self, content_type: str, raw: bytes) -> Answer:
        """Creates a task.

        Raises:
            RefusedError: 1200 or 1201 if a rule is broken or the id is taken, 1303 if there is no slot.
        """
        if content_type != "application/json":
            raise RefusedError(1200, "Content-Type must be application/json")
        judged = await asyncio.to_thread(self._judge, raw) if len(raw) > BIG_BODY else self._judge(raw)
        request, verdict, seen = judged
        refused = next((one for one in verdict if one.rule.code is not None), None)
        if refused is not None:
            raise RefusedError(refused.rule.code or 1200, refused.message)
        external_id: str | None = request.body.get("external_task_id")
        self._account.admit(external_id)
        failure = verdict[0].message if verdict else self._failure(request.body)
        task = self._account.create(external_id, request.summary(), failure, seen)
        answer = success(task_created(task), task)
        self._account.settle(task)
        return answer

    def get(self, identifier: str) -> Answer:
        """Shows one task, found by either id.

        Raises:
            RefusedError: 1201 if it is not found.
        """
        task = self._account.poll(identifier)
        return success(task_shown(task, self._settings.url), task)

    def list_page(self, query: str) -> Answer:
        """Shows a page.

        Raises:
            RefusedError: 1201 if a parameter is out of its range.
        """
        given = parse_qs(query, keep_blank_values=True)
        number = _whole(given, "pageNum", 1, 1000)
        size = _whole(given, "pageSize", 30, 500)
        return success([task_shown(task, self._settings.url) for task in self._account.page(number, size)])

    async def download(self, task_id: str, headers: Mapping[str, str]) -> Answer:
        """Serves a result's file, or the part of it that `Range` asks for."""
        task = self._account.find(task_id)
        if task is None or task.ended is None or task.failure is not None:
            return missing()
        try:
            data = FIXED_VIDEO if task.sketch is None else await self._gallery.video(task.sketch)
        except MissingExtraError as error:
            return not_rendered(str(error))
        return partial(Answer(200, data, {"Content-Type": "video/mp4"}, task), headers)

    def _judge(self, raw: bytes) -> tuple[Submission, list[rules.Broken], Sketch | None]:
        """All that costs time in proportion to the body's size."""
        request = parse(raw)
        verdict = rules.broken(request, capabilities=self._settings.capabilities)
        refused = any(one.rule.code is not None for one in verdict)
        if refused or not self._settings.render:
            return request, verdict, None
        return request, verdict, sketch(request.body, request.pictures, self._gallery.keep)

    def _failure(self, body: Mapping[str, Any]) -> str | None:
        if self._settings.failures:
            return self._settings.failures.popleft()
        return None if self._settings.fail_when is None else self._settings.fail_when(body)


def _whole(given: Mapping[str, list[str]], name: str, default: int, most: int) -> int:
    text = given.get(name, [str(default)])[-1]
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= most:
        raise RefusedError(1201, f"{name} value '{text[:50]}' is out of range [1, {most}]")
    return int(text)
