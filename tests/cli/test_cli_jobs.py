"""`kling-async jobs` and `batch --journal`: what was paid for is found again."""

import asyncio
import json

import pytest

from kling_async import KlingClient
from kling_async.cli.jobs import STATES
from kling_async.emulator import ByClock, ByPolls
from kling_async.events import JobAccepted, SlotChanged
from kling_async.jobs.entry import JobState


@pytest.fixture
def manifest(service, photo, tmp_path):
    """Two entries with the photograph, in a manifest of JSON lines."""
    path = tmp_path / "jobs.jsonl"
    entries = [{"image": str(photo), "prompt": text} for text in ("one", "two")]
    path.write_text("\n".join(map(json.dumps, entries)), "utf-8")
    return path


def test_the_same_batch_again_creates_nothing(run, manifest, service, tmp_path):
    """The second run meets the first one's jobs and only fetches."""
    for _ in range(2):
        result = run("batch", manifest, "--journal", tmp_path / "jobs.sqlite", "-d", "out")
        assert 0 == result.exit_code, result.stderr
        assert 2 == len(result.stdout.splitlines())
    assert (2, 2) == (len(service.tasks), service.counts["create"])
    names = {"001-astronaut", "002-astronaut"}
    assert {f"{name}.{kind}" for name in names for kind in ("mp4", "json")} == {
        file.name for file in (tmp_path / "out").glob("00*")
    }
    assert 2 == service.counts["download"]


def test_jobs_are_shown(run, manifest, tmp_path, documents):
    """Id, state, task and file, as lines and as documents; showing sends nothing."""
    journal = tmp_path / "jobs.sqlite"
    run("batch", manifest, "--journal", journal, "-d", "out")
    lines = run("jobs", journal).stdout.splitlines()
    assert ["done", "done"] == [line.split("\t")[1] for line in lines]
    shown = documents(run("jobs", journal, "--json").stdout)
    assert {str(tmp_path / "out" / f"00{number}-astronaut.mp4") for number in (1, 2)} == {
        each["file"] for each in shown
    }
    assert all(len(each["sha256"]) == 64 for each in shown)


def test_resume_goes_on_without_the_manifest(run, manifest, service, tmp_path, documents):
    """What timed out in the batch is waited for and fetched by `jobs --resume`."""
    service.advance = ByPolls(1, 4)
    journal = tmp_path / "jobs.sqlite"
    result = run("batch", manifest, "--journal", journal, "--timeout", "0.2")
    assert 1 == result.exit_code
    manifest.unlink()
    result = run("jobs", journal, "--resume", "-d", "late", "--json")
    assert 0 == result.exit_code, result.stderr
    ends = documents(result.stdout)
    assert [True, True] == [end["ok"] for end in ends]
    assert {"001-astronaut.mp4", "002-astronaut.mp4"} == {
        file.name for file in (tmp_path / "late").glob("*.mp4")
    }
    sidecars = [json.loads(file.read_text("utf-8")) for file in sorted((tmp_path / "late").glob("*.json"))]
    assert [("one", 1), ("two", 2)] == [(each["request"]["prompt"], each["number"]) for each in sidecars]
    assert 2 == len(service.tasks)
    assert "" == run("jobs", journal, "--resume").stdout


def test_a_failed_job_stays_failed(run, manifest, service, tmp_path):
    """A job that the service failed is no reason to pay again."""
    service.fail_next("Failure to pass the risk control system")
    journal = tmp_path / "jobs.sqlite"
    assert 1 == run("batch", manifest, "--journal", journal).exit_code
    again = run("batch", manifest, "--journal", journal)
    assert 1 == again.exit_code
    assert "risk control" in again.stdout
    assert 2 == len(service.tasks)


def test_a_strange_file_is_one_line(run, service, tmp_path):
    """A file that is not a journal is wrong usage, said in one line, and nothing is sent."""
    path = tmp_path / "notes.txt"
    path.write_text("not a journal " * 100)
    result = run("jobs", path)
    assert 2 == result.exit_code
    assert 1 == len(result.stderr.splitlines())
    assert "journal" in result.stderr
    assert 0 == sum(service.counts.values())


