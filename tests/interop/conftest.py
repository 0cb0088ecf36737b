"""What the tests of other people's clients share: where the clients are, and how they are run.

`make interop` installs them and sets `KLING_INTEROP`. Then a client that is missing is a failure, unless its installation
failed; without it, whatever is not there is skipped.
"""

import json
import os
import shutil
from pathlib import Path

import pytest
from interop.tools import output

from kling_async.emulator import Emulator

HERE = Path(__file__).parent
ROOT = Path(os.environ.get("KLING_INTEROP", HERE.parents[1] / ".interop"))


def pytest_collection_modifyitems(items):
    """What stands here has a command of its own, because it needs the registries."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("interop")


def installed(name):
    """The folder of an installed set of clients; skips the test with the reason if there is none."""
    failed = ROOT / f"{name}.failed"
    if failed.exists():
        pytest.skip(failed.read_text())
    if not (ROOT / f"{name}.installed").exists():
        if "KLING_INTEROP" in os.environ:
            pytest.fail(f"{name} is neither installed nor marked as failed; run tests/interop/install.py")
        pytest.skip("`make interop` installs other people's clients")
    return ROOT / name


@pytest.fixture
def node():
    """Runs one of the scripts beside this file with the clients from npm: JSON in, JSON out."""
    folder = installed("node")

    async def run(script, given=None, env=None):
        copy = folder / script  # node looks for packages beside the script
        shutil.copy(HERE / script, copy)
        return json.loads(
            await output(shutil.which("node"), copy, given={} if given is None else given, env=env)
        )

    return run


@pytest.fixture
def python():
    """Runs one of the scripts beside this file with the clients from PyPI: JSON in, JSON out."""
    folder = installed("python")

    async def run(script, given, env=None):
        return json.loads(await output(folder / "bin" / "python", HERE / script, given=given, env=env))

    return run


@pytest.fixture
async def service():
    """An emulator without rendering."""
    async with Emulator(render=False) as emulator:
        yield emulator
