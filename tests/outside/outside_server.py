"""A service of its own for the tests in this folder: written from the API reference, byte by byte, on plain asyncio.

It shares nothing with the package or its emulator. Its ledger (`created`, `requests`) is what the tests judge by.
A test makes trouble with `server.on(kind, action, times=…)` or with a function of its own in `server.weather`.
"""

import asyncio
import base64
import contextlib
import email.utils
import hashlib
import hmac
import itertools
import json
import socket
import struct
import urllib.parse
from dataclasses import dataclass, field

ACCESS, SECRET = "outside-access", "outside-secret-0123456789abcdef-0123456789"
API_KEY = "api-key-kling-outside-0123456789abcdef"
PATH = "/v1/videos/image2video"
VIDEO = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00\x00\x00\x08free" + bytes(range(256)) * 40


@dataclass
class Seen:
    """One request as it arrived; `kind` is create, get, list, file or other."""

    kind: str
    method: str
    target: str
    headers: list
    body: bytes
    at: float

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def token(self, part):
        """A part of the bearer token, decoded: 0 is the header, 1 the claims."""
        text = self.header("Authorization").removeprefix("Bearer ").split(".")[part]
        return json.loads(base64.urlsafe_b64decode(text + "=="))

    @property
    def path(self):
        return urllib.parse.urlsplit(self.target).path

    @property
    def query(self):
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.target).query))


@dataclass
class Made:
    """One task of the ledger."""

    task_id: str
    external: str | None
    body: dict
    at: float
    visible: float
    ends: float
    end: str
    polled_terminal: int = 0


@dataclass
class Reply:
    """An answer before it is put on the wire."""

    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)


class Trouble:
    """What becomes of a request. `work` says whether the service does what was asked before it misbehaves."""

    def __init__(
        self, *, work=True, delay=0.0, reply=None, cut=None, hang=False, drip=None, late=None, reset=False
    ):
        self.work, self.delay, self.reply, self.cut = work, delay, reply, cut
        self.hang, self.drip, self.late, self.reset = hang, drip, late, reset

    def __repr__(self):
        return f"Trouble({ {k: v for k, v in vars(self).items() if v} })"


def says(code, message, *, status, data=None, headers=None, work=False, delay=0.0, late=None):
    """The trouble of an envelope with any code under any HTTP status."""
    body = {"code": code, "message": message, "request_id": "req-1"}
    if data is not None:
        body["data"] = data
    reply = Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})
    return Trouble(work=work, reply=reply, delay=delay, late=late)


def raw(body, *, status=200, headers=None, work=False):
    """The trouble of any bytes at all as an answer."""
    return Trouble(work=work, reply=Reply(status, body, headers or {"Content-Type": "application/json"}))


