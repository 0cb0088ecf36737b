"""A process that runs one journalled batch and kills itself where it is told to: `{"kill": "intent:before", "nth": 4}`.

The library has no hooks for this: its own functions are wrapped here, from outside. Run with a run's description as
the one argument it is one process; run with `--serve` it reads one description a line and forks a child for each, which
spares every child the start of an interpreter. Each child is killed for real: SIGKILL, by itself or by the test.

What is patched besides, so that a proof takes seconds and not hours: the settle time of an unknown create (30 s → 0.3 s),
the gaps between its look-ups (0.5 s and more → 0.05 s), and the schedule of polls (1 s and more → 0.02 s).
"""

import asyncio
import contextlib
import functools
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

from kling_async import Image2VideoRequest, KlingClient
from kling_async.jobs import download, journal_file, partial, submission
from kling_async.jobs.entry import JobState
from kling_async.jobs.journal import JournalRecord
from kling_async.polling.schedule import Backoff
from kling_async.session.calls import Calls
from kling_async.session.upload import Upload

JOBS = 6
OWN_ID = "the-caller-s-own-id"

STEPS = {
    "schema": "the tables of a new journal are committed",
    "recorded": "a job's request is in the journal",
    "intent": "a create is about to be sent",
    "commit": "a group of writes is committed, and nobody has been told",
    "create": "the create's call, from its first byte to its answer",
    "body": "the create's body has been handed to the socket",
    "accepted": "the task's id is in the journal",
    "ended": "the task's end is in the journal",
    "fetch": "a download, from its first byte to the file",
    "finish": "the file's sync and rename",
    "rename": "the rename alone",
    "fetched": "the file is in the journal",
}
"""Every durable step and what surrounds it; a process can be killed before and after each."""


def say(**what):
    """Tells the test, in one write that a kill cannot tear."""
    os.write(1, (json.dumps(what) + "\n").encode())


class Killer:
    """Kills the process at the n-th passage of one point, such as `intent:before`."""

    def __init__(self, point, nth):
        self._point = point
        self._left = nth

    def passed(self, step, side):
        """Called at every point that is passed."""
        if f"{step}:{side}" != self._point:
            return
        self._left -= 1
        if self._left == 0:
            say(reached=self._point)
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner, name, step):
        """Wraps a coroutine function of a class."""
        plain = getattr(owner, name)

        @functools.wraps(plain)
        async def wrapped(*args, **kwargs):
            self.passed(step, "before")
            result = await plain(*args, **kwargs)
            self.passed(step, "after")
            return result

        setattr(owner, name, wrapped)

    def around_plain(self, owner, name, step):
        """Wraps a plain function."""
        plain = getattr(owner, name)

        @functools.wraps(plain)
        def wrapped(*args, **kwargs):
            self.passed(step, "before")
            result = plain(*args, **kwargs)
            self.passed(step, "after")
            return result

        setattr(owner, name, wrapped)

    def install(self):
        """Wraps every step of `STEPS`."""
        self.around(JournalRecord, "meet", "recorded")
        self.around(JournalRecord, "sending", "intent")
        self.around(JournalRecord, "accepted", "accepted")
        self.around(JournalRecord, "ended", "ended")
        self.around(JournalRecord, "fetched", "fetched")
        self.around(Calls, "create", "create")
        self.around(download.Downloader, "fetch", "fetch")
        self.around_plain(partial.PartialFile, "finish", "finish")
        self.around_plain(partial, "rename", "rename")
        Upload.stream = _watched_stream(self, Upload.stream)
        journal_file.connect_exclusively = _watched_connect(self)


def _watched_stream(killer, stream):
    async def watched(self):
        killer.passed("body", "before")
        async for piece in stream(self):
            yield piece
        killer.passed("body", "after")

    return watched


def _watched_connect(killer):
    """Connects to a new or an old journal with connections that tell of their commits."""

    class Connection(sqlite3.Connection):
        step = "commit"

        def execute(self, statement, *values):
            if statement != "COMMIT":
                return super().execute(statement, *values)
            killer.passed(self.step, "before")
            result = super().execute(statement, *values)
            killer.passed(self.step, "after")
            return result

    def connect(path):
        connection = sqlite3.connect(
            path, isolation_level=None, timeout=0.2, check_same_thread=False, factory=Connection
        )
        if path.name.endswith(".new"):
            connection.step = "schema"
        return connection

    return connect


def requests(folder, jobs):
    """The batch: different requests, equal ones at different places, one with bytes, one with the caller's id."""
    picture = folder / "picture.png"
    for index in range(jobs):
        if index == 2:
            yield Image2VideoRequest(image=picture.read_bytes(), prompt="bytes")
        elif index == 3:
            yield Image2VideoRequest(image=picture, prompt="named", external_task_id=OWN_ID)
        else:
            yield Image2VideoRequest(image=picture, prompt=f"equal ones {index % 2}")


async def batch(url, folder, jobs):
    """The script as a user would write it; run again, it goes on."""
    async with (
        KlingClient(base_url=url, journal=folder / "jobs.sqlite") as kling,
        kling.image2video.generate_many(requests(folder, jobs)) as outcomes,
    ):
        async for outcome in outcomes:
            task = outcome.unwrap()
            entry = await kling.journal.find(task.external_task_id)
            if entry.state is not JobState.DONE:
                await kling.download(task.videos[0], folder / f"{outcome.index}.mp4")


def run(spec):
    """One process' whole life."""
    submission.SETTLE, submission.LOOK_UP_GAPS = spec.get("settle", 0.3), (0.05,)
    Backoff.__call__ = lambda self, age: 0.02
    os.environ.update(spec.get("keys", {}))
    if "kill" in spec:
        Killer(spec["kill"], spec.get("nth", 1)).install()
    asyncio.run(batch(spec["url"], Path(spec["folder"]), spec.get("jobs", JOBS)))


def serve():
    """One forked child for each line; tells each child's pid and how it ended."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            status = 1
            with contextlib.suppress(BaseException):
                say(pid=os.getpid())
                status = _reported(json.loads(line))
            os._exit(status)
        _, status = os.waitpid(pid, 0)
        say(ended=os.waitstatus_to_exitcode(status))


def _reported(spec):
    try:
        run(spec)
    except BaseException:  # noqa: BLE001 - the forked child must end here, whatever it was
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        return 1
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve()
    else:
        run(json.loads(sys.argv[1]))
