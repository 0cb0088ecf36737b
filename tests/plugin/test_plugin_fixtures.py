"""The pytest plugin, as a user's own test suite meets it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
PICTURE = "http://127.0.0.1:9/a.png"
HEAD = f"""
import pytest
from kling_async import DuplicateTaskError, KlingClient

pytestmark = pytest.mark.anyio
URL = "{PICTURE}"

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


@pytest.fixture
def users_run(pytester, monkeypatch):
    """Run a user's test file in a pytest process of its own; gives the outcome."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # an installed copy would be a second one
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY", "KLING_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(body):
        pytester.makepyfile(HEAD + body)
        return pytester.runpytest_subprocess(
            "-p", "anyio", "-p", "kling_async.pytest_plugin", "-W", "error", timeout=60
        )

    return run


def test_a_client_talks_to_its_emulator(users_run):
    """From the fixtures to a video on the disk, without a key in the environment."""
    run = users_run(
        """
async def test_video(kling_emulator, kling_client, tmp_path):
    task = await kling_client.image2video.create(image=URL, prompt="it moves")
    task = await kling_client.image2video.wait_for_task(task)
    path = await kling_client.download(task.videos[0], tmp_path / "a.mp4")
    assert b"ftyp" == path.read_bytes()[4:8]
    assert 1 == len(kling_emulator.tasks)
"""
    )
    run.assert_outcomes(passed=1)


def test_the_client_alone_brings_the_emulator(users_run):
    """A test that asks for the client only has a service as well, in a Kling client of the real class."""
    run = users_run(
        """
async def test_check(kling_client):
    assert isinstance(kling_client, KlingClient)
    await kling_client.check_credentials()
"""
    )
    run.assert_outcomes(passed=1)


def test_each_test_has_a_service_of_its_own(users_run):
    """Nothing of one test is left in the next, external ids included."""
    run = users_run(
        """
@pytest.mark.parametrize("turn", [1, 2])
async def test_turn(kling_emulator, kling_client, turn):
    assert [] == kling_emulator.tasks
    await kling_client.image2video.create(image=URL, external_task_id="mine")
    assert 1 == kling_emulator.created_count("mine")
"""
    )
    run.assert_outcomes(passed=2)


def test_the_emulator_can_be_told_what_to_do(users_run):
    """A user's test of their own error handling."""
    run = users_run(
        """
async def test_failure(kling_emulator, kling_client):
    from kling_async import TaskFailedError

    kling_emulator.fail_next("Failure to pass the risk control system")
    task = await kling_client.image2video.create(image=URL)
    with pytest.raises(TaskFailedError, match="risk control"):
        await kling_client.image2video.wait_for_task(task)
"""
    )
    run.assert_outcomes(passed=1)


def test_a_failing_test_still_closes_both(users_run):
    """No socket is left open behind a failed assertion: the run ends with one failure, and no error or warning."""
    run = users_run(
        """
async def test_fails(kling_emulator, kling_client):
    await kling_client.image2video.create(image=URL)
    raise AssertionError("on purpose")
"""
    )
    run.assert_outcomes(failed=1)
    run.stdout.fnmatch_lines(["*AssertionError: on purpose*"])


def test_fixtures_are_listed_with_their_docs(users_run, pytester):
    """`pytest --fixtures` tells a newcomer what there is."""
    run = pytester.runpytest_subprocess("-p", "anyio", "-p", "kling_async.pytest_plugin", "--fixtures")
    run.stdout.fnmatch_lines(["kling_emulator*", "*A Kling service on this machine*", "kling_client*"])


def loaded_after(statement):
    """The names of the modules that a fresh process has after a statement, and no more than that process."""
    program = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return set(done.stdout.split())


def test_loading_the_plugin_costs_next_to_nothing():
    """It is imported in every pytest run of an environment: nothing but this package's own few modules."""
    added = loaded_after("import pytest, kling_async.pytest_plugin") - loaded_after("import pytest")
    assert {"kling_async", "kling_async._version", "kling_async.pytest_plugin"} == {
        name for name in added if name.startswith("kling_async")
    }
    heavy = {"aiohttp", "attr", "attrs", "cattrs", "jwt", "anyio", "yarl", "asyncio"}
    assert set() == {name.partition(".")[0] for name in added} & heavy
