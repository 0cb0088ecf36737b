"""Looks at tasks: one by either id, a page of the list, or the whole list.

Promises: what is out of the page's bounds is refused before anything is sent; transient errors are retried; no task
comes twice out of the whole list, whatever is created meanwhile.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator
from typing import Any, Final

from kling_async.errors import Problem
from kling_async.schema import rules, wire
from kling_async.schema.task import Task, read_task
from kling_async.session.calls import Calls

MAX_PAGE: Final = 1000
"""取值范围：[1,1000]: the last page of the list."""

MAX_PAGE_SIZE: Final = 500
"""取值范围：[1,500]: the largest page of the list."""


class Reader:
    """The looks of one endpoint.

    Args:
        path: The endpoint's path on the service.
        calls: Sends the requests.
    """

    def __init__(self, path: str, calls: Calls) -> None:
        self._path = path
        self._calls = calls

    async def get(self, task_id: str) -> Task:
        """Looks at one task.

        Args:
            task_id: The service's id or the caller's external id; one path serves both.

        Returns:
            The task as it is now.

        Raises:
            ValidationError: The id is empty or cannot be part of a path.
            TaskNotFoundError: There is no such task under this endpoint and account.
            KlingError: The look failed, after retries where they can help.
        """
        rules.raise_any([*rules.required("task_id", task_id), *rules.task_id("task_id", task_id)])
        return _task(await self._calls.read(wire.task_path(self._path, task_id)))

    async def list(self, page_num: int = 1, page_size: int = 30) -> builtins.list[Task]:
        """Looks at one page of the account's tasks. The service documents no order.

        Args:
            page_num: The page, 1 to 1000; the first is 1.
            page_size: Tasks on a page, 1 to 500.

        Raises:
            ValidationError: A number is out of bounds; nothing was sent.
            KlingError: The look failed, after retries where they can help.
        """
        rules.raise_any(
            [
                *_page_problems("page_num", page_num, MAX_PAGE),
                *_page_problems("page_size", page_size, MAX_PAGE_SIZE),
            ]
        )
        envelope = await self._calls.read(self._path, _page_query(page_num, page_size))
        rows = wire.read_tasks(envelope)
        return [read_task(row, request_id=envelope.request_id) for row in rows]

    async def iter_tasks(self, page_size: int = 500) -> AsyncIterator[Task]:
        """Every task of the account, page after page, none twice; ends on a short page.

        Args:
            page_size: Tasks on a page, 1 to 500.

        Raises:
            ValidationError: The number is out of bounds; nothing was sent.
            KlingError: A look failed, after retries where they can help.
        """
        seen: set[str] = set()
        for number in range(1, MAX_PAGE + 1):
            page = await self.list(number, page_size)
            for task in page:
                if task.task_id not in seen:  # tasks created meanwhile push others onto the next page
                    seen.add(task.task_id)
                    yield task
            if len(page) < page_size:
                return

    async def poll_one(self, task_id: str) -> Task:
        """GETs one task, tried once."""
        return _task(await self._calls.look(wire.task_path(self._path, task_id)))

    async def poll_page(self, number: int, size: int) -> builtins.list[Any]:
        """GETs one list page, tried once; the rows as received."""
        return wire.read_tasks(await self._calls.look(self._path, _page_query(number, size)))


def _task(envelope: wire.Envelope) -> Task:
    return read_task(envelope.data, request_id=envelope.request_id, http_status=envelope.http_status)


def _page_query(number: int, size: int) -> dict[str, str]:
    return {"pageNum": str(number), "pageSize": str(size)}


def _page_problems(path: str, value: Any, high: int) -> builtins.list[Problem]:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
        return [Problem(path, f"is {value!r}; it must be a whole number from 1 to {high}")]
    return []