def test_jobs_are_shown_by_state(run, manifest, service, tmp_path):
    """--state chooses, more than once if need be; no other state is shown."""
    service.fail_next("Failure to pass the risk control system")
    journal = tmp_path / "jobs.sqlite"
    run("batch", manifest, "--journal", journal)
    [line] = run("jobs", journal, "--state", "failed").stdout.splitlines()
    assert "failed" == line.split("\t")[1]
    both = run("jobs", journal, "--state", "failed", "--state", "done").stdout.splitlines()
    assert {"failed", "done"} == {each.split("\t")[1] for each in both}
    assert (0, "") == ((none := run("jobs", journal, "--state", "running")).exit_code, none.stdout)


def test_states_are_the_librarys():
    """The help lists the states without loading the library."""
    assert tuple(JobState) == STATES


def test_cancelled_jobs_are_left_alone_unless_asked_for(run, photo, service, tmp_path, documents):
    """A job that was cancelled before it was sent is bought by `--resume --cancelled` alone."""
    service.advance = ByClock(60)
    journal = tmp_path / "jobs.sqlite"

    async def cancel():
        accepted, waiting = asyncio.Event(), asyncio.Event()

        def see(event):
            if isinstance(event, JobAccepted):
                accepted.set()
            if isinstance(event, SlotChanged) and event.waiting:
                waiting.set()

        async with KlingClient(journal=journal, max_in_flight=1, on_event=see) as kling:
            jobs = [
                asyncio.create_task(kling.image2video.generate(image=photo, prompt=text)) for text in "ab"
            ]
            await asyncio.gather(accepted.wait(), waiting.wait())
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    asyncio.run(cancel())
    states = [each["state"] for each in documents(run("jobs", journal, "--json").stdout)]
    assert ["cancelled", "running"] == sorted(states)
    assert 1 == len(run("jobs", journal, "--resume", "--timeout", "0.3").stdout.splitlines())
    assert 1 == len(service.tasks)
    run("jobs", journal, "--resume", "--cancelled", "--timeout", "0.3")
    assert 2 == len(service.tasks)


def test_showing_needs_no_keys_and_tells_picture_and_prompt(run, manifest, service, monkeypatch, documents):
    """A line has the picture's file and the prompt; a document has the row as well; nothing is sent."""
    run("batch", manifest, "-d", "out")
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY"):
        monkeypatch.delenv(name)
    before = sum(service.counts.values())
    lines = run("jobs", "out/.kling.sqlite").stdout.splitlines()
    assert ["one", "two"] == [line.split("\t")[4] for line in lines]
    assert all(line.split("\t")[3].endswith("astronaut.jpg") for line in lines)
    shown = documents(run("jobs", "out/.kling.sqlite", "--json").stdout)
    assert [(1, "one", "done"), (2, "two", "done")] == [
        (each["row"], each["prompt"], each["state"]) for each in shown
    ]
    assert before == sum(service.counts.values())


def test_journal_of_another_key_is_adopted_only_if_asked(run, manifest, service, tmp_path, monkeypatch):
    """The refusal names the option, in the command line's words, and sends nothing; with it the jobs are there."""
    journal = tmp_path / "jobs.sqlite"
    run("batch", manifest, "--journal", journal)
    monkeypatch.delenv("KLING_ACCESS_KEY")
    monkeypatch.delenv("KLING_SECRET_KEY")
    monkeypatch.setenv("KLING_API_KEY", service.api_key)
    for words in (("jobs", journal, "--resume"), ("batch", manifest, "--journal", journal)):
        refused = run(*words)
        assert (2, "") == (refused.exit_code, refused.stdout)
        assert "--adopt-journal adopts it" in refused.stderr
        assert "adopt_journal" not in refused.stderr
    assert 2 == len(service.tasks)
    again = run("batch", manifest, "--journal", journal, "--adopt-journal", "-d", "out")
    assert (0, 2) == (again.exit_code, len(service.tasks)), again.stderr
    assert 2 == len(run("jobs", journal).stdout.splitlines())


def test_refused_video_of_a_resumed_job_is_an_outcome(run, manifest, service, tmp_path, documents):
    """A file that cannot be fetched fails its job alone, and the rest is fetched."""
    service.advance = ByPolls(1, 4)
    journal = tmp_path / "jobs.sqlite"
    run("batch", manifest, "--journal", journal, "--timeout", "0.2")
    service.fault("download", "forbidden")
    ends = documents(run("jobs", journal, "--resume", "--json").stdout)
    assert [False, True] == sorted(end["ok"] for end in ends)
    [error] = [end["error"]["type"] for end in ends if not end["ok"]]
    assert "DownloadError" == error
