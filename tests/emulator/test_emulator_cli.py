"""The command line's emulator: fixed keys, addresses, trouble."""

import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from kling_async.cli.group import cli

pytestmark = pytest.mark.anyio

KEYS = {"--access-key": "ak", "--secret-key": "s" * 32, "--api-key": "api-key-kling-1"}


@pytest.fixture
def started():
    """Start `kling-async emulator` with words and give its settings; it ends with the test."""
    processes = []

    def start(*words):
        command = [sys.executable, "-m", "kling_async.cli", "emulator", "--port", "0", "--json", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return json.loads(process.stdout.readline())

    yield start
    for process in processes:
        process.terminate()
        process.communicate()


async def test_keys_and_addresses_are_as_asked_for(started):
    """All three keys are printed, and the address is the public one."""
    words = [word for pair in KEYS.items() for word in pair]
    settings = started(*words, "--host", "127.0.0.1", "--public-url", "https://kling.example")
    assert {
        "KLING_BASE_URL": "https://kling.example",
        "KLING_ACCESS_KEY": "ak",
        "KLING_SECRET_KEY": "s" * 32,
        "KLING_API_KEY": "api-key-kling-1",
    } == settings


async def test_faults_strike_from_the_start(started):
    """The option may be repeated, and takes the kind's own parameters."""
    settings = started(
        "--fault", "list:error-before,code=5000,times=null", "--fault", "get:error-before,message=no"
    )
    headers = {"Authorization": f"Bearer {settings['KLING_API_KEY']}"}
    url = settings["KLING_BASE_URL"] + "/v1/videos/image2video"
    async with aiohttp.ClientSession(headers=headers) as session:
        for _ in range(2):
            async with session.get(url) as response:
                assert 5000 == (await response.json())["code"]
        async with session.get(f"{url}/x") as response:
            assert "no" == (await response.json())["message"]


def test_https_prints_its_certificate(started):
    """The variable that makes Python and curl trust it."""
    pytest.importorskip("cryptography")
    settings = started("--tls")
    assert settings["KLING_BASE_URL"].startswith("https://")
    assert "BEGIN CERTIFICATE" in Path(settings["SSL_CERT_FILE"]).read_text()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--fault", "create"], "CALL:KIND"),
        (["--fault", "create:fire"], "no fault is called 'fire'"),
        (["--fault", "create:empty,times"], "NAME=VALUE"),
        (["--fault", "create:delay,seconds=x"], "must be a number"),
        (["--fault", "create:empty,times=x"], "times=x"),
        (["--secret-key", "short"], "32 bytes"),
        (["--public-url", "x"], "public_url"),
    ],
)
def test_wrong_options_are_usage_errors(words, complaint):
    """One line that names the offence, and exit code 2."""
    result = CliRunner().invoke(cli, ["emulator", "--port", "0", *words])
    assert (2, True) == (result.exit_code, complaint in result.stderr), result.stderr


def test_help_says_what_is_not_checked():
    """Nobody takes the unchecked paths for checked ones."""
    assert "only those are that the whole family shares" in " ".join(
        CliRunner().invoke(cli, ["emulator", "--help"]).stdout.split()
    )
