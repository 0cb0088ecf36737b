"""`kling-async batch` once more: it goes on, pays for nothing twice, fetches nothing twice, and tells what has changed."""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from kling_async.cli.naming import read_names
from kling_async.emulator import ByClock, ByPolls

CLI = ("-m", "kling_async.cli")


@pytest.fixture
def stills(service, photo, tmp_path):
    """Make a folder of so many pictures."""

    def make(count):
        folder = tmp_path / "stills"
        folder.mkdir(exist_ok=True)
        for number in range(count):
            (folder / f"p{number}.jpg").write_bytes(photo.read_bytes() + bytes([number]))
        return folder

    return make


def batch(run, *words):
    """A batch into `out`."""
    return run("batch", *words, "-d", "out")


def test_second_run_pays_and_fetches_nothing_and_says_so(run, stills, service, documents):
    """Every row has its outcome again, from the disk; a lost sidecar is written again."""
    folder = stills(3)
    batch(run, folder)
    before = dict(service.counts)
    Path("out/002-p1.json").unlink()
    again = batch(run, folder)
    assert (0, 3) == (again.exit_code, len(again.stdout.splitlines()))
    assert "going on with out/.kling.sqlite: 3 there already" in again.stderr
    assert "3 rows: 3 done (3 there already), 0 failed" in again.stderr
    assert before == dict(service.counts)
    assert "../stills/p1.jpg" == json.loads(Path("out/002-p1.json").read_text("utf-8"))["request"]["image"]
    assert all(each["already"] for each in documents(batch(run, folder, "--json").stdout))


def test_new_pictures_are_new_jobs_and_old_ones_keep_their_names(run, stills, service, photo):
    """A picture that comes before the others moves their rows, and none of their names."""
    folder = stills(2)
    batch(run, folder)
    shutil.copyfile(photo, folder / "a.jpg")
    again = batch(run, folder)
    assert (0, 3) == (again.exit_code, len(service.tasks)), again.stderr
    expected = ["1\tok\tout/001-a.mp4", "2\tok\tout/001-p0.mp4", "3\tok\tout/002-p1.mp4"]
    assert expected == sorted(again.stdout.splitlines())
    assert 3 == service.counts["download"]


def test_damaged_and_missing_videos_are_fetched_again(run, stills, service):
    """What is not on the disk as it was fetched is fetched, and nothing is paid for."""
    folder = stills(3)
    batch(run, folder)
    Path("out/001-p0.mp4").unlink()
    Path("out/002-p1.mp4").write_bytes(b"cut")
    again = batch(run, folder)
    assert (0, 3, 5) == (again.exit_code, len(service.tasks), service.counts["download"])
    assert "2 to be fetched, 1 there already" in again.stderr


def test_picture_that_was_replaced_is_told_with_its_row(run, stills, service, photo):
    """Nothing is sent until it is put back or the change is accepted, which makes a new job under another name."""
    folder = stills(2)
    batch(run, folder)
    (folder / "p1.jpg").write_bytes(photo.read_bytes() + b"other")
    refused = batch(run, folder)
    assert (2, "", 2) == (refused.exit_code, refused.stdout, len(service.tasks))
    [line] = [line for line in refused.stderr.splitlines() if line.startswith("2 ")]
    assert "image" in line
    assert "p1.jpg has changed since its job" in line
    assert "--accept-changes" in line
    accepted = batch(run, folder, "--accept-changes")
    assert (0, 3) == (accepted.exit_code, len(service.tasks)), accepted.stderr
    assert "2\tok\tout/002-p1-2.mp4" in accepted.stdout
    assert 0 == batch(run, folder).exit_code
    assert 3 == len(service.tasks)


def test_manifest_that_has_changed_is_told_with_row_and_field(run, service, photo, tmp_path):
    """A prompt that was edited is no new row; rows that are new all the same are."""

    def write(*prompts):
        rows = [json.dumps({"image": str(photo), "prompt": prompt}) for prompt in prompts]
        (tmp_path / "jobs.jsonl").write_text("\n".join(rows), "utf-8")

    write("one", "two")
    batch(run, "jobs.jsonl")
    write("one", "TWO", "three")
    refused = batch(run, "jobs.jsonl", "--json")
    assert (2, 2) == (refused.exit_code, len(service.tasks))
    [change] = json.loads(refused.stdout)["rows"]
    assert (2, "prompt") == (change["row"], change["field"])
    write("two", "three", "one")
    assert 0 == batch(run, "jobs.jsonl").exit_code
    assert 3 == len(service.tasks)


