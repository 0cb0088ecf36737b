"""An event loop without sockets, threads or a clock: all that happens is a step of it, chosen by a seed.

What a seed may choose is what no program may rely on: when outside events (network, disk, threads) arrive, in which order
those come that are due together, in which order tied timers fire, and how long callbacks take. `call_soon` stays first in,
first out, as asyncio documents it. Where nothing is left to do while somebody waits the loop raises, so that a deadlock is
an error and not a hang; and time has a bound, so that what goes round without end is one too.
"""

import asyncio
import contextvars
import heapq
import itertools
import random
import weakref
from asyncio import events

START = 1000.0
"""The loop's first moment, in seconds."""

EPOCH = 1_790_000_000.0
"""Unix time at the loop's zero, by a clock that is right."""

MOST_ITERATIONS = 2_000_000
"""A hundred times what the longest world needs."""

HOST = contextvars.ContextVar("simulated host")


class StuckError(AssertionError):
    """Somebody waits for what can never come."""


class Host:
    """A process: what runs in its context dies with it.

    Args:
        name: Shown in histories.
        offset: Seconds by which its wall clock is ahead.
    """

    def __init__(self, name, offset=0.0):
        self.name = name
        self.offset = offset
        self.dead = False
        self.over = False
        self.loop = None
        self.tasks = weakref.WeakSet()
        self.transports = {}
        self.is_process = False
        """Whether what it does with files is simulated."""

        self.at_death = []
        """Called, in order, when it is killed."""

        self.context = contextvars.Context()
        self.context.run(HOST.set, self)

    def __repr__(self):
        return f"<Host {self.name}{', dead' if self.dead else ''}>"

    def wall(self):
        """Its wall clock, in unix seconds."""
        return EPOCH + self.loop.time() + self.offset

    def kill(self):
        """Ends it at once: nothing of it runs any more, not even a `finally`."""
        if self.dead:
            return
        self.dead = True
        self.graveyard = list(self.tasks)  # a dead task that is collected would run its `finally` blocks
        for task in self.graveyard:
            task._log_destroy_pending = False
        for call in self.at_death:
            call()
        self.loop.note(self.name, "is dead")


NOBODY = Host("nobody")
"""Whose what is that ran in an empty context."""


def _of_this_host(context):
    """A context that was made empty belongs to the host that made it."""
    if context is not None and HOST not in context:
        context.run(HOST.set, HOST.get())
    return context


class SimTask(asyncio.Task):
    """A task whose hash does not depend on its address, so that sets of tasks have one order."""

    def __init__(self, coroutine, *, serial, **options):
        self._serial = serial
        super().__init__(coroutine, **options)

    def __hash__(self):
        return self._serial


