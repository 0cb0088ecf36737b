"""What only a real process shows: imports, closed pipes, the emulator and the demo."""

import json

import pytest

from kling_async._version import __version__

CLI = ("-m", "kling_async.cli")


def _imported(process):
    _, stderr = process.communicate(timeout=50)
    assert 0 == process.returncode
    return {
        line.rpartition("|")[2].strip() for line in stderr.splitlines() if line.startswith("import time:")
    }


@pytest.mark.parametrize("words", [["--help"], ["i2v", "--help"], ["tasks", "wait", "--help"]])
def test_help_does_not_import_aiohttp(python, words):
    """Neither the network nor the display is loaded for a help text."""
    imported = _imported(python("-X", "importtime", "-m", "kling_async.cli.main", *words))
    assert "click" in imported
    assert not imported & {
        "aiohttp",
        "anyio",
        "kling_async.client",
        "kling_async.emulator.server",
        "rich.progress",
    }


def test_version_is_said(python):
    """--version says the package's."""
    assert __version__ in python(*CLI, "--version").communicate(timeout=50)[0]


@pytest.mark.parametrize("name", ["click", "rich"])
def test_missing_extra_is_named(python, name):
    """Without click or rich one line says what to install."""
    code = f"import sys; sys.modules[{name!r}] = None; from kling_async.cli.main import main; main()"
    process = python("-c", code)
    stdout, stderr = process.communicate(timeout=50)
    line = f'kling-async needs {name}: pip install "kling-async[cli]"\n'
    assert (2, "", line) == (process.returncode, stdout, stderr)


def test_closed_pipe_is_quiet_and_what_was_paid_for_is_fetched(service, python, photo, tmp_path):
    """A reader that goes away ends the drawing of entries, not the fetching of videos."""
    (tmp_path / "jobs").write_text("\n".join([json.dumps({"image": str(photo)})] * 9))
    process = python(*CLI, "batch", "jobs", "--concurrency", "2")
    process.stdout.close()
    process.stdout = None
    _, stderr = process.communicate(timeout=50)
    assert 1 == process.returncode
    assert "Traceback" not in stderr
    assert len(service.tasks) == len(list(tmp_path.glob("*.mp4"))) < 9


def test_closed_pipe_of_a_single_line_is_quiet(service, python):
    """No traceback, no complaint at Python's exit."""
    process = python(*CLI, "check")
    process.stdout.close()
    process.stdout = None
    _, stderr = process.communicate(timeout=50)
    assert (1, "checking the keys\n") == (process.returncode, stderr)


def test_emulator_prints_what_a_shell_needs_and_ends_with_ctrl_c(python, interrupt, monkeypatch):
    """The lines are good for eval, and Ctrl-C is the way to end it."""
    process = python(*CLI, "emulator", "--port", "0", "--seconds", "0")
    lines = [process.stdout.readline() for _ in range(4)]
    settings = dict(line.removeprefix("export ").rstrip("\n").split("=", 1) for line in lines)
    assert ["KLING_BASE_URL", "KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY"] == list(settings)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert "the keys work\n" == python(*CLI, "check").communicate(timeout=50)[0]
    assert (0, "", "") == interrupt(process, lambda: True)


def test_emulators_settings_for_machines(python, interrupt):
    """With --json they are one document."""
    process = python(*CLI, "emulator", "--port", "0", "--json")
    assert {"KLING_BASE_URL", "KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY"} == set(
        json.loads(process.stdout.readline())
    )
    assert 0 == interrupt(process, lambda: True)[0]


def test_emulators_port_that_is_taken_is_said(service, run):
    """One line, no traceback."""
    port = service.url.rpartition(":")[2]
    result = run("emulator", "--port", port)
    assert (2, 1) == (result.exit_code, len(result.stderr.splitlines()))
    assert port in result.stderr
    assert "rrno" not in result.stderr


def test_demo_makes_a_video_without_keys(python, monkeypatch, tmp_path):
    """Its path is the last line of stdout, whatever the environment says."""
    monkeypatch.setenv("KLING_API_KEY", "not-used")
    monkeypatch.setenv("KLING_BASE_URL", "https://api.invalid")
    process = python(*CLI, "demo", "-o", tmp_path / "demo.mp4")
    stdout, stderr = process.communicate(timeout=50)
    assert (0, f"{tmp_path / 'demo.mp4'}\n") == (process.returncode, stdout), stderr
    assert b"ftyp" in (tmp_path / "demo.mp4").read_bytes()[:16]
