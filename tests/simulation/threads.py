"""Threads as steps of the loop: a real thread that runs only while the loop gives it its turn.

A turn begins a seeded moment after something was put into the thread's queue, and ends when the thread waits for more. So
a thread needs no seam in the library but the two names `threading` and `queue` in the module that starts it.
"""

import collections
import queue as real_queue
import threading as real_threading

from simulation.loop import HOST


class ThreadKilledError(BaseException):
    """Ends a dead host's thread."""


class SimThread:
    """A thread of a simulated process."""

    def __init__(self, group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None):
        del group, daemon
        self.name = name or "thread"
        self.host = HOST.get()
        self.loop = self.host.loop
        self.done = False
        self.planned = False
        self._call = lambda: target(*args, **(kwargs or {}))
        self._go, self._back = (
            real_threading.Lock(),
            real_threading.Lock(),
        )  # each is let go by the other side
        self._go.acquire()
        self._back.acquire()
        self._inside = False
        self._real = real_threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self):
        """Its first turn comes soon."""
        self.loop.threads.append(self)
        self._real.start()
        self.plan()

    def plan(self):
        """Gives it a turn soon, unless one is planned already."""
        if not (self.planned or self.done or self.host.dead):
            self.planned = True
            self.loop.outside(self.loop.hop(), self.host, self.turn)

    def turn(self):
        """Lets it run until it waits or ends."""
        self.planned = False
        if self.done or self._inside:
            return
        before, self.loop.thread = self.loop.thread, self
        self._inside = True
        try:
            self._go.release()
            self._back.acquire()
        finally:
            self._inside = False
            self.loop.thread = before

    def join(self, timeout=None):
        """Waits for its end, as the loop's own thread would: nothing else happens meanwhile."""
        del timeout
        while not self.done and not self.host.dead:
            self.turn()

    def is_alive(self):
        return not self.done

    def bury(self):
        """Ends the thread of a host that is dead."""
        if not self.done:
            self.turn()

    def pause(self):
        """Called by the thread itself: it has nothing to do."""
        self._back.release()
        self._go.acquire()
        if self.host.dead:
            raise ThreadKilledError

    def _run(self):
        self._go.acquire()
        try:
            if not self.host.dead:
                self.host.context.copy().run(self._call)
        except ThreadKilledError:
            pass
        except BaseException as error:
            self.loop.errors.append({"message": f"thread {self.name} ended", "exception": error})
        finally:
            self._call = None
            self.done = True
            self._back.release()


class SimQueue:
    """A queue from the loop to a simulated thread."""

    Empty = real_queue.Empty

    def __init__(self, maxsize=0):
        del maxsize
        self._items = collections.deque()
        self._reader = None

    def put(self, item, block=True, timeout=None):
        del block, timeout
        self._items.append(item)
        if self._reader is not None:
            self._reader.plan()

    put_nowait = put

    def get(self, block=True, timeout=None):
        """The next item; waits for it in the thread's own turn."""
        if not block:
            return self.get_nowait()
        del timeout
        while not self._items:
            thread = _current()
            self._reader = thread
            thread.pause()
        return self._items.popleft()

    def get_nowait(self):
        if not self._items:
            raise real_queue.Empty
        return self._items.popleft()

    def empty(self):
        return not self._items

    def qsize(self):
        return len(self._items)


def _current():
    thread = HOST.get().loop.thread
    if thread is None:
        raise RuntimeError("only a simulated thread may wait for a queue")
    return thread


class Namespace:
    """A module with some names replaced."""

    def __init__(self, module, **names):
        self._module = module
        self.__dict__.update(names)

    def __getattr__(self, name):
        return getattr(self._module, name)


THREADING = Namespace(real_threading, Thread=SimThread)
QUEUE = Namespace(real_queue, SimpleQueue=SimQueue, Queue=SimQueue)