class SimLoop(asyncio.BaseEventLoop):
    """The loop of one world.

    Args:
        seed: Decides all that is left to chance.
        history: Takes notes.
        bound: Virtual seconds after which the world counts as stuck.
    """

    def __init__(self, seed, history, bound=100_000.0):
        super().__init__()
        self.set_debug(False)
        self.history = history
        self.note = history.note
        self.iterations = 0
        self.at_iteration = {}
        """What is to be called when so many iterations are done."""

        self.network = None
        self.errors = []
        """What nobody caught, as the loop's exception handler got it."""

        self._now = START
        self._bound = START + bound
        self._outside = []
        self._serial = itertools.count(1)
        self._ties = random.Random(f"{seed}/ties")
        self._cpu = random.Random(f"{seed}/cpu")
        self._delays = random.Random(f"{seed}/threads")
        self.set_exception_handler(self._keep_error)

    def _keep_error(self, _loop, context):
        self.errors.append(context)

    def time(self):
        return self._now

    def serial(self):
        """A number that nothing else in this world has."""
        return next(self._serial)

    # What happens outside of the program

    def outside(self, delay, host, call, *args):
        """Something outside happens to a host after `delay` seconds, unless it is dead by then."""
        handle = events.Handle(call, args, self, host.context)
        heapq.heappush(self._outside, (self._now + delay, next(self._serial), handle))
        return handle

    def run_in_executor(self, executor, func, *args):
        """A thread's work: done at one moment, known to its waiter at a later one."""
        del executor
        host = HOST.get()
        context = contextvars.copy_context()
        done = self.create_future()

        def work():
            try:
                result, error = context.run(func, *args), None
            except Exception as caught:
                result, error = None, caught
            if not host.dead:
                self.outside(self.hop(), host, settle, result, error)

        def settle(result, error):
            if done.cancelled():
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)

        self.outside(self.hop(), host, work)
        return done

    def hop(self):
        """Seconds that a thread takes to begin or to be heard of: mostly little, sometimes a lot."""
        draw = self._delays.random()
        return draw * 1e-4 if draw < 0.9 else draw * 0.02

    def call_soon_threadsafe(self, callback, *args, context=None):
        """A thread has something to tell, which is heard of at a later moment."""
        del context
        return self.outside(self.hop(), HOST.get(), callback, *args)

    # What asyncio asks of a loop

    def call_soon(self, callback, *args, context=None):
        return super().call_soon(callback, *args, context=_of_this_host(context))

    def call_at(self, when, callback, *args, context=None):
        return super().call_at(when, callback, *args, context=_of_this_host(context))

    def create_task(self, coro, *, name=None, context=None):
        context = _of_this_host(context) or contextvars.copy_context()
        serial = next(self._serial)
        task = SimTask(coro, loop=self, name=name or f"Task-{serial}", context=context, serial=serial)
        context[HOST].tasks.add(task)
        return task

    def _process_events(self, event_list):
        """Nothing comes from selectors."""

    def _write_to_self(self):
        """Nobody else needs to wake this loop."""

    def _run_once(self):
        ready = self._ready
        if not ready:
            self._jump()
        self._take_outside(ready)
        self._take_timers(ready)
        self.iterations += 1
        if self.iterations > MOST_ITERATIONS:
            raise StuckError(f"it goes round without an end; these wait: {self.waiting()}")
        if self.at_iteration and self.iterations in self.at_iteration:
            self.at_iteration.pop(self.iterations)()
        count = len(ready)
        self.history.tick(self._now, count)
        for _ in range(count):
            handle = ready.popleft()
            if not handle._cancelled and not handle._context.get(HOST, NOBODY).dead:
                handle._run()
        draw = self._cpu.random()
        self._now += draw * 1e-4 if draw < 0.995 else (draw - 0.995) * 20

    def _jump(self):
        """Moves time on to the next thing that happens to the living."""
        when = self._bound
        while self._outside and self._is_void(self._outside[0][2]):
            heapq.heappop(self._outside)
        while self._scheduled and self._is_void(self._scheduled[0]):
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
        if self._outside:
            when = min(when, self._outside[0][0])
        if self._scheduled:
            when = min(when, self._scheduled[0]._when)
        elif not self._outside and not self._stopping:
            raise StuckError(f"nothing is left to do, and these wait: {self.waiting()}")
        if when >= self._bound:
            raise StuckError(f"it goes on without an end; these wait: {self.waiting()}")
        self._now = max(self._now, when)

    def waiting(self):
        """The living tasks that are not done, with the place where each waits."""
        found = []
        for task in sorted(asyncio.all_tasks(self), key=hash):
            frames = task.get_stack(limit=1)
            code = frames[0].f_code if frames else None
            where = f"{code.co_qualname}:{frames[0].f_lineno}" if code else "?"
            found.append(f"{task.get_name()} in {where}")
        return "; ".join(found[:12])

    @staticmethod
    def _is_void(handle):
        return handle._cancelled or handle._context.get(HOST, NOBODY).dead

    def _take_outside(self, ready):
        outside, now = self._outside, self._now
        if not outside or outside[0][0] > now:
            return
        due = []
        while outside and outside[0][0] <= now:
            due.append(heapq.heappop(outside)[2])
        if len(due) > 1:
            self._ties.shuffle(due)
        ready.extend(due)

    def _take_timers(self, ready):
        scheduled, now = self._scheduled, self._now
        due = []
        while scheduled and scheduled[0]._when <= now:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            if not handle._cancelled:
                due.append((handle._when, handle))
        if len(due) > 1:
            due = [
                (when, handle)
                for when, tied in itertools.groupby(due, key=lambda each: each[0])
                for _, handle in self._shuffled(list(tied))
            ]
        ready.extend(handle for _, handle in due)

    def _shuffled(self, tied):
        # the heap's own order among equals depends on its history alone, which is the same for one seed
        if len(tied) > 1:
            self._ties.shuffle(tied)
        return tied

    # The network

    async def sock_connect(self, sock, address):
        await self.network.connect(HOST.get(), sock, address)

    async def create_connection(self, protocol_factory, host=None, port=None, *, sock=None, **options):
        del host, port, options
        return self.network.established(sock, protocol_factory)

    async def create_server(self, protocol_factory, host=None, port=None, **options):
        del options
        return self.network.listen(HOST.get(), protocol_factory, host, port)

    async def shutdown_default_executor(self, timeout=None):
        """There is none."""
