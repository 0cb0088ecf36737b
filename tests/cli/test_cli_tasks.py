"""`kling-async tasks` and `check`."""

import pytest

from kling_async.emulator import ByClock


@pytest.fixture
def task_id(service, run, photo):
    """A finished task with the external id `mine`."""
    return run("i2v", photo, "--external-task-id", "mine", "--no-wait").stdout.strip()


def test_get_shows_a_task_by_either_id(run, task_id):
    """Both ids find it, and the lines are for people."""
    by_id, by_name = run("tasks", "get", task_id), run("tasks", "get", "mine")
    assert 0 == by_id.exit_code
    assert by_id.stdout == by_name.stdout
    assert f"task_id: {task_id}" == by_id.stdout.splitlines()[0]
    assert "task_status: succeed" in by_id.stdout
    assert "video: http" in by_id.stdout


def test_get_for_machines_has_the_answer_as_received(run, task_id, documents):
    """What this library does not know is in `raw`."""
    [document] = documents(run("tasks", "get", "mine", "--json").stdout)
    assert task_id == document["task_id"] == document["raw"]["task_id"]


def test_get_of_no_task_is_refused(service, run):
    """An id that nobody has is code 6."""
    result = run("tasks", "get", "nobody")
    assert (6, "") == (result.exit_code, result.stdout)
    assert "nobody" in result.stderr


def test_list_shows_a_task_on_each_line(run, task_id, documents):
    """Cells are separated by tabs; with --json a line is a document."""
    [line] = run("tasks", "list").stdout.splitlines()
    assert [task_id, "succeed", "mine"] == [line.split("\t")[index] for index in (0, 1, 3)]
    [document] = documents(run("tasks", "list", "--json").stdout)
    assert "mine" == document["external_task_id"]


def test_list_shows_pages(run, task_id):
    """A page behind the last is empty, one out of bounds is wrong usage."""
    assert (0, "") == ((result := run("tasks", "list", "--page-num", "2")).exit_code, result.stdout)
    assert 2 == run("tasks", "list", "--page-size", "501").exit_code


def test_wait_downloads(run, task_id, tmp_path):
    """With -o the video is fetched and named."""
    result = run("tasks", "wait", "mine", "-o", "a.mp4")
    assert (0, "a.mp4\n") == (result.exit_code, result.stdout)
    assert (tmp_path / "a.mp4").exists()


def test_wait_without_a_file_shows_the_task(run, task_id, tmp_path, documents):
    """Nothing is fetched."""
    assert f"task_id: {task_id}" in run("tasks", "wait", "mine").stdout
    [document] = documents(run("tasks", "wait", "mine", "--json").stdout)
    assert (task_id, None) == (document["task_id"], document["file"])
    assert [] == list(tmp_path.iterdir())


def test_wait_that_ends_too_soon_can_be_repeated(service, run, photo):
    """The line has the same command once more."""
    service.advance = ByClock(60)
    task_id = run("i2v", photo, "--no-wait").stdout.strip()
    result = run("tasks", "wait", task_id, "--timeout", "0.2")
    assert 4 == result.exit_code
    assert result.stderr.endswith(f"go on with: kling-async tasks wait {task_id}\n")


def test_wait_without_limit_is_possible(run, task_id):
    """--timeout inf waits without limit."""
    assert 0 == run("tasks", "wait", task_id, "--timeout", "inf").exit_code


def test_check_says_that_the_keys_work(service, run, documents):
    """A free call, and one line."""
    assert "the keys work\n" == run("check").stdout
    assert [{"ok": True}] == documents(run("check", "--json").stdout)


def test_check_says_what_is_wrong_without_showing_the_key(service, run, monkeypatch):
    """Bad keys are code 5."""
    monkeypatch.setenv("KLING_SECRET_KEY", "canary-secret-canary-secret-canary")
    result = run("check")
    assert (5, "") == (result.exit_code, result.stdout)
    assert "canary" not in result.stderr
