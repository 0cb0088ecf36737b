"""Which watches a polled task or a list row is for.

Promises: watches stand in the order in which they came, never in one that differs from run to run; a row that tells
nothing new costs next to nothing; a watch never sees another task than the first that was shown to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from kling_async.errors import KlingError
from kling_async.polling.watch import Watch
from kling_async.schema.task import Task, read_task


class Index:
    """The watches of one poller, by every id under which their tasks are shown."""

    def __init__(self) -> None:
        self._watches: dict[Watch, None] = {}
        self._by_id: dict[str, list[Watch]] = {}
        self._unseen: dict[Watch, None] = {}

    def __len__(self) -> int:
        """How many watches there are."""
        return len(self._watches)

    def __iter__(self) -> Iterator[Watch]:
        """The watches in the order in which they came."""
        return iter(self._watches)

    def add(self, watch: Watch) -> None:
        """Enters a watch."""
        self._watches[watch] = None
        self._by_id.setdefault(watch.key, []).append(watch)
        if watch.task is None:
            self._unseen[watch] = None

    def remove(self, watch: Watch) -> None:
        """Forgets a watch."""
        self._watches.pop(watch, None)
        self._unseen.pop(watch, None)
        for key in (watch.key, watch.key if watch.task is None else watch.task.task_id):
            others = [other for other in self._by_id.get(key, ()) if other is not watch]
            if others:
                self._by_id[key] = others
            else:
                self._by_id.pop(key, None)

    def under(self, key: str) -> Sequence[Watch]:
        """The watches that asked by this id, or whose task has it."""
        return self._by_id.get(key, ())

    def finder(self) -> Callable[[Any], list[Watch] | None]:
        """A function from an id to its watches, None for an id that nobody waits for; for the rows of one page."""
        return self._by_id.get

    @property
    def all_seen(self) -> bool:
        """Whether the service's own id is known of every watch, so that a row leads to it by nothing else."""
        return not self._unseen

    def of_row(self, row: object) -> Sequence[Watch]:
        """The watches that a list row is for, if its `task_id` as received leads to none.

        Those who asked by the caller's own id, or whose service sends numbers for text.
        """
        if type(row) is not dict:
            return ()
        try:
            task = read_task(row)
        except KlingError:
            return ()
        return self.under(task.task_id) or self.under(task.external_task_id or "")

    def show(self, task: Task, watches: Iterable[Watch], now: float) -> None:
        """Shows a polled task to the watches that it is for, unless they have seen another under their id.

        Args:
            task: The task as polled.
            watches: Those that asked for it.
            now: The event loop's time in seconds.
        """
        for watch in tuple(watches):
            if watch.ended or not belongs(task, watch):
                continue
            if watch in self._unseen:
                del self._unseen[watch]
                if watch.key != task.task_id:
                    self._by_id.setdefault(task.task_id, []).append(watch)
            watch.see(task, now)


def belongs(task: Task, watch: Watch) -> bool:
    """Whether an answer is about the watch's task."""
    if watch.task is not None:
        return task.task_id == watch.task.task_id
    return task.task_id == watch.key or not watch.own_id
