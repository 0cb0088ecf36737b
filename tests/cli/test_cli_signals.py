"""Ctrl-C and SIGTERM, sent to real processes: ids, what became of each job, and the command that goes on."""

import fcntl
import json
import shlex
import signal
import subprocess
import termios

import pytest

from kling_async.emulator import ByClock

CLI = ("-m", "kling_async.cli")
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


def _code(number):
    return 128 + number


@pytest.fixture
def manifest(photo, tmp_path):
    """Write a manifest of so many entries."""

    def write(count):
        path = tmp_path / "jobs"
        entries = [{"image": str(photo), "prompt": str(number)} for number in range(count)]
        path.write_text("\n".join(map(json.dumps, entries)), "utf-8")
        return path

    return write


@SIGNALS
def test_wait_that_is_ended_names_the_command_that_brings_the_video(
    service, python, interrupt, photo, tmp_path, number
):
    """Both ids and a command are said, and that command brings the video."""
    service.advance = ByClock(3)
    process = python(*CLI, "i2v", photo, "-o", "my cat.mp4")
    code, stdout, stderr = interrupt(process, lambda: service.tasks, number)
    assert (_code(number), "") == (code, stdout)
    task = service.tasks[0]
    assert f"task_id={task.task_id} external_task_id={task.external_task_id} goes on" in stderr
    assert "Traceback" not in stderr
    assert "a caller went away" not in stderr
    command = shlex.split(stderr.splitlines()[-1])
    assert ["kling-async", "tasks", "wait", "-o", "my cat.mp4", task.task_id] == command
    stdout, stderr = python(*CLI, *command[1:]).communicate(timeout=50)
    assert "my cat.mp4\n" == stdout, stderr
    assert b"ftyp" in (tmp_path / "my cat.mp4").read_bytes()[:16]


@SIGNALS
def test_create_on_its_way_may_have_been_created(service, python, interrupt, photo, documents, number):
    """The id is known before the create leaves, so the task can be found although no answer came; JSON has it too."""
    service.fault("create", "hang", times=None)
    process = python(*CLI, "i2v", photo, "--json")
    code, stdout, stderr = interrupt(process, lambda: service.tasks, number)
    name = service.tasks[0].external_task_id
    assert f"external_task_id={name} may have been created" in stderr
    [document] = documents(stdout)
    [job] = document["jobs"]
    command = f"kling-async tasks wait -o astronaut.mp4 {name}"
    assert ("may have been created", None, name, command) == tuple(
        job[key] for key in ("state", "task_id", "external_task_id", "resume")
    )
    assert code == document["error"]["exit_code"] == _code(number)
    assert command in stderr


@SIGNALS
def test_job_that_was_never_sent_says_so(service, python, interrupt, photo, number):
    """While the service cannot be reached nothing has left, and no command goes on with nothing."""
    process = python(*CLI, "i2v", photo, "--base-url", "http://127.0.0.1:9", "--json")
    tried = []

    def has_tried():
        tried.append(process.stderr.readline())
        return "cannot reach" in tried[-1]

    code, stdout, stderr = interrupt(process, has_tried, number)
    assert (_code(number), [], [None]) == (
        code,
        json.loads(stdout)["jobs"],
        json.loads(stdout)["never_sent"],
    )
    assert "nothing was sent" in stderr
    assert "tasks wait" not in stderr


@SIGNALS
def test_download_that_is_ended_can_be_repeated(service, python, interrupt, photo, tmp_path, number):
    """The task has succeeded; the command fetches its video, and no half of it is left."""
    service.fault("download", "drip", seconds=60)
    process = python(*CLI, "i2v", photo)
    code, stdout, stderr = interrupt(process, lambda: service.counts["download"], number)
    assert (_code(number), "") == (code, stdout)
    assert f"task_id={service.tasks[0].task_id}" in stderr
    assert "has succeeded, and its result is not on the disk yet" in stderr
    assert [] == list(tmp_path.iterdir())
    command = shlex.split(stderr.splitlines()[-1])
    assert "astronaut.mp4\n" == python(*CLI, *command[1:]).communicate(timeout=50)[0]


@SIGNALS
def test_wait_for_a_task_that_is_ended_names_it(service, python, interrupt, photo, run, number):
    """`tasks wait` says the same as the command that created the task."""
    service.advance = ByClock(60)
    task_id = run("i2v", photo, "--no-wait").stdout.strip()
    process = python(*CLI, "tasks", "wait", task_id)
    code, _, stderr = interrupt(process, lambda: service.counts["get"], number)
    assert _code(number) == code
    assert stderr.endswith(f"kling-async tasks wait {task_id}\n")