def test_own_id_with_another_request_is_refused(run, service, photo, tmp_path):
    """An id has one job for good, so that not even --accept-changes makes another."""

    def write(prompt):
        row = {"image": str(photo), "prompt": prompt, "external_task_id": "a"}
        (tmp_path / "jobs.jsonl").write_text(json.dumps(row), "utf-8")

    write("one")
    batch(run, "jobs.jsonl")
    write("two")
    refused = batch(run, "jobs.jsonl", "--accept-changes")
    assert (2, 1) == (refused.exit_code, len(service.tasks))
    assert "prompt has changed since job a was recorded (done); give the row another" in refused.stderr


def test_failed_jobs_are_paid_for_again_only_if_asked(run, stills, service):
    """Without the option the reason stands again; with it the cost is said, and the row gets a new job."""
    folder = stills(2)
    service.fail_next("Failure to pass the risk control system")
    assert 1 == batch(run, folder).exit_code
    again = batch(run, folder)
    assert (1, 2) == (again.exit_code, len(service.tasks))
    assert "risk control" in again.stdout
    assert "1 there already, 1 failed" in again.stderr
    retried = batch(run, folder, "--retry-failed")
    assert (0, 3) == (retried.exit_code, len(service.tasks)), retried.stderr
    assert "of these, 1 job, 5 seconds of video are paid for again" in retried.stderr
    assert {"001-p0.mp4", "002-p1.mp4"} == set(videos())
    last = batch(run, folder, "--retry-failed")
    assert (0, 3) == (last.exit_code, len(service.tasks))
    assert "succeed" == json.loads(Path("out/001-p0.json").read_text("utf-8"))["status"]


def test_videos_of_others_are_never_replaced(run, stills, service, tmp_path):
    """A file that has a result's name and is none refuses its row."""
    folder = stills(1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "001-p0.mp4").write_bytes(b"mine")
    refused = batch(run, folder)
    assert (2, 0) == (refused.exit_code, len(service.tasks))
    assert "exists already and is not a result of this batch" in refused.stderr
    assert b"mine" == (tmp_path / "out" / "001-p0.mp4").read_bytes()


def test_jobs_without_a_row_are_told_of(run, stills, service):
    """A picture that was taken away leaves a job that runs; the command that shows it is named."""
    service.advance = ByPolls(1, 9)
    folder = stills(2)
    batch(run, folder, "--timeout", "0.2")
    (folder / "p1.jpg").unlink()
    again = batch(run, folder, "--timeout", "0.2")
    wanted = "1 unfinished job of the journal belongs to no row; see and go on with: kling-async jobs out/.kling.sqlite"
    assert wanted in again.stderr
    assert 2 == len(service.tasks)


def test_names_that_were_lost_cost_nothing_but_names(run, stills, service):
    """The journal knows what was paid for."""
    folder = stills(2)
    batch(run, folder)
    assert ["001-p0", "002-p1"] == [each.name for each in read_names_of("out")]
    for content in ("{", "[]", '{"x": 7, "y": [true, "a"], "z": [1, "../a"]}'):
        Path("out/.kling.sqlite.names").write_text(content, "utf-8")
        assert [] == read_names_of("out")
    assert 0 == batch(run, folder).exit_code
    assert (2, 2) == (len(service.tasks), service.counts["download"])


def read_names_of(folder):
    """The names beside a folder's journal."""
    return list(read_names(Path(folder) / ".kling.sqlite").values())


def test_killed_and_run_again_every_row_is_accounted_for_once(service, python, run, photo):
    """Killed twice among its downloads: each row ends once, is paid once, and nothing that is on the disk is fetched again."""
    service.advance = ByClock(1.5)
    service.fail_when = lambda body: "unlucky" if body["prompt"].endswith("0") else None
    rows = [json.dumps({"image": str(photo), "prompt": str(number)}) for number in range(1, 31)]
    Path("jobs.jsonl").write_text("\n".join(rows), "utf-8")
    words = ("batch", "jobs.jsonl", "-d", "out", "--concurrency", "30")
    for fetched in (3, 14):
        process = python(*CLI, *words)
        deadline = time.monotonic() + 30
        while service.counts["download"] < fetched and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    there, before = videos(), service.counts["download"]
    ends = [json.loads(line) for line in run(*words, "--json").stdout.splitlines()]
    assert [*range(1, 31)] == sorted(end["row"] for end in ends)
    assert 30 == len(service.tasks) == len({task.external_task_id for task in service.tasks})
    assert 3 == sum(not end["ok"] for end in ends)
    assert 27 == len(videos())
    assert 27 - len(there) == service.counts["download"] - before


def videos():
    """The videos in `out`."""
    return [path.name for path in Path("out").glob("*.mp4")]
