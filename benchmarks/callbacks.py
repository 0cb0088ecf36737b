"""Callbacks: how soon one wakes its waiter, 1,000 a second on one core, 300 jobs with and without them.

Real sockets on this machine. The first two parts take real time, and the receiver of the second has a process of its
own, so that the lag of its loop is its own as well; the third runs in virtual time.
"""

import asyncio
import itertools
import json
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.harness import ROOT, Lag, quantile, run_virtual, table, verdict
from kling_async import CallbackReceiver, Image2VideoRequest, KlingClient
from kling_async.emulator import ByClock, ByPolls, CallbackHabits, Emulator
from kling_async.events import JobEnded

COUNT = 1000
SENDERS = 20
SECONDS = 5
JOBS = 300


def request(number: int) -> Image2VideoRequest:
    """A request that carries no picture."""
    return Image2VideoRequest(
        image="https://example.com/still.jpg", external_task_id=f"shot-{number}", model_name="kling-v2-6"
    )


@asynccontextmanager
async def listening(kling: KlingClient) -> AsyncIterator[CallbackReceiver]:
    """The client's receiver behind a server of aiohttp.web."""
    app = web.Application()
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    holder: list[CallbackReceiver] = []

    async def handle(post: web.Request) -> web.StreamResponse:
        return await holder[0].aiohttp_handler(post)

    app.router.add_post("/kling/{token}", handle)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/kling"
    holder.append(CallbackReceiver(kling, public_url=url, allow_private=True))
    try:
        yield holder[0]
    finally:
        await runner.cleanup()


def told(task_id: str, status: str) -> bytes:
    """The body of a callback."""
    return json.dumps({"task_id": task_id, "task_status": status}).encode()


async def wake() -> list[float]:
    """Seconds from a post to the end of its wait, one after the other."""
    taken = []
    async with (
        Emulator(render=False, advance=ByPolls(1, 2), callback_habits=CallbackHabits(lost=1.0)) as service,
        KlingClient(service.access_key, service.secret_key, base_url=service.url) as kling,
        listening(kling) as receiver,
        aiohttp.ClientSession() as session,
    ):
        for number in range(COUNT):
            job = await kling.image2video.submit(request(number))
            wait = asyncio.create_task(job.wait(schedule=[1e5]))
            for _ in range(1000):  # until the wait's own first poll is over
                await asyncio.sleep(0.005)
                if job.task is not None and service.tasks[-1].polls:
                    break
            begun = time.perf_counter()
            async with session.post(receiver.url_for(job.request), data=told(job.task_id, "succeed")):
                await wait
            taken.append(time.perf_counter() - begun)
    return taken


async def receive(url: str, api_key: str) -> None:
    """The process of the receiver: jobs, a server, and the lag of the loop."""
    async with KlingClient(api_key=api_key, base_url=url) as kling, listening(kling) as receiver:
        jobs = [await kling.image2video.submit(request(number)) for number in range(JOBS)]
        waits = [asyncio.create_task(job.wait()) for job in jobs]
        await asyncio.sleep(3)
        targets = [[receiver.url_for(job.request), job.task_id] for job in jobs]
        print(json.dumps(targets), flush=True)
        async with Lag() as lag:
            cpu = time.process_time()
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
            cpu = time.process_time() - cpu
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        print(json.dumps([lag.p99, lag.worst, cpu]), flush=True)


async def idle() -> None:
    """A process that does nothing: how late a loop is on this machine in any case."""
    async with Lag() as lag:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print(json.dumps(lag.p99), flush=True)


async def started(*arguments: str) -> asyncio.subprocess.Process:
    """Another process of this benchmark."""
    program = [sys.executable, "-m", "benchmarks.callbacks", *arguments]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*program, cwd=ROOT, stdin=pipe, stdout=pipe, limit=2**20)


