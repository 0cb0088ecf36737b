"""A small fast server that speaks the service's API: tasks that end by the clock, nothing validated, every request counted.

Its own CPU shall not stand in the way of what is measured: a bare asyncio protocol, answers from ready pieces of text.
Runs within the benchmark's loop (`serving`) or as a process of its own (`server_process`), by the loop's clock, so
that virtual and scaled time work. Image bodies are counted and dropped, not kept.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import parse_qs, unquote

from typing_extensions import override

from benchmarks.harness import ROOT, job_times, run_scaled

PATH = "/v1/videos/image2video"
EPOCH = 1_700_000_000.0
"""Unix seconds at the loop's time 0."""

KEPT = 64 * 1024
"""Of a larger body than this, only the start and the end are kept."""


class Page:
    """The tasks; everything by the clock it is given.

    Args:
        now: The loop's clock.
        durations: Seconds that the next jobs take.
    """

    def __init__(self, now: Callable[[], float], durations: Callable[[], float]) -> None:
        self._now = now
        self._durations = durations
        self._ids: list[str] = []
        self._tasks: dict[str, tuple[float, float, str]] = {}  # id -> created, ends, external id
        self._by_external: dict[str, str] = {}
        self.counts: Counter[str] = Counter()

    def create(self, external: str) -> bytes:
        created = self._now()
        task_id = str(867_283_741_759_000_000 + len(self._ids))
        self._tasks[task_id] = (created, created + self._durations(), external)
        self._ids.append(task_id)
        self._by_external[external] = task_id
        return self._row(task_id, created)

    def get(self, name: str) -> bytes | None:
        task_id = self._by_external.get(name, name)
        return self._row(task_id, self._now()) if task_id in self._tasks else None

    def rows(self, number: int, size: int) -> bytes:
        """A page of the list, newest first."""
        now, end = self._now(), len(self._ids) - (number - 1) * size
        ids = self._ids[max(0, end - size) : max(0, end)]
        return b"[" + b",".join(self._row(task_id, now) for task_id in reversed(ids)) + b"]"

    def ends(self) -> dict[str, float]:
        """When each task ended or will end, by the loop's clock."""
        return {task_id: ends for task_id, (_, ends, _) in self._tasks.items()}

    def about(self, what: str) -> bytes:
        """What a benchmark asks for: `counts` of requests by kind, or the tasks' `ends`."""
        return json.dumps(dict(self.counts) if what == "counts" else self.ends()).encode()

    def _row(self, task_id: str, now: float) -> bytes:
        created, ends, external = self._tasks[task_id]
        begun = int((created + EPOCH) * 1000)
        if now < created + 1.0:
            status, updated, result = "submitted", begun, ""
        elif now < ends:
            status, updated, result = "processing", begun + 1000, ""
        else:
            status, updated = "succeed", int((ends + EPOCH) * 1000)
            result = (
                f',"task_result":{{"videos":[{{"id":"v-{task_id}","url":'
                f'"http://127.0.0.1/bs2/{task_id}_raw_video_1.mp4","duration":"5.1"}}]}}'
            )
        return (
            f'{{"task_id":"{task_id}","task_status":"{status}","task_status_msg":"",'
            f'"task_info":{{"external_task_id":"{external}"}}{result},"created_at":{begun},"updated_at":{updated}}}'
        ).encode()


@dataclasses.dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    target: str
    host: str
    length: int
    """The body's whole length in bytes."""

    body: bytes
    """The body; of a large one the two ends."""


class _Connection(asyncio.Protocol):
    """One connection: requests in, one answer each."""

    def __init__(self, answer: "Answer", latency: Callable[[], float]) -> None:
        self._answer = answer
        self._latency = latency
        self._head = bytearray()
        self._body = bytearray()
        self._request: Request | None = None
        self._left = 0
        self._transport: asyncio.Transport

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        if self._request is not None and self._left >= len(data):
            self._take(data)
            if self._left == 0:
                self._finish()
            return
        self._head += data
        while self._request is None and (end := self._head.find(b"\r\n\r\n")) >= 0:
            first, *lines = self._head[:end].decode("latin-1").split("\r\n")
            del self._head[: end + 4]
            method, target, _ = first.split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            self._left = int(headers.get("content-length", 0))
            self._request = Request(method, target, headers.get("host", ""), self._left, b"")
            part = bytes(self._head[: self._left])
            del self._head[: len(part)]
            self._take(part)
            if self._left:
                return
            self._finish()

    def _take(self, data: bytes) -> None:
        self._left -= len(data)
        self._body += data
        if len(self._body) > 2 * KEPT:
            del self._body[KEPT:-KEPT]

    def _finish(self) -> None:
        assert self._request is not None
        status, body = self._answer(dataclasses.replace(self._request, body=bytes(self._body)))
        self._request = None
        self._body.clear()
        head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        text = head % (status, len(body)) + body
        if wait := self._latency():
            asyncio.get_running_loop().call_later(wait, self._transport.write, text)
        else:
            self._transport.write(text)