class Server:
    """One account of the service at a loopback port."""

    def __init__(self, *, duration=60.0, capacity=None, unique=True, lag=0.0, skew=0.0, end="succeed"):
        self.duration, self.capacity, self.unique, self.lag, self.skew, self.end = (
            duration, capacity, unique, lag, skew, end,
        )  # fmt: skip
        self.epoch = 1_790_000_000.0
        self.created: list[Made] = []
        self.requests: list[Seen] = []
        self.rules = []
        self.weather = None
        self.order = "newest"
        self.row = lambda row: row
        self.video_url = None
        self.hidden_result = 0.0
        self.duplicate = None
        self.file = VIDEO
        self.auth = True
        self.keep_alive = True
        self.peak = 0
        self._ids = itertools.count(867283741759111202)
        self._open = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 26)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def now(self):
        return asyncio.get_running_loop().time()

    def on(self, kind, trouble, times=1):
        """Plans trouble for the next requests of a kind; `any` is every kind."""
        self.rules.append([kind, trouble, times])

    def count(self, kind):
        return sum(seen.kind == kind for seen in self.requests)

    def running(self):
        return sum(self.now() < made.ends for made in self.created)

    def twice(self):
        """The external ids under which the ledger has more than one task."""
        names = [made.external for made in self.created]
        return sorted({name for name in names if names.count(name) > 1}, key=str)

    # Connections

    async def _connection(self, reader, writer):
        task = asyncio.current_task()
        self._open.add(task)
        try:
            while True:
                seen = await self._read(reader, writer)
                if seen is None or not await self._serve(seen, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _read(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if line]
        lower = {key.lower(): value for key, value in headers}
        if lower.get("expect"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = b""
        if "content-length" in lower:
            body = await reader.readexactly(int(lower["content-length"]))
        elif lower.get("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
        path = urllib.parse.urlsplit(target).path
        kind = "other"
        if path.startswith("/file"):
            kind = "file"
        elif path == PATH:
            kind = "create" if method == "POST" else "list"
        elif path.startswith(PATH + "/"):
            kind = "get"
        seen = Seen(kind, method, target, headers, body, self.now())
        self.requests.append(seen)
        return seen

    def _trouble(self, seen):
        for rule in self.rules:
            if rule[0] in {seen.kind, "any"} and rule[2] > 0:
                rule[2] -= 1
                return rule[1]
        return self.weather(seen) if self.weather else None

    async def _serve(self, seen, writer):
        trouble = self._trouble(seen) or Trouble()
        if trouble.late is not None:  # answered first, done later
            asyncio.get_running_loop().call_later(trouble.late, self.answer, seen)
            reply = trouble.reply
        elif trouble.work:
            reply = self.answer(seen)
            reply = trouble.reply or reply
        else:
            reply = trouble.reply
        if trouble.delay:
            await asyncio.sleep(trouble.delay)
        if trouble.hang:
            await asyncio.sleep(100_000)
        data = self._wire(reply or Reply(500), seen)
        if trouble.cut is not None or trouble.reset:
            data = (
                data[: int(len(data) * trouble.cut)]
                if isinstance(trouble.cut, float)
                else data[: trouble.cut or 0]
            )
            writer.write(data)
            if data:
                await writer.drain()
            if trouble.reset:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            return False
        if trouble.drip:
            for at in range(0, len(data), 16):
                writer.write(data[at : at + 16])
                await asyncio.sleep(trouble.drip)
        else:
            writer.write(data)
            await writer.drain()
        return self.keep_alive

    def _wire(self, reply, seen):
        if isinstance(reply, bytes):
            return reply
        headers = {"Content-Length": str(len(reply.body)), **reply.headers}
        if self.auth and "Date" not in headers:
            headers["Date"] = email.utils.formatdate(self.epoch + self.now() + self.skew, usegmt=True)
        lines = [f"HTTP/1.1 {reply.status} X", *(f"{k}: {v}" for k, v in headers.items() if v is not None)]
        if not self.keep_alive:
            lines.append("Connection: close")
        body = b"" if seen.method == "HEAD" else reply.body
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    # The service

    def answer(self, seen):
        """Does what was asked, by the API reference."""
        if seen.kind == "file":
            return self._file(seen)
        refusal = self._refuse(seen)
        if refusal:
            return refusal
        if seen.kind == "create":
            return self._create(seen)
        if seen.kind == "list":
            return self._list(seen)
        if seen.kind == "get":
            return self._get(seen)
        return self.envelope(1202, "no such path", status=404)

    def envelope(self, code, message="SUCCEED", *, status=200, data=None):
        body = {"code": code, "message": message, "request_id": f"req-{len(self.requests)}"}
        if data is not None:
            body["data"] = data
        return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _refuse(self, seen):
        bearer = (seen.header("Authorization") or "").removeprefix("Bearer ")
        parts = bearer.split(".")
        if not self.auth or bearer == API_KEY:
            return None
        if len(parts) != 3:
            return self.envelope(1002, "The token was expected to have 3 parts", status=401)
        mac = hmac.new(SECRET.encode(), f"{parts[0]}.{parts[1]}".encode(), hashlib.sha256).digest()
        claims, now = seen.token(1), self.epoch + self.now() + self.skew
        refusals = {
            (1002, "signature"): base64.urlsafe_b64encode(mac).rstrip(b"=").decode() != parts[2],
            (1002, "access key not found"): claims["iss"] != ACCESS,
            (1003, "token is not valid yet"): claims["nbf"] > now,
            (1004, "token has expired"): claims["exp"] < now,
        }
        found = next((said for said, holds in refusals.items() if holds), None)
        return found and self.envelope(*found, status=401)

    def _create(self, seen):
        body = json.loads(seen.body)
        external = body.get("external_task_id") or None
        if external and self.unique:
            for made in self.created:
                if made.external == external:
                    if self.duplicate:
                        return self.duplicate(external)
                    return self.envelope(1201, f"External_task_id {external} already exists", status=400)
        if self.capacity is not None and self.running() >= self.capacity:
            return self.envelope(1303, "parallel task over resource pack limit", status=429)
        now = self.now()
        duration = self.duration() if callable(self.duration) else self.duration
        end = self.end() if callable(self.end) else self.end
        lag = self.lag() if callable(self.lag) else self.lag
        made = Made(str(next(self._ids)), external, body, now, now + lag, now + duration, end)
        self.created.append(made)
        self.peak = max(self.peak, self.running())
        return self.envelope(0, data=self.task(made))

    def task(self, made):
        """A task's row as it is now."""
        now = self.now()
        status = "submitted" if now < made.at + 1 else "processing"
        row = {
            "task_id": made.task_id,
            "task_status": status,
            "task_info": {"external_task_id": made.external} if made.external else {},
            "created_at": int((self.epoch + made.at) * 1000),
            "updated_at": int((self.epoch + min(now, made.ends)) * 1000),
        }
        if now >= made.ends:
            row["task_status"] = made.end
            row["task_status_msg"] = (
                "" if made.end == "succeed" else "Failure to pass the risk control system"
            )
            if made.end == "succeed":
                url = (self.video_url or (lambda m: f"{self.url}/file/{m.task_id}.mp4"))(made)
                videos = [{"id": f"v-{made.task_id}", "url": url, "duration": "5.041"}]
                row["task_result"] = {"videos": videos if now >= made.ends + self.hidden_result else []}
        return self.row(row)

    def _get(self, seen):
        name = urllib.parse.unquote(seen.path.removeprefix(PATH + "/"))
        for made in self.created:
            if name in {made.task_id, made.external} and self.now() >= made.visible:
                return self.envelope(0, data=self.task(made))
        return self.envelope(1201, f"Task not found by id/external id: {name}", status=400)

    def _list(self, seen):
        number, size = int(seen.query.get("pageNum", 1)), int(seen.query.get("pageSize", 30))
        if not 1 <= number <= 1000 or not 1 <= size <= 500:
            return self.envelope(1200, "page out of bounds", status=400)
        rows = [made for made in self.created if self.now() >= made.visible]
        if self.order == "newest":
            rows.reverse()
        elif callable(self.order):
            rows = self.order(rows)
        return self.envelope(0, data=[self.task(made) for made in rows[(number - 1) * size : number * size]])

    def _file(self, seen):
        wanted = seen.header("Range")
        headers = {"Content-Type": "video/mp4", "ETag": '"one"', "Accept-Ranges": "bytes"}
        if wanted and seen.header("If-Range") in {None, '"one"'}:
            first = int(wanted.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {first}-{len(self.file) - 1}/{len(self.file)}"
            return Reply(206, self.file[first:], headers)
        return Reply(200, self.file, headers)