async def told_by(child: asyncio.subprocess.Process, text: bytes = b"") -> Any:
    """What a process prints next, after a line to it."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(text)
    return json.loads(await child.stdout.readline())


async def flood() -> tuple[float, ...]:
    """Posts a second; the lag of the receiver's loop (p99 and worst) and of an idle one, in ms; the share of a core."""
    done = 0
    async with Emulator(
        render=False, advance=ByClock(3600.0), callback_habits=CallbackHabits(lost=1.0)
    ) as service:
        beside = await started("idle")
        child = await started("receive", service.url, service.api_key)
        targets = itertools.cycle(await told_by(child))
        statuses = itertools.cycle(["processing", "succeed", "processing", "submitted"])
        begun = time.perf_counter()

        async def send(sender: int, session: aiohttp.ClientSession) -> None:
            nonlocal done
            for number in range(COUNT * SECONDS // SENDERS):
                due = begun + (number * SENDERS + sender) / COUNT
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                url, task_id = next(targets)
                if number % 3 == 2:  # a third is forged
                    url = url[:-4] + "AAAA"
                async with session.post(url, data=told(task_id, next(statuses))) as answer:
                    assert answer.status in {200, 404}
                done += 1

        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(send(sender, session) for sender in range(SENDERS)))
        seconds = time.perf_counter() - begun
        p99, worst, cpu = await told_by(child, b"\n")
        nothing = await told_by(beside, b"\n")
        await asyncio.gather(child.wait(), beside.wait())
    return done / seconds, p99, worst, nothing, cpu / seconds


async def batch(*, receiver: bool, lost: float) -> tuple[int, float, float]:
    """300 jobs of 120 s: requests, and how late their ends were noticed (p95 and worst, seconds)."""
    loop = asyncio.get_running_loop()
    ended: dict[str | None, float] = {}

    def note(event: object) -> None:
        if isinstance(event, JobEnded):
            ended[event.task_id] = loop.time()

    def clock() -> float:
        return 1_790_000_000.0 + loop.time()

    async with Emulator(
        render=False, advance=ByClock(120.0), clock=clock, callback_habits=CallbackHabits(lost=lost)
    ) as service:
        keys = {"access_key": service.access_key, "secret_key": service.secret_key}
        async with (
            KlingClient(**keys, base_url=service.url, clock=clock, on_event=note) as kling,
            listening(kling),
        ):

            async def one(number: int) -> None:
                await asyncio.sleep(number * 0.01)
                own = {} if receiver else {"callback_url": "https://elsewhere.example"}
                fields = {"image": "https://example.com/still.jpg", "model_name": "kling-v2-6", **own}
                await kling.image2video.generate(**fields)

            await asyncio.gather(*(one(number) for number in range(JOBS)))
        late = [ended[task.task_id] - (task.updated_at / 1000 - 1_790_000_000.0) for task in service.tasks]
        return service.counts["get"] + service.counts["list"], quantile(late, 0.95), max(late)


def main() -> None:
    """Prints all three."""
    logging.disable()  # cancelled waits, hundreds of them
    if sys.argv[1:]:
        asyncio.run({"receive": receive, "idle": idle}[sys.argv[1]](*sys.argv[2:]))
        return
    taken = [1000 * each for each in asyncio.run(wake())]
    verdict(f"a callback wakes its waiter, p99 of {COUNT}", quantile(taken, 0.99), 50, " ms")
    print(f"         p50 {quantile(taken, 0.5):.1f} ms, worst {max(taken):.1f} ms")
    rate, p99, worst, nothing, share = asyncio.run(flood())
    verdict("callbacks a second", rate, 0.95 * COUNT, at_least=True)
    verdict("lag of the receiver's loop, p99", p99, 20, " ms")
    print(
        f"         worst {worst:.1f} ms, {share:.0%} of a core; p99 of an idle loop beside it {nothing:.1f} ms"
    )
    ways = {"all arrive": (True, 0.0), "all lost": (True, 1.0), "no receiver": (False, 0.0)}
    found = {name: run_virtual(batch(receiver=way[0], lost=way[1])) for name, way in ways.items()}
    rows = [[name, str(cost), f"{p95:.2f} s", f"{most:.2f} s"] for name, (cost, p95, most) in found.items()]
    table(f"{JOBS} jobs of 120 s", ["callbacks", "requests", "noticed, p95", "worst"], rows)
    verdict("requests with all callbacks", found["all arrive"][0], JOBS + 20)
    verdict("noticed with all callbacks, p95", found["all arrive"][1], 0.1, " s")
    verdict("noticed with none, worst", found["all lost"][2], found["no receiver"][2] + 0.001, " s")


if __name__ == "__main__":
    main()
