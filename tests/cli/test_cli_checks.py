"""What can be checked before anything is paid for is checked before it: waits, places, journals."""

import os
import shutil

import pytest

from kling_async.cli.options import LONGEST_TIMEOUT
from kling_async.jobs.waits import LONGEST


@pytest.fixture
def manifest(photo, tmp_path):
    """A manifest of one entry beside its picture."""
    shutil.copyfile(photo, tmp_path / "cat.jpg")
    (tmp_path / "jobs").write_text('{"image": "cat.jpg"}', "utf-8")
    return tmp_path / "jobs"


@pytest.fixture
def commands(photo, manifest):
    """Every command that waits or pays, by its name."""
    return {
        "i2v": ("i2v", photo),
        "batch": ("batch", manifest),
        "tasks wait": ("tasks", "wait", "1"),
        "jobs": ("jobs", manifest, "--resume"),
    }


@pytest.mark.parametrize("command", ["i2v", "batch", "tasks wait", "jobs"])
@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "1e10", "-inf", "soon"])
def test_time_that_nobody_can_wait_is_refused_before_anything_is_sent(
    service, run, commands, command, seconds
):
    """The option, the value and the bound are named; nothing was sent."""
    result = run(*commands[command], "--timeout", seconds)
    assert (2, "", 0) == (result.exit_code, result.stdout, sum(service.counts.values()))
    assert "'--timeout'" in result.stderr
    assert "above 0 and at most 1000000000 seconds" in result.stderr or seconds == "soon"


def test_longest_timeout_is_the_librarys():
    """The command line states the bound a second time, so that its help need not load the library."""
    assert LONGEST == LONGEST_TIMEOUT


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("nowhere/a.mp4", "the folder nowhere does not exist"),
        ("cat.jpg/a.mp4", "cat.jpg"),
        ("folder", "is a directory"),
        ("pipe", "pipe is not a file"),
        ("locked/a.mp4", "locked cannot be written to"),
    ],
)
@pytest.mark.parametrize("words", [("i2v", "cat.jpg"), ("tasks", "wait", "1"), ("demo",)])
def test_place_that_cannot_be_written_is_refused_before_anything_is_sent(
    service, run, manifest, tmp_path, monkeypatch, words, output, said
):
    """A video that could not be written is not ordered; the option is named."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "locked").mkdir()
    _lock(monkeypatch, "locked")
    os.mkfifo(tmp_path / "pipe")
    result = run(*words, "-o", output)
    assert (2, "", 0) == (result.exit_code, result.stdout, sum(service.counts.values()))
    assert "'--output' / '-o'" in result.stderr
    assert said in " ".join(result.stderr.split())


def _lock(monkeypatch, name):
    """Makes a folder one that cannot be written to, for root too, who runs tests in containers."""
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != name and access(path, mode))


def test_default_place_is_checked_too(service, run, photo, monkeypatch):
    """Without -o the video goes to the current directory, which must be writable."""
    _lock(monkeypatch, ".")
    result = run("i2v", photo)
    assert (2, 0) == (result.exit_code, sum(service.counts.values()))
    assert "-o" in result.stderr


@pytest.mark.parametrize("name", ["batch", "jobs"])
def test_folder_that_cannot_be_made_is_refused_before_anything_is_sent(service, run, commands, name):
    """Its option is named."""
    result = run(*commands[name], "-d", "cat.jpg/videos")
    assert (2, "", 0) == (result.exit_code, result.stdout, sum(service.counts.values()))
    assert "'--directory' / '-d'" in result.stderr


def test_row_whose_video_could_not_be_written_is_not_ordered(service, run, manifest, tmp_path):
    """A folder that has the name of a video is told with its row, and nothing is paid for."""
    (tmp_path / "001-cat.mp4").mkdir()
    manifest.write_text('{"image": "cat.jpg"}\n{"image": "cat.jpg"}', "utf-8")
    result = run("batch", manifest)
    assert (2, "", 0) == (result.exit_code, result.stdout, len(service.tasks))
    assert "1    output  001-cat.mp4 exists already and is not a result of this batch" in result.stderr


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda path: path.write_text("not a journal " * 100), "is not a database"),
        (lambda path: path.write_bytes(b""), "it is empty"),
    ],
)
def test_journal_that_cannot_be_used_is_wrong_usage(service, run, manifest, tmp_path, prepare, said):
    """One line says why, and nothing is paid for."""
    prepare(tmp_path / "jobs.sqlite")
    result = run("batch", manifest, "--journal", "jobs.sqlite")
    assert (2, "", 0) == (result.exit_code, result.stdout, len(service.tasks))
    assert said in result.stderr.splitlines()[-1]


def test_journal_in_a_missing_folder_is_wrong_usage(service, run, manifest):
    """The folder is named."""
    result = run("batch", manifest, "--journal", "nowhere/jobs.sqlite")
    assert (2, 0) == (result.exit_code, len(service.tasks))
    assert "nowhere" in result.stderr


def test_options_that_need_others_say_so(service, run, manifest):
    """Nothing is silently ignored."""
    for words in (
        ("jobs", manifest, "--cancelled"),
        ("jobs", manifest, "--resume", "--state", "failed"),
    ):
        result = run(*words)
        assert (2, "") == (result.exit_code, result.stdout)
        assert words[-1] in result.stderr or "--state" in result.stderr
