"""The world that README.md and docs/ assume: keys in the environment, pictures in the folder, a service that answers."""

import asyncio
import re
import shutil
import threading

import pytest
from docs.doc_blocks import ROOT
from PIL import Image

from kling_async.emulator import AtOnce, Emulator

PICTURE = ROOT / "examples" / "images" / "rocket.jpg"
NAMED = re.compile(r"""["']([\w./-]+\.(?:jpe?g|png))["']""")
STILLS = ("boat.jpg", "cat.jpg", "harbour.jpg")


class World:
    """A folder to run in and an emulator in a thread of its own, since the blocks start their loops themselves."""

    def __init__(self, folder):
        self.folder = folder
        self.emulator = Emulator(advance=AtOnce(), render=False)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with self.emulator:
            self._ready.set()
            await self._over.wait()

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def environment(self):
        """The variables that lead a client to the emulator."""
        return {
            "KLING_ACCESS_KEY": self.emulator.access_key,
            "KLING_SECRET_KEY": self.emulator.secret_key,
            "KLING_BASE_URL": self.emulator.url,
        }

    def provide(self, source):
        """Makes the pictures that a block names, and three in the folder `stills`; masks are as large as pictures."""
        for name in [*NAMED.findall(source), *(f"stills/{still}" for still in STILLS)]:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".png":
                with Image.open(PICTURE) as picture:
                    Image.new("L", picture.size, 255).save(path)
            else:
                shutil.copy(PICTURE, path)

    def refusals(self):
        """Requests that the service refused, as "POST /path 400"; planned faults aside."""
        return [
            f"{record.method} {record.path} {record.status}"
            for record in self.emulator.requests
            if record.fault is None and (record.status or 0) >= 400
        ]


@pytest.fixture
def world(tmp_path, monkeypatch):
    """The world in which one block runs; the block's process stands in its folder."""
    monkeypatch.delenv("KLING_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    with World(tmp_path) as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made