Answer = Callable[[Request], tuple[int, bytes]]
"""A request in, status and JSON text out."""


def answering(page: Page) -> Answer:
    """The API reference's three calls, and what the benchmark asks for under `/-/`."""

    def answer(request: Request) -> tuple[int, bytes]:
        path, _, query = request.target.partition("?")
        if path.startswith("/-/"):
            return 200, page.about(path[3:])
        if request.method == "POST":
            page.counts["create"] += 1
            page.counts["bytes"] += request.length
            return 200, _enveloped(page.create(_external_id(request.body, page)))
        if path == PATH:
            page.counts["list"] += 1
            asked = parse_qs(query)
            return 200, _enveloped(page.rows(int(asked["pageNum"][0]), int(asked["pageSize"][0])))
        page.counts["get"] += 1
        row = page.get(unquote(path.rpartition("/")[2]))
        if row is None:
            return 400, b'{"code":1201,"message":"Task not found by id/external id","request_id":"r"}'
        return 200, _enveloped(row)

    return answer


def _external_id(body: bytes, page: Page) -> str:
    """The body's id, which stands before or after the picture; a body that breaks off is refused loudly."""
    assert body.startswith(b"{")
    assert body.rstrip().endswith(b"}")
    key = body.find(b'"external_task_id"')
    if key < 0:
        return f"none-{page.counts['create']}"
    begin = body.index(b'"', body.index(b":", key)) + 1
    return body[begin : body.index(b'"', begin)].decode()


def _enveloped(data: bytes) -> bytes:
    return b'{"code":0,"message":"SUCCEED","request_id":"CjI1Y2ZnQ4kAAAAAAIwAAA","data":' + data + b"}"


@contextlib.asynccontextmanager
async def serving(answer: Answer, latency: Callable[[], float] = lambda: 0.0) -> AsyncIterator[str]:
    """Serves on loopback within this loop; gives the base URL. An answer takes `latency()` seconds."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answer, latency), "127.0.0.1", 0, backlog=1024)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@contextlib.contextmanager
def server_process(*arguments: str, module: str = "benchmarks.page_server") -> Iterator[str]:
    """Serves in a process of its own; gives the base URL. The process ends with the block, or with its parent."""
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


async def serve_until_left(answer: Answer, wait: Callable[[], float]) -> None:
    """What a server process does: tells its URL, serves, and ends when the parent closes its end."""
    async with serving(answer, wait) as url:
        print(url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def options_of(about: str) -> argparse.Namespace:
    """What every server process can be told."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="how much faster than the machine's the clock runs"
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="how long jobs take on average")
    parser.add_argument("--sigma", type=float, default=0.0, help="sigma of the logarithm of that")
    parser.add_argument("--latency", action="store_true", help="answer after 50 to 350 ms")
    parser.add_argument("--warm-up", type=int, default=0, help="so many jobs come first that take a second")
    parser.add_argument("--tasks", type=int, default=0, help="tasks that exist from the start")
    return parser.parse_args()


def durations(options: argparse.Namespace) -> Callable[[], float]:
    """How long the next jobs take."""
    times = iter([1.0] * options.warm_up + job_times(100_000, options.seconds, options.sigma))
    return lambda: next(times)


def latency(options: argparse.Namespace) -> Callable[[], float]:
    """How long the next answers take."""
    chance = random.Random(5)
    return (lambda: chance.uniform(0.05, 0.35)) if options.latency else (lambda: 0.0)


def main() -> None:
    options = options_of(__doc__ or "")

    async def run() -> None:
        page = Page(asyncio.get_running_loop().time, durations(options))
        for number in range(options.tasks):
            page.create(f"there-{number}")
        await serve_until_left(answering(page), latency(options))

    run_scaled(run(), options.scale)


if __name__ == "__main__":
    main()
