"""A raw client for the emulator, and pictures."""

import json
import time
from contextlib import asynccontextmanager

import aiohttp
import jwt
import made_pictures
import pytest
from yarl import URL

from kling_async.emulator import Emulator

PATH = "/v1/videos/image2video"


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
    """The module of pictures made by hand."""
    return made_pictures
