"""What the service remembers: tasks, the ids that find them, and the slots they hold.

No I/O. Tasks are never dropped, so that the ledger can be the judge of a test; what the service
"forgets" is only hidden from its callers.
"""

import asyncio
import math
import random
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from kling_async.emulator.service.answers import RefusedError
from kling_async.emulator.service.products import IMAGE2VIDEO, Kind, Product
from kling_async.emulator.service.settings import Settings
from kling_async.emulator.service.states import Task
from kling_async.emulator.videos.sketches import Sketch


class Account:
    """One account's tasks.

    Args:
        settings: The capacity, the list's order, how tasks move, and the clock.
        on_change: Called with a task after each change of its status.
    """

    def __init__(self, settings: Settings, on_change: Callable[[Task], None]) -> None:
        self.tasks: list[Task] = []
        self.created: Counter[str] = Counter()
        self.held: Counter[Kind] = Counter()
        """Slots that this account's tasks hold, by kind."""

        self._settings = settings
        self._on_change = on_change
        self._by_id: dict[str, Task] = {}
        self._by_external_id: dict[str, Task] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._full_until = -math.inf
        self._first_id = 860_000_000_000_000_000 + secrets.randbelow(10**15)
        self._shuffle = random.Random(0)

    def admit(self, external_id: str | None, kind: Kind = "video", slots: int = 1) -> None:
        """Admits a create, or refuses it.

        Raises:
            RefusedError: 1201 if the id is taken, 1303 if there are too few slots.
        """
        taken = external_id is not None and external_id in self._by_external_id
        if taken and self._settings.repeated_ids == "refuse":
            raise self.duplicate(external_id)
        limit = self._limit(kind)
        strangers = self._settings.strangers if kind == "video" else 0
        full = kind == "video" and self._full_until > _loop_time()
        if full or (limit is not None and self.held[kind] + strangers + slots > limit):
            raise RefusedError(1303)

    def duplicate(self, external_id: str | None) -> RefusedError:
        """The refusal of an external id that is taken, as the settings word it."""
        settings = self._settings
        wording = settings.duplicate_message
        message = None if wording is None else wording.replace("{external_id}", external_id or "")
        return RefusedError(
            settings.duplicate_code, message, http=settings.duplicate_http, silent=wording is None
        )

    def _limit(self, kind: Kind) -> int | None:
        capacity = self._settings.capacity
        if isinstance(capacity, Mapping):
            return capacity.get(kind)
        return capacity if kind == "video" else None

    def fill(self, seconds: float) -> None:
        """Lets a stranger hold every slot for videos, for `seconds` from now; what is in flight goes on."""
        self._full_until = _loop_time() + seconds

    def create(
        self,
        external_id: str | None,
        body: Mapping[str, Any],
        failure: str | None,
        sketch: Sketch | None,
        product: Product = IMAGE2VIDEO,
        parent: Task | None = None,
        seconds: float | None = None,
    ) -> Task:
        """Admits and keeps a task, still `submitted`; `settle` moves it on.

        Raises:
            RefusedError: See `admit`.
        """
        slots = product.slots(body)
        self.admit(external_id, product.kind, slots)
        number = len(self.tasks)
        watermark = body.get("watermark_info") if product.watermark else None
        task = Task(
            task_id=str(self._first_id + 7 * number),
            external_task_id=external_id,
            number=number,
            body=body,
            created_at=self._wall_ms(),
            created=_loop_time(),
            steps=self._settings.advance.steps(number),
            failure=failure,
            sketch=sketch,
            product=product,
            seconds=product.seconds(body) if seconds is None else seconds,
            slots=slots,
            marked=isinstance(watermark, Mapping) and watermark.get("enabled") is True,
            parent=parent,
        )
        self.tasks.append(task)
        self.held[product.kind] += slots
        self._by_id[task.task_id] = task
        if external_id is not None:
            self.created[external_id] += 1
            self._by_external_id[external_id] = task
        self._set_timers(task)
        return task

    def settle(self, task: Task, now: float = -math.inf) -> None:
        """Moves a task to every status that is due, at loop time `now` if that is later."""
        now = max(now, _loop_time())
        while (status := task.next_status(now)) is not None:
            task.enter(status, now, self._wall_ms())
            if not task.in_flight:
                self.held[task.product.kind] -= task.slots
            self._on_change(task)

    def poll(self, identifier: str, product: Product = IMAGE2VIDEO) -> Task:
        """Returns the endpoint's task with this task id or external id; the poll is counted.

        Raises:
            RefusedError: 1201 if it is not found.
        """
        task = self._by_id.get(identifier) or self._by_external_id.get(identifier)
        if task is None or task.product is not product or task.hidden_until > _loop_time():
            raise RefusedError(1201, f"Task not found by id/external id: {identifier}")
        self._polled(task)
        return task

    def find(self, task_id: str) -> Task | None:
        """Returns the task with this task id, hidden or not; it is not a poll."""
        return self._by_id.get(task_id)

    def page(self, number: int, size: int, product: Product = IMAGE2VIDEO) -> list[Task]:
        """Returns page `number` (from 1) of an endpoint in the current order; it polls each task on it."""
        start = (number - 1) * size
        shown = self._ordered(product)[start : start + size]
        for task in shown:
            self._polled(task)
        return shown

    def hide(self, task: Task, seconds: float | None) -> None:
        """Hides the task from queries for `seconds`; None: without limit, and its external id is free again."""
        if seconds is not None:
            task.hidden_until = _loop_time() + seconds
            return
        task.hidden_until = math.inf
        if self._by_external_id.get(task.external_task_id or "") is task:
            del self._by_external_id[task.external_task_id or ""]

    def fast_forward(self, seconds: float) -> None:
        """Makes everything as old as if `seconds` had passed, and moves tasks to what is due then."""
        self.close()
        self._full_until -= seconds
        running = [task for task in self.tasks if task.in_flight]
        for task in self.tasks:
            task.age(seconds)
        for task in sorted(running, key=lambda task: task.due):
            self.settle(task)
            self._set_timers(task)

    def close(self) -> None:
        """Stops the timers."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _ordered(self, product: Product) -> list[Task]:
        now = _loop_time()
        visible = [task for task in self.tasks if task.product is product and task.hidden_until <= now]
        order = self._settings.list_order
        if order == "random":
            self._shuffle.shuffle(visible)
        elif order == "newest":
            visible.reverse()
        return visible

    def _polled(self, task: Task) -> None:
        task.polls += 1
        self.settle(task)

    def _set_timers(self, task: Task) -> None:
        for step in task.steps:
            if step.seconds is not None and task.in_flight:
                self._call_at(task.created + step.seconds, task)

    def _call_at(self, when: float, task: Task) -> None:
        def due() -> None:
            self._timers.discard(timer)
            self.settle(task, when)  # the loop may call a timer a clock's tick too early

        timer = asyncio.get_running_loop().call_at(when, due)
        self._timers.add(timer)

    def _wall_ms(self) -> int:
        return int(self._settings.clock() * 1000)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
