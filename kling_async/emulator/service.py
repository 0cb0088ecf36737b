"""The endpoint's three calls and the file host: requests in, answers out as plain values.

It knows HTTP's words (paths, queries, bodies) but no server; `app` puts it on the wire.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

import attrs

from kling_async.emulator import rules
from kling_async.emulator.account import Account
from kling_async.emulator.auth import Keys, check_bearer
from kling_async.emulator.envelope import Answer, RefusedError, success
from kling_async.emulator.scenes import Sketch, sketch
from kling_async.emulator.shapes import task_created, task_shown
from kling_async.emulator.submission import Submission, parse
from kling_async.emulator.videos import Gallery, partial

PATH = "/v1/videos/image2video"
CONTROL_PATH = "/_emulator/"
VIDEOS_PATH = "/_emulator/videos/"
BIG_BODY = 256 * 1024
"""Bytes above which a body is read in a thread, so that the event loop is not held."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
FailWhen = Callable[[Mapping[str, Any]], str | None]


@attrs.frozen
class Target:
    """Where a request goes: which call, and for which task."""

    call: str
    identifier: str = ""


def route(method: str, path: str) -> Target:
    """Find the call of a raw, still percent-encoded path.

    Raises:
        RefusedError: 1202 wrong method, 1203 no such path.
    """
    if path == PATH:
        return Target({"POST": "create", "GET": "list"}.get(method) or _wrong_method())
    parent, _, last = path.rpartition("/")
    if parent == PATH and last:
        return Target("get" if method == "GET" else _wrong_method(), unquote(last))
    if path.startswith(VIDEOS_PATH) and path.endswith(".mp4") and method in {"GET", "HEAD"}:
        return Target("download", unquote(last.removesuffix(".mp4")))
    raise RefusedError(1203)


def _wrong_method() -> str:
    raise RefusedError(1202)


class Service:
    """The calls, on one account.

    Args:
        account: the tasks.
        keys: who may call.
        clock: seconds since the epoch, for the bearer check.
    """

    def __init__(self, account: Account, keys: Keys, clock: Callable[[], float]) -> None:
        self.url = ""
        """The emulator's own address, set once it is bound; results point there."""

        self.account = account
        self.gallery = Gallery()
        self.render = True
        self.capabilities = True
        self.fail_when: FailWhen | None = None
        self.failures: deque[str] = deque()
        """Why the next created tasks will fail, one for each."""

        self._keys = keys
        self._clock = clock

    def authenticate(self, headers: Mapping[str, str]) -> None:
        """Check the bearer.

        Raises:
            RefusedError: 1001–1004.
        """
        check_bearer(headers.get("Authorization"), self._keys, self._clock())

    async def create(self, content_type: str, raw: bytes) -> Answer:
        """Take a task in.

        Raises:
            RefusedError: 1200 or 1201 a rule is broken or the id is taken, 1303 no slot.
        """
        if content_type != "application/json":
            raise RefusedError(1200, "Content-Type must be application/json")
        judged = await asyncio.to_thread(self._judge, raw) if len(raw) > BIG_BODY else self._judge(raw)
        request, verdict, seen = judged
        refused = next((one for one in verdict if one.rule.code is not None), None)
        if refused is not None:
            raise RefusedError(refused.rule.code or 1200, refused.message)
        external_id: str | None = request.body.get("external_task_id")
        self.account.admit(external_id)
        failure = verdict[0].message if verdict else self._failure(request.body)
        task = self.account.create(external_id, request.summary(), failure, seen)
        answer = success(task_created(task), task)
        self.account.settle(task)
        return answer

    def get(self, identifier: str) -> Answer:
        """Show one task, found by either id.

        Raises:
            RefusedError: 1201, not found.
        """
        task = self.account.look(identifier)
        return success(task_shown(task, self.url), task)

    def list_page(self, query: str) -> Answer:
        """Show a page.

        Raises:
            RefusedError: 1201, a parameter is out of its range.
        """
        given = parse_qs(query, keep_blank_values=True)
        number = _whole(given, "pageNum", 1, 1000)
        size = _whole(given, "pageSize", 30, 500)
        return success([task_shown(task, self.url) for task in self.account.page(number, size)])

    async def download(self, task_id: str, headers: Mapping[str, str]) -> Answer:
        """A result's file, or the part of it that `Range` asks for."""
        task = self.account.find(task_id)
        if task is None or task.ended is None or task.failure is not None:
            return Answer(404, b"no such file\n", {"Content-Type": "text/plain; charset=utf-8"})
        whole = await self.gallery.video(task.sketch)
        return partial(attrs.evolve(whole, task=task), headers)

    def _judge(self, raw: bytes) -> tuple[Submission, list[rules.Broken], Sketch | None]:
        """All that costs time in proportion to the body's size."""
        request = parse(raw)
        verdict = rules.broken(request, capabilities=self.capabilities)
        refused = any(one.rule.code is not None for one in verdict)
        if refused or not self.render:
            return request, verdict, None
        return request, verdict, sketch(request.body, request.pictures, self.gallery.keep)

    def _failure(self, body: Mapping[str, Any]) -> str | None:
        if self.failures:
            return self.failures.popleft()
        return None if self.fail_when is None else self.fail_when(body)


def _whole(given: Mapping[str, list[str]], name: str, default: int, most: int) -> int:
    text = given.get(name, [str(default)])[-1]
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= most:
        raise RefusedError(1201, f"{name} value '{text[:50]}' is out of range [1, {most}]")
    return int(text)
