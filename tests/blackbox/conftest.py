"""Fixtures of the tests that were written from the API reference alone: a bare service and clients that talk to it."""

import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # importlib mode finds no helpers beside a nested conftest

from blackbox_service import ACCESS_KEY, SECRET_KEY, Service
from made_pictures import png

from kling_async import Image2VideoRequest, KlingClient, ValidationError


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    """The machine's own keys and hosts play no part."""
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY", "KLING_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def service():
    """A service that obeys the API reference and writes down what arrives."""
    async with Service() as running:
        yield running


@pytest.fixture
def client(service):
    """Makes a client of the service; options as `KlingClient` takes them."""

    @asynccontextmanager
    async def make(**options):
        if "api_key" not in options:
            options = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, **options}
        async with KlingClient(
            **{"base_url": service.url, "capabilities": "off", "submit_timeout": 5, **options}
        ) as kling:
            yield kling

    return make


@pytest.fixture
async def kling(client):
    """A client that checks the API reference's rules and no capability map."""
    async with client() as made:
        yield made


@pytest.fixture
def photo(tmp_path):
    """A PNG of 640 by 480 on the disk."""
    path = tmp_path / "photo.png"
    path.write_bytes(png(640, 480))
    return path


class Verdicts:
    """Asks the library whether it takes a request, and holds it to nothing being sent where it does not."""

    def __init__(self, kling, service):
        self.kling = kling
        self.service = service

    async def accepts(self, **fields):
        """Sends the request; returns the body that arrived."""
        before = len(self.service.creates)
        await self.kling.image2video.create(Image2VideoRequest(**{"image": png(), **fields}))
        assert before + 1 == len(self.service.creates)
        return self.service.creates[-1].json

    async def problems(self, **fields):
        """The problems for which the request is refused, as `{path: message}`."""
        with pytest.raises(ValidationError) as caught:
            await self.kling.image2video.create(Image2VideoRequest(**{"image": png(), **fields}))
        assert isinstance(caught.value, ValueError)
        assert [] == self.service.arrived
        for problem in caught.value.problems:
            assert problem.message in str(caught.value)
            assert problem.path in str(caught.value)
        return {problem.path: problem.message for problem in caught.value.problems}

    async def refuses(self, path, **fields):
        """The request breaks one field's rules, and no other field is blamed; returns the first message."""
        found = await self.problems(**fields)
        assert found
        assert [] == [other for other in found if not other.startswith(path)]
        return next(iter(found.values()))


@pytest.fixture
def verdicts(kling, service):
    """Asks for the library's verdict on a request."""
    return Verdicts(kling, service)
