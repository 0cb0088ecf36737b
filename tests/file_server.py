"""A file server on a raw socket that can misbehave: it stops in the middle, changes files, redirects, and counts bytes."""

import asyncio
from dataclasses import dataclass, field

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


def mp4(seed, size=300_000):
    """A file that begins as an MP4 does; another seed gives other bytes of the same length."""
    return MP4 + (f"{seed:08d}".encode() * (size // 8 + 1))[: size - len(MP4)]


@dataclass
class File:
    """What stands at a path, and how it is served."""

    body: bytes
    etag: str | None = '"v1"'
    stop_after: int | None = None
    """Sends so many bytes of the first answer and waits for `go`."""
    cut: bool = False
    """Closes the connection then instead of sending the rest."""
    headers: tuple = (("Content-Type", "video/mp4"),)
    status: int = 200


@dataclass
class FileServer:
    """Serves `files`; `async with` runs it."""

    files: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)
    """One dict of headers for each request, with `:path`."""
    connections: int = 0
    bytes_sent: int = 0

    async def __aenter__(self):
        self.stopped, self.go = asyncio.Event(), asyncio.Event()
        self._tasks = set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *error):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader, writer):
        self.connections += 1
        self._tasks.add(asyncio.current_task())
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(asyncio.current_task())

    async def _one(self, reader, writer):
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = lines[0].split(" ")[1]
        asked = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:-2])}
        self.requests.append({":path": path, **asked})
        file = self.files.get(path, File(b"gone", status=404))
        start, status = 0, file.status
        if status == 200 and "range" in asked and asked.get("if-range") == file.etag:
            start, status = int(asked["range"].removeprefix("bytes=").removesuffix("-")), 206
        headers = [f"HTTP/1.1 {status} Planned", f"Content-Length: {len(file.body) - start}"]
        headers += [f"{name}: {value}" for name, value in file.headers]
        headers += [f"ETag: {file.etag}"] if file.etag else []
        if status == 206:
            headers.append(f"Content-Range: bytes {start}-{len(file.body) - 1}/{len(file.body)}")
        rest = file.body[start:]
        stop = len(rest) if file.stop_after is None else file.stop_after
        file.stop_after = None
        writer.write("\r\n".join([*headers, "", ""]).encode() + rest[:stop])
        await writer.drain()
        self.bytes_sent += len(rest[:stop])
        if stop < len(rest):
            self.stopped.set()
            await self.go.wait()
            if file.cut:
                return False
            writer.write(rest[stop:])
            await writer.drain()
            self.bytes_sent += len(rest[stop:])
        return True
