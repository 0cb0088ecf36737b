"""The live display, on a real pseudo-terminal."""

import json
import os
import subprocess
import threading

import pytest

from kling_async.cli.progress import MAX_ROWS, Display, Row, _screen
from kling_async.emulator import ByPolls
from kling_async.schema.task import Task

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")


@pytest.fixture
def terminal(python):
    """Run the command line with stderr, or stdout too, on a terminal: gives stdout and what the screen got."""

    def run(*words, whole=False):
        ours, theirs = pty.openpty()
        got = bytearray()

        def read():
            try:
                while chunk := os.read(ours, 65536):
                    got.extend(chunk)
            except OSError:
                return  # that is how Linux says that the other end is closed

        process = python(
            "-m", "kling_async.cli", *words, stdout=theirs if whole else subprocess.PIPE, stderr=theirs
        )
        os.close(theirs)
        reader = threading.Thread(target=read)
        reader.start()
        stdout, _ = process.communicate(timeout=50)
        reader.join()
        os.close(ours)
        return stdout, got.decode()

    return run


@pytest.fixture(autouse=True)
def _capable_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


def test_steps_are_seen_on_the_terminal_and_stdout_is_pure(service, terminal, photo):
    """What the task is doing and the elapsed time go to stderr; the path alone to stdout."""
    service.advance = ByPolls(processing=1, ended=2)
    stdout, seen = terminal("i2v", photo)
    assert "astronaut.mp4\n" == stdout
    task_id = service.tasks[0].task_id
    assert all(text in seen for text in ("submitting", f"processing {task_id}", "downloading", "0:00:0"))


def test_outcomes_stand_above_the_rows(service, terminal, photo, tmp_path):
    """Each line is written whole, once, although rows come and go below it."""
    rows = [{"image": str(photo), "prompt": f"take {number}"} for number in range(1, 6)]
    (tmp_path / "jobs").write_text("\n".join(map(json.dumps, rows)))
    service.fail_when = lambda body: "too bad" if body["prompt"] == "take 5" else None
    _, seen = terminal("batch", "jobs", whole=True)
    assert "of 5" in seen
    for number in range(1, 5):
        assert 1 == sum(f"00{number}-astronaut.mp4" in line for line in seen.splitlines() if "ok" in line)
    assert "5       failed" in seen or "5\tfailed" in seen


def test_dumb_terminal_gets_lines(service, terminal, photo, monkeypatch):
    """If the cursor cannot move, nothing is drawn, and each step is a line, as on a pipe."""
    monkeypatch.setenv("TERM", "dumb")
    stdout, seen = terminal("i2v", photo, "--model-name", "kling-v2-6")
    assert "astronaut.mp4\n" == stdout
    ids = f"task_id={service.tasks[0].task_id} external_task_id={service.tasks[0].external_task_id}"
    steps = [f"submitting {photo}", f"submitted {ids}", f"succeed {ids}", "downloading astronaut.mp4"]
    assert steps == seen.splitlines()


def test_rows_are_few():
    """The eleventh row has no place, and does not mind; a row that ended makes room."""
    screen = _screen()
    rows = [Display(screen).row(f"row {number}") for number in range(MAX_ROWS + 2)]
    assert MAX_ROWS == len(screen.tasks)
    rows[-1].say("unseen")
    rows[-1].receive(1, None)
    rows[-1].end()
    rows[0].end()
    assert MAX_ROWS - 1 == len(screen.tasks)


def test_rows_show_bytes_and_harmless_words():
    """A status word of the service's own cannot steer the terminal."""
    screen = _screen()
    row = Row(screen, "downloading")
    row.receive(1_500_000, 4_000_000)
    assert "1.5 of 4.0 MB" == screen.tasks[0].fields["amount"]
    row.see(Task("1\x1b[2J", "so\u202eon"))
    assert "so on 1 [2J" == screen.tasks[0].description
