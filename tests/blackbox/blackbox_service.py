"""The API reference as a bare server on a socket: it writes down what arrives, byte for byte, and answers as planned.

Tasks end by the event loop's clock, `run_for` seconds after their create, so virtual time works.
"""

import asyncio
import json
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

ACCESS_KEY = "ak-canary-of-the-page-tests"
SECRET_KEY = "sk-canary-of-the-page-tests-0123456789"
PATH = "/v1/videos/image2video"
BORN = 1_722_769_557_708
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00\x00\x00\x08free" + bytes(range(256)) * 64


@dataclass
class Arrived:
    """One request as it arrived."""

    method: str
    target: str
    headers: list
    body: bytes
    at: float

    def header(self, name):
        """The only value of a header, or None."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1
        return values[0] if values else None

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def json(self):
        return json.loads(self.body.decode("utf-8"))

    @property
    def kind(self):
        if not self.path.startswith(PATH):
            return "file"
        if self.method == "POST":
            return "create"
        return "list" if self.path == PATH else "get"


@dataclass(frozen=True)
class Reply:
    """What to answer; `work` does first what was asked for, `reset` cuts the connection instead of answering."""

    body: bytes = b""
    status: int = 200
    headers: tuple = (("Content-Type", "application/json"),)
    work: bool = False
    reset: bool = False
    hang: bool = False
    length: int | None = None


def envelope(data=..., code=0, message="SUCCEED", status=200, headers=(), **more):
    """The service's answer; `data` may be left out."""
    body = {"code": code, "message": message, "request_id": "req-4711"}
    if data is not ...:
        body["data"] = data
    headers = (("Content-Type", "application/json"), *headers)
    return Reply(json.dumps(body).encode(), status=status, headers=headers, **more)


HTML = (("Content-Type", "text/html"),)
BAD_GATEWAY = Reply(b"<html><h1>502 Bad Gateway</h1></html>", status=502, headers=HTML)


@dataclass
class Job:
    """A task at the service."""

    task_id: str
    body: dict
    begun: float
    run_for: float
    url: str

    def ended(self, now):
        return now - self.begun >= self.run_for

    def failing(self):
        return self.body.get("prompt", "").startswith("fail")

    def seen(self, now):
        """The task object of the API reference."""
        age = now - self.begun
        status = "submitted" if age < self.run_for / 4 else "processing"
        seen = {
            "task_id": self.task_id,
            "task_status": status,
            "task_status_msg": "",
            "task_info": {"external_task_id": self.body.get("external_task_id")},
            "created_at": BORN + int(self.begun * 1000),
            "updated_at": BORN + int(now * 1000),
        }
        if self.ended(now):
            seen["updated_at"] = BORN + int((self.begun + self.run_for) * 1000)
            seen["task_status"] = "failed" if self.failing() else "succeed"
            video = {"id": f"v-{self.task_id}", "url": self.url, "duration": "5.1"}
            seen["task_result"] = {"videos": [] if self.failing() else [video]}
            seen["task_status_msg"] = "Failure to pass the risk control system" if self.failing() else ""
        return seen


@dataclass
class Service:
    """A running service; `plan` says what comes before it acts on its own."""

    run_for: object = 0.0
    capacity: float = float("inf")
    arrived: list = field(default_factory=list)
    jobs: dict = field(default_factory=dict)
    most_in_flight: int = 0
    files: dict = field(default_factory=lambda: {"/out.mp4": MP4})

    def __post_init__(self):
        self._plans = {kind: deque() for kind in ("create", "get", "list", "file")}
        self._always = {}
        self._writers = set()
        self._serving = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for serving in list(self._serving):
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def plan(self, kind, *replies):
        """Gives these answers to the next requests of the kind."""
        self._plans[kind].extend(replies)

    def always(self, kind, reply):
        """Gives this answer to every request of the kind that nothing else is planned for; None ends it."""
        self._always[kind] = reply

    def of(self, kind):
        """The requests of the kind so far."""
        return [one for one in self.arrived if one.kind == kind]

    @property
    def creates(self):
        return self.of("create")

    @staticmethod
    def now():
        return asyncio.get_running_loop().time()

    def in_flight(self):
        """How many tasks have not ended."""
        return sum(not job.ended(self.now()) for job in self.jobs.values())

    def add(self, body):
        """A task that exists."""
        run_for = self.run_for(body) if callable(self.run_for) else self.run_for
        task_id = str(800_000_000_000_000_000 + len(self.jobs))
        job = Job(task_id, body, self.now(), run_for, self.url + "/out.mp4")
        self.jobs[task_id] = job
        self.most_in_flight = max(self.most_in_flight, self.in_flight())
        return job

    def find(self, wanted):
        """The task of an id or external id, or None."""
        for job in self.jobs.values():
            if wanted in (job.task_id, job.body.get("external_task_id")):
                return job
        return None

    def _act(self, request):
        return getattr(self, f"_act_{request.kind}")(request)

    def _act_create(self, request):
        body = request.json
        external = body.get("external_task_id")
        if external is not None and self.find(external):
            return envelope(code=1201, message=f"External_task_id {external} already exists", status=400)
        if self.in_flight() >= self.capacity:
            return envelope(code=1303, message="parallel task over resource pack limit", status=429)
        return envelope(self.add(body).seen(self.now()))

    def _act_get(self, request):
        wanted = unquote(request.path.removeprefix(PATH + "/"))
        job = self.find(wanted)
        if job is None:
            return envelope(code=1201, message=f"Task not found by id/external id: {wanted}", status=400)
        return envelope(job.seen(self.now()))

    def _act_list(self, request):
        query = {"pageNum": 1, "pageSize": 30} | {key: int(value) for key, value in request.query}
        begin = (query["pageNum"] - 1) * query["pageSize"]
        rows = [job.seen(self.now()) for job in reversed(self.jobs.values())]
        return envelope(rows[begin : begin + query["pageSize"]])

    def _act_file(self, request):
        data = self.files.get(request.path)
        if data is None:
            return Reply(b"gone", status=404, headers=(("Content-Type", "text/plain"),))
        return Reply(data, headers=(("Content-Type", "video/mp4"),))

    def _answer(self, request):
        plans = self._plans[request.kind]
        planned = plans.popleft() if plans else self._always.get(request.kind)
        if callable(planned):
            planned = planned(request)
        if planned is None:
            return self._act(request)
        if planned.work:
            self._act(request)
        return planned

    async def _connected(self, reader, writer):
        self._serving.add(asyncio.current_task())
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._serving.discard(asyncio.current_task())

    async def _one(self, reader, writer):
        request = await _read(reader)
        self.arrived.append(request)
        reply = self._answer(request)
        if reply.hang:
            await reader.read()
            return False
        if reply.reset:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
            return False
        length = len(reply.body) if reply.length is None else reply.length
        head = [f"HTTP/1.1 {reply.status} Planned", f"Content-Length: {length}"]
        head += [f"{name}: {value}" for name, value in reply.headers]
        writer.write("\r\n".join([*head, "", ""]).encode() + reply.body)
        await writer.drain()
        return length == len(reply.body)


async def _read(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = [
        (name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:-2])
    ]
    body = b""
    named = dict(headers)
    if "content-length" in named:
        body = await reader.readexactly(int(named["content-length"]))
    elif named.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    return Arrived(method, target, headers, body, asyncio.get_running_loop().time())
