"""Queries of one endpoint: one task by either id, a page of the list, or the whole list.

Promises: a page number or size out of the API reference's bounds is refused before anything is sent; an answer about
another task than the one that was asked for is a `MalformedResponseError`; transient errors of the public calls are
retried; no task comes twice out of the whole list, whatever is created meanwhile.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator
from typing import Any

from kling_async.errors import MalformedResponseError, Problem, harmless
from kling_async.polling.pages import LARGEST_PAGE, LAST_PAGE
from kling_async.schema import rules, wire
from kling_async.schema.task import Task, read_task
from kling_async.session.calls import Calls


class Reader:
    """The queries of one endpoint.

    Args:
        path: The endpoint's path on the service.
        calls: Sends the requests.
    """

    def __init__(self, path: str, calls: Calls) -> None:
        self._path = path
        self._calls = calls

    async def get(self, task_id: str) -> Task:
        """Gets one task.

        Args:
            task_id: The service's id or the caller's external id; one path serves both.

        Returns:
            The task as it is now.

        Raises:
            ValidationError: The id is empty or cannot be part of a path; nothing was sent.
            TaskNotFoundError: There is no such task under this endpoint and account.
            MalformedResponseError: The answer is not a task, or is another task than the one that was asked for.
            KlingError: The query failed, after retries where they can help.
        """
        rules.raise_any([*rules.required("task_id", task_id), *rules.task_id("task_id", task_id)])
        return _task(await self._calls.read(wire.task_path(self._path, task_id)), task_id)

    async def list(self, page_num: int = 1, page_size: int = 30) -> builtins.list[Task]:
        """Gets one page of the account's tasks. The service documents no order.

        Args:
            page_num: The page, 1 to 1000; the first is 1.
            page_size: Tasks on a page, 1 to 500.

        Raises:
            ValidationError: A number is out of bounds; nothing was sent.
            KlingError: The query failed, after retries where they can help.
        """
        rules.raise_any(
            [
                *_page_problems("page_num", page_num, LAST_PAGE),
                *_page_problems("page_size", page_size, LARGEST_PAGE),
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
            KlingError: A query failed, after retries where they can help.
        """
        seen: set[str] = set()
        for number in range(1, LAST_PAGE + 1):
            page = await self.list(number, page_size)
            for task in page:
                if task.task_id not in seen:  # tasks created meanwhile push others onto the next page
                    seen.add(task.task_id)
                    yield task
            if len(page) < page_size:
                return

    async def poll_one(self, task_id: str) -> Task:
        """Gets one task, tried once; raises as `get` does."""
        return _task(await self._calls.poll(wire.task_path(self._path, task_id)), task_id)

    async def poll_page(self, number: int, size: int) -> builtins.list[Any]:
        """Gets one list page, tried once.

        Args:
            number: The page, 1 to 1000; the first is 1.
            size: Rows on a page, 1 to 500.

        Returns:
            The rows as received.

        Raises:
            KlingError: The query failed.
        """
        return wire.read_tasks(await self._calls.poll(self._path, _page_query(number, size)))


def _task(envelope: wire.Envelope, asked: str) -> Task:
    """The task of an answer, if it can be the one that was asked for.

    Its own id or its external id is the one in the path; an answer that repeats no external id can be about a task
    that was asked for by it.
    """
    task = read_task(envelope.data, request_id=envelope.request_id, http_status=envelope.http_status)
    if asked in {task.task_id, task.external_task_id} or task.external_task_id is None:
        return task
    raise MalformedResponseError(
        f"the answer to a query for {harmless(asked)} shows task {harmless(task.task_id)} "
        f"({harmless(task.external_task_id)})",
        http_status=envelope.http_status,
    )


def _page_query(number: int, size: int) -> dict[str, str]:
    return {"pageNum": str(number), "pageSize": str(size)}


def _page_problems(path: str, value: Any, high: int) -> builtins.list[Problem]:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
        return [Problem(path, f"is {value!r}; it must be a whole number from 1 to {high}")]
    return []
