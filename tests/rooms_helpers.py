"""What the tests of session, waiting and jobs share: requests without pictures of weight, a service, a client, a server.

Pictures are URLs wherever a test does not need their bytes, so that no thread's work competes with the jumping clock.
"""

import asyncio
import json
import types
from contextlib import asynccontextmanager

from aiohttp import web
from virtual_time import wall_clock

from kling_async import Image2VideoRequest, KlingClient
from kling_async.emulator import ByClock, Emulator
from kling_async.schema.task import Task, TaskStatus, Video

URL_PICTURE = "https://pictures.example/a.png"


def request(number=0, **fields):
    """A request that differs from others in its prompt."""
    return Image2VideoRequest(**{"image": URL_PICTURE, "prompt": f"shot {number}", **fields})


def requests(count, *, named=False):
    """So many requests; `named` ones have ids of the caller's own."""
    return [request(number, external_task_id=f"shot-{number}" if named else None) for number in range(count)]


def emulator(**options):
    """An emulator on virtual time whose tasks take two minutes."""
    return Emulator(**{"clock": wall_clock, "render": False, "advance": ByClock(120.0), **options})


def client(service, **options):
    """A client of an emulator, on virtual time."""
    options.setdefault("clock", wall_clock)
    return KlingClient(service.access_key, service.secret_key, base_url=service.url, **options)


@asynccontextmanager
async def serving(handler):
    """A bare server that answers every request with `handler(request)`; gives its URL."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def envelope(data=None, code=0, status=200, headers=None, message="SUCCEED"):
    """An answer of the service."""
    body = {"code": code, "message": message, "request_id": "r-1"}
    if data is not None:
        body["data"] = data
    return web.Response(
        status=status, body=json.dumps(body).encode(), content_type="application/json", headers=headers
    )


def row(task_id, status="submitted", external_id=None, *, video=True, message=""):
    """A task's wire form; a success shows a video unless told otherwise."""
    shown = {"task_id": task_id, "task_status": status, "task_status_msg": message}
    if external_id is not None:
        shown["task_info"] = {"external_task_id": external_id}
    if video and status in {"succeed", "succeeded"}:
        videos = [{"id": f"v-{task_id}", "url": f"https://files.example/{task_id}.mp4", "duration": "5.1"}]
        shown["task_result"] = {"videos": videos}
    return shown


def task(task_id="1", status=TaskStatus.SUBMITTED, *, video=None, external_id=None):
    """A task as the library has it."""
    if video is None:
        video = status == TaskStatus.SUCCEED
    videos = (Video("v", f"https://files.example/{task_id}.mp4", 5.1),) if video else ()
    return Task(
        task_id, status, external_task_id=external_id, videos=videos, raw={"task_status": str(status)}
    )


async def settled(rounds=20):
    """Lets everything that can run now run, without any time passing."""
    for _ in range(rounds):
        await asyncio.sleep(0)


async def until(condition, seconds=3600.0, step=0.05):
    """Waits until a condition holds, for so many virtual seconds at most."""
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < end, "it never came to that"
        await asyncio.sleep(step)


def others(before):
    """The loop's tasks that were not there before, without the emulator's connections."""
    return [
        one
        for one in asyncio.all_tasks()
        if one not in before and "RequestHandler" not in getattr(one.get_coro(), "__qualname__", "")
    ]


class CancelledAt:
    """Runs a coroutine in a task of its own and cancels that task at the coroutine's n-th suspension.

    Args:
        number: Which suspension, counted from 1.
    """

    def __init__(self, number):
        self.number = number
        self.suspensions = 0

    @types.coroutine
    def _run(self, coroutine):
        """Passes on all that the coroutine yields, gets and raises."""
        sent, raised = None, None
        while True:
            try:
                waited = coroutine.send(sent) if raised is None else coroutine.throw(raised)
            except StopIteration as end:
                return end.value
            self.suspensions += 1
            if self.suspensions == self.number:
                asyncio.current_task().cancel()
            sent, raised = None, None
            try:
                sent = yield waited
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's
                raised = error

    async def strikes(self, coroutine):
        """Whether the coroutine was cancelled; False where it ended before its n-th suspension."""

        async def body():
            return await self._run(coroutine)

        job = asyncio.ensure_future(body())
        await asyncio.wait([job])
        if not job.cancelled():
            job.result()
            assert self.suspensions < self.number, "a cancellation was swallowed"
        return job.cancelled()