@SIGNALS
def test_second_signal_ends_a_batch_and_names_tasks_and_rows(
    service, python, interrupt, manifest, documents, number
):
    """What runs has its ids, no row that was not sent may have been created, and the same command goes on."""
    service.advance = ByClock(60)
    process = python(*CLI, "batch", manifest(9), "--concurrency", "2", "--json")
    code, stdout, stderr = interrupt(process, lambda: len(service.tasks) == 2, number, twice=True)
    assert _code(number) == code
    assert "nothing new is sent; waiting for the 2 jobs that run, a second signal leaves them" in stderr
    for task in service.tasks:
        row = int(task.body["prompt"]) + 1
        ids = f"task_id={task.task_id} external_task_id={task.external_task_id}"
        assert 2 == stderr.count(f"row {row}: {ids} goes on at the service")
    assert "may have been created" not in stderr
    assert 2 == stderr.count("never sent: 7 of 9 rows (3-9)")
    [document] = documents(stdout)
    assert ([1, 2], [*range(3, 10)]) == ([job["row"] for job in document["jobs"]], document["never_sent"])
    assert document["resume"].startswith("kling-async batch ")


def test_first_signal_sends_nothing_new_and_fetches_what_runs(service, python, interrupt, manifest, tmp_path):
    """The jobs that run end as they would have; the rest is named, and the same command goes on with it."""
    number = signal.SIGTERM
    service.advance = ByClock(1.5)
    options = ("--directory", "out put", "--concurrency", "2")
    words = ("batch", *options, manifest(4))
    code, stdout, stderr = interrupt(python(*CLI, *words), lambda: len(service.tasks) == 2, number)
    assert (_code(number), 2) == (code, len(service.tasks))
    assert {"1\tok\tout put/001-astronaut.mp4", "2\tok\tout put/002-astronaut.mp4"} == set(
        stdout.splitlines()
    )
    assert "never sent: 2 of 4 rows (3-4)" in stderr
    command = shlex.split(stderr.splitlines()[-1].removeprefix("go on with: "))
    assert ["kling-async", *map(str, words)] == command
    service.advance = ByClock(0.1)
    process = python(*CLI, *command[1:])
    process.communicate(timeout=40)
    assert (0, 4) == (process.returncode, len(service.tasks))
    assert 4 == len(list((tmp_path / "out put").glob("*.mp4")))


def test_batch_whose_creates_hang_tells_them_from_the_rest(service, python, interrupt, manifest):
    """Creates that have left may have been created; rows behind them were never sent."""
    service.fault("create", "hang", times=None)
    process = python(*CLI, "batch", manifest(5), "--concurrency", "2")
    code, _, stderr = interrupt(process, lambda: len(service.tasks) == 2, twice=True)
    assert 130 == code
    assert 4 == stderr.count("may have been created")
    assert "never sent: 3 of 5 rows (3-5)" in stderr


def test_resume_that_is_ended_names_its_jobs(service, python, interrupt, manifest, run):
    """`jobs --resume` says the ids of what runs, and its own command."""
    service.advance = ByClock(60)
    run("batch", manifest(2), "--journal", "jobs.sqlite", "--timeout", "0.1")
    process = python(*CLI, "jobs", "jobs.sqlite", "--resume")
    before = sum(service.counts.values())
    code, _, stderr = interrupt(
        process, lambda: sum(service.counts.values()) > before, signal.SIGTERM, twice=True
    )
    assert 143 == code
    assert all(f"task_id={task.task_id}" in stderr for task in service.tasks)
    assert stderr.endswith("go on with: kling-async jobs jobs.sqlite --resume\n")


@SIGNALS
def test_signal_before_anything_is_sent_is_not_a_traceback(python, interrupt, number):
    """A process that is ended while it reads its manifest says so, with the code of the signal."""
    process = python(*CLI, "batch", "-", stdin=subprocess.PIPE)
    process.stdin.write("{")
    process.stdin.flush()
    code, stdout, stderr = interrupt(process, lambda: _all_was_read(process.stdin), number)
    assert (_code(number), "") == (code, stdout)
    assert stderr in {"checking -\ninterrupted\n", "checking -\ninterrupted by SIGTERM\n"}


def _all_was_read(pipe):
    unread = bytearray(4)
    fcntl.ioctl(pipe, termios.FIONREAD, unread)
    return not any(unread)


def test_sigterm_works_where_ctrl_c_is_ignored(service, python, interrupt, photo):
    """A shell script's background job ignores Ctrl-C; SIGTERM ends it with the ids all the same."""
    service.advance = ByClock(60)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = python(*CLI, "i2v", photo)
    finally:
        signal.signal(signal.SIGINT, before)
    code, _, stderr = interrupt(process, lambda: service.tasks, signal.SIGTERM)
    assert 143 == code
    assert f"task_id={service.tasks[0].task_id}" in stderr
