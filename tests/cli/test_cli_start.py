"""How soon a command says something, and that its help names what is alive."""

import os
import re
import sys
from pathlib import Path

import pytest

from kling_async.cli.group import cli
from kling_async.schema.models import RETIRED

CLI = ("-X", "importtime", "-m", "kling_async.cli")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a running process has used")
COMMANDS = [(name,) for name in cli.commands] + [("tasks", name) for name in cli.commands["tasks"].commands]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_an_example_and_names_no_model_that_ends(run, words):
    """Every example can be given as it stands; a retired model is named only to say that it ends."""
    text = run(*words, "--help").stdout
    assert "the page" not in text
    for model in RETIRED:
        if re.search(rf"{model}(?![-\w])", text):
            assert "announced to end" in " ".join(text.split())


def test_first_line_does_not_wait_for_the_network(python, photo, monkeypatch, tmp_path):
    """The line that says what is done comes before aiohttp is loaded, and before anything is sent."""
    monkeypatch.setenv("KLING_API_KEY", "not-used")
    monkeypatch.chdir(tmp_path)
    process = python(*CLI, "i2v", photo, "--base-url", "http://127.0.0.1:9")
    seen = []
    while "submitting" not in (line := process.stderr.readline()):
        assert line, seen
        seen.append(line)
    assert not any(re.search(r"\| +aiohttp$", each) for each in seen)
    process.kill()


@LINUX
@pytest.mark.parametrize("words", [("--help",), ("models",), ("i2v", "--help"), ("check", "--help")])
def test_first_line_costs_less_than_half_a_second(python, words):
    """Seconds of the processor count, so that other work on the machine does not."""
    best = min(_processor_seconds(python, words) for _ in range(3))
    assert best < 0.5, best


@LINUX
def test_first_line_of_a_job_costs_less_than_half_a_second(python, photo, monkeypatch, tmp_path):
    """So it is for a command that pays, with a request to check and a service that is not there."""
    monkeypatch.setenv("KLING_API_KEY", "not-used")
    monkeypatch.chdir(tmp_path)
    words = ("i2v", photo, "--base-url", "http://127.0.0.1:9")
    best = min(_processor_seconds(python, words, stream="stderr") for _ in range(3))
    assert best < 0.5, best


def _processor_seconds(python, words, stream="stdout"):
    process = python("-m", "kling_async.cli", *words)
    assert getattr(process, stream).readline()
    fields = Path(f"/proc/{process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    process.kill()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@LINUX
@pytest.mark.parametrize("command", ["preview", "gallery"])
def test_first_line_of_what_draws_costs_less_than_half_a_second(
    python, photo, monkeypatch, tmp_path, command
):
    """Nor does a command without a service wait with its first line until everything is drawn."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").touch()
    words = {"preview": (command, photo, "--model-name", "kling-v2-6"), "gallery": (command, ".")}[command]
    best = min(_processor_seconds(python, words, stream="stderr") for _ in range(3))
    assert best < 0.5, best
