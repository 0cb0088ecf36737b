"""The page's file, and the command that writes it."""

import json

import pytest
from click.testing import CliRunner
from gallery.sample import put

from kling_async.cli.group import cli
from kling_async.errors import ConfigurationError
from kling_async.gallery import write_gallery


@pytest.fixture
def folder(tmp_path):
    """A folder with a video, a failure and a file of somebody else."""
    (tmp_path / "a.mp4").write_bytes(b"")
    put(tmp_path, "b", status="failed", reason="no")
    (tmp_path / "package.json").write_text("{}")
    return tmp_path


def run(*words):
    """Runs the command in this process."""
    return CliRunner().invoke(cli, ["gallery", *map(str, words)])


def test_the_page_says_what_it_shows(folder):
    """What was written, and what was skipped."""
    written = write_gallery(folder)
    assert (folder / "index.html", 2, 1, 1) == (written.path, written.results, written.videos, written.failed)
    assert ["package.json: is not a result's sidecar"] == list(map(str, written.skipped))


def test_the_page_replaces_itself_and_leaves_nothing_else(folder):
    """A second run is a new page; no partial file stays."""
    write_gallery(folder, title="first")
    write_gallery(folder, title="second")
    assert '<h1 dir="auto">second</h1>' in (folder / "index.html").read_text()
    assert {"a.mp4", "b.json", "package.json", "index.html"} == {each.name for each in folder.iterdir()}


def test_a_page_of_somebody_else_is_kept(folder):
    """It is replaced only if that is said."""
    (folder / "index.html").write_text("mine")
    with pytest.raises(ConfigurationError, match="is not a gallery and is not replaced unless forced"):
        write_gallery(folder)
    assert "mine" == (folder / "index.html").read_text()
    write_gallery(folder, force=True)
    write_gallery(folder)


def test_a_failed_write_keeps_the_old_page(folder, monkeypatch):
    """The page appears whole or not at all; what was written of it goes away."""
    write_gallery(folder, title="old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_gallery(folder, title="new")
    assert "old</h1>" in (folder / "index.html").read_text()
    assert [] == list(folder.glob("*.part"))


@pytest.mark.parametrize("files", [(), ("package.json",)])
def test_a_folder_without_results_gets_no_page(tmp_path, files):
    """One line says so."""
    for name in files:
        (tmp_path / name).write_text("{}")
    result = run(tmp_path)
    assert (2, "") == (result.exit_code, result.stdout)
    reading, reason = result.stderr.splitlines()
    assert f"reading {tmp_path}" == reading
    assert "has no videos and no sidecars of results" in reason
    assert not (tmp_path / "index.html").exists()


def test_the_command_prints_the_page_and_names_what_it_skipped(folder):
    """The path on stdout, everything else on stderr."""
    result = run(folder)
    assert (0, f"{folder / 'index.html'}\n") == (result.exit_code, result.stdout)
    lines = ["skipped package.json: is not a result's sidecar", "gallery of 2 results, 1 failed"]
    assert [f"reading {folder}", *lines] == result.stderr.splitlines()


def test_the_command_for_machines(folder):
    """One document with counts and what was skipped."""
    document = json.loads(run(folder, "--json", "--name", "all.html").stdout)
    assert {
        "file": str(folder / "all.html"),
        "results": 2,
        "videos": 1,
        "failed": 1,
        "skipped": [{"file": "package.json", "reason": "is not a result's sidecar"}],
    } == document


def test_the_command_names_its_options_when_a_page_is_in_the_way(folder):
    """Both ways out are named, and each works."""
    (folder / "index.html").write_text("mine")
    result = run(folder)
    assert 2 == result.exit_code
    assert "is not a gallery; --force replaces it, and --name makes another file." in result.stderr
    assert 0 == run(folder, "--name", "other.html").exit_code
    assert 0 == run(folder, "--force").exit_code


@pytest.mark.parametrize("name", ["../x.html", "a/b.html", "", "..", "x.txt", "a\\b.html"])
def test_the_page_lies_in_the_folder(folder, name):
    """Its links are relative, so another place is wrong usage."""
    result = run(folder, "--name", name)
    assert 2 == result.exit_code
    assert "is not the name of an HTML file in the folder" in result.stderr


def test_a_folder_in_the_way_is_one_line(folder):
    """Not a traceback."""
    (folder / "index.html").mkdir()
    result = run(folder)
    assert (2, f"error: {folder / 'index.html'}: Is a directory\n") == (result.exit_code, result.stderr)
