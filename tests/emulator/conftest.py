"""A raw client for the emulator, and pictures made by hand."""

import base64
import json
import struct
import time
import zlib
from contextlib import asynccontextmanager

import aiohttp
import jwt
import pytest
from yarl import URL

from kling_async.emulator import Emulator

PATH = "/v1/videos/image2video"


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width=512, height=512, padding=0):
    """A flat grey PNG; `padding` bytes of text make it as large as wanted."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    text = _chunk(b"tEXt", b"Comment\0" + b" " * padding) if padding else b""
    pixels = zlib.compress((b"\0" + b"\x80" * width) * height, 9)
    return b"\x89PNG\r\n\x1a\n" + header + text + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def jpeg(width=512, height=512):
    """A JPEG's markers around a scan of nothing; enough for a header's reader."""
    frame = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x00" * 20
    return b"\xff\xd8\xff\xe0\x00\x04\x00\x00" + frame + scan + b"\xff\xd9"


def b64(data):
    """Raw base64, as it travels."""
    return base64.b64encode(data).decode()


class Wire:
    """A plain client: sends what it is told and gives back status, payload and headers."""

    def __init__(self, emulator, session):
        self.emulator = emulator
        self.session = session

    async def send(self, method, target, *, headers=None, body=None):
        """One request with a good bearer, unless the headers bring their own."""
        headers = {"Authorization": f"Bearer {self.emulator.api_key}", **(headers or {})}
        if isinstance(body, dict | list):
            headers.setdefault("Content-Type", "application/json")
            body = json.dumps(body)
        url = URL(target if target.startswith("http") else self.emulator.url + target, encoded=True)
        async with self.session.request(
            method, url, headers=headers, data=body, allow_redirects=False
        ) as response:
            raw = await response.read()
            return response.status, _payload(raw), response.headers

    async def create(self, **fields):
        """POST a create; a picture is there unless it is taken out."""
        body = {"image": "http://127.0.0.1:9/a.png", **fields}
        return await self.send("POST", PATH, body=body)

    async def created(self, **fields):
        """Create a task that must be taken, and give its id."""
        status, payload, _ = await self.create(**fields)
        assert (status, payload["code"]) == (200, 0), payload
        return payload["data"]["task_id"]

    async def get(self, identifier):
        """GET one task by an id that is percent-encoded already."""
        return await self.send("GET", f"{PATH}/{identifier}")

    async def list(self, query=""):
        """GET a page."""
        return await self.send("GET", f"{PATH}{query}")

    async def ended(self, **fields):
        """Create a task and poll until it has ended; gives the task object."""
        task_id = await self.created(**fields)
        for _ in range(5):
            _, payload, _ = await self.get(task_id)
            if payload["data"]["task_status"] in {"succeed", "failed"}:
                return payload["data"]
        raise AssertionError("the task never ends")


def _payload(raw):
    try:
        return json.loads(raw)
    except ValueError:
        return raw


@pytest.fixture
def token():
    """Sign a token: `token(emulator, claim=value, …)`; a claim of None is left out."""

    def sign(emulator, *, key=None, now=None, header=None, **claims):
        now = time.time() if now is None else now
        payload = {"iss": emulator.access_key, "exp": int(now) + 1800, "nbf": int(now) - 5, **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, key or emulator.secret_key, algorithm="HS256", headers=header)

    return sign


@pytest.fixture
def emulate():
    """Give a block with an emulator and a wire to it; its options are the emulator's."""

    @asynccontextmanager
    async def run(**options):
        options.setdefault("render", False)
        async with Emulator(**options) as emulator, aiohttp.ClientSession() as session:
            yield Wire(emulator, session)

    return run


@pytest.fixture
def pictures():
    """Pictures by hand: `.png(width, height, padding)`, `.jpeg(width, height)`, `.b64(data)`."""

    class Pictures:
        png = staticmethod(png)
        jpeg = staticmethod(jpeg)
        b64 = staticmethod(b64)

    return Pictures
