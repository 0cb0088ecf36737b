"""The parts of a batch that need no service: numbers and estimates, names, what is shown of sizes and times, draining."""

import asyncio
import signal

import pytest

from kling_async.cli.checking import folder_problem, shown_size
from kling_async.cli.draining import Draining
from kling_async.cli.following import Following
from kling_async.cli.naming import Name, named, picture_of, read_names, write_names, write_whole
from kling_async.cli.running import run
from kling_async.cli.tally import Tally, seconds_left, shown_time
from kling_async.errors import KlingError, NotSubmittedError
from kling_async.events import JobAbandoned, JobAccepted, JobEnded, SlotChanged, TaskChanged
from kling_async.jobs.slots import Slots

PATH = "/v1/videos/image2video"


class Clock:
    """Seconds that a test moves."""

    now = 0.0

    def __call__(self):
        return self.now


def accepted(key):
    """A job that the service has."""
    return JobAccepted(
        external_task_id=key, task_id=f"t-{key}", path=PATH, model=None, seconds=0.0, adopted=False
    )


def ended(key, *, succeeded=True):
    """A job whose task has ended."""
    return JobEnded(
        external_task_id=key, task_id=f"t-{key}", path=PATH, model=None, succeeded=succeeded, seconds=1.0,
        error=None, code=None,
    )  # fmt: skip


def changed(key, status):
    """A job whose task is in another status."""
    return TaskChanged(task_id=f"t-{key}", external_task_id=key, status=status, path=PATH)


def test_jobs_are_counted_by_their_events():
    """Accepted, running and gone; an unknown status counts as running; the slots are as last seen."""
    tally = Tally(4)
    for event in (
        accepted("a"), accepted("b"), accepted("c"), changed("a", "processing"), changed("b", "submitted"),
        changed("c", "warming up"), SlotChanged(kind="video", held=3, waiting=1, limit=3),
    ):  # fmt: skip
        tally.see(event)
    assert "0 done, 0 failed, 2 running, 1 accepted, slots 3 of 3" == tally.text()
    tally.see(ended("a"))
    tally.see(JobAbandoned(path=PATH, state="goes on at the service", task_id="t-c", external_task_id="c"))
    assert (1, 0) == (tally.accepted, tally.running)


def test_time_left_is_learnt_from_finished_jobs():
    """Unknown before the first, and not from jobs of an earlier run, nor from failures."""
    clock = Clock()
    tally = Tally(10, clock)
    tally.go_on(["old"])
    for key in ("a", "b"):
        tally.see(accepted(key))
    clock.now = 5.0
    tally.see(ended("old"))
    tally.see(ended("a", succeeded=False))
    assert tally.time_left() is None
    clock.now = 10.0
    tally.see(ended("b"))
    tally.done, tally.failed = 2, 1
    tally.see(accepted("c"))
    assert 7 * 10.0 == tally.time_left()


@pytest.mark.parametrize(
    ("usual", "ages", "waiting", "expected"),
    [(10, [], 0, 0), (10, [4, 9], 0, 6), (10, [4, 9], 4, 23.5), (10, [50], 1, 10), (10, [], 3, 30)],
)
def test_estimate(usual, ages, waiting, expected):
    """Jobs that run longer than usual count as about to end; what waits takes turns."""
    assert expected == seconds_left(usual, ages, waiting)


def test_times_and_sizes_are_for_people():
    """Few digits, and a unit."""
    assert ["45 s", "2 min", "2.5 h"] == [shown_time(seconds) for seconds in (45, 120, 9000)]
    assert ["7 bytes", "12 kB", "3.4 MB", "5.0 TB"] == [shown_size(n) for n in (7, 12_345, 3.4e6, 5e12)]


def test_names_are_unique_and_padded():
    """No two jobs share a name, whatever the case; the zeros follow the number of rows."""
    assert Name(7, "007-cat") == named(7, 10, "cat")
    assert "00007-cat" == named(7, 10_000, "cat").name
    assert "007-Cat-3" == named(7, 10, "Cat", {"007-cat", "007-cat-2"}).name


def test_names_are_read_as_they_were_written(tmp_path):
    """A file that is not there gives none."""
    journal = tmp_path / "j.sqlite"
    assert {} == read_names(journal)
    write_names(journal, {"a": Name(1, "001-x")})
    assert {"a": Name(1, "001-x")} == read_names(journal)


def test_file_is_written_whole_or_not_at_all(tmp_path):
    """What was there stays if the disk refuses, and nothing is left beside it."""
    target = tmp_path / "a.json"
    write_whole(target, b"old")
    with pytest.raises(TypeError):
        write_whole(target, None)
    assert (b"old", [target]) == (target.read_bytes(), list(tmp_path.iterdir()))


def test_picture_of_a_record():
    """Files and URLs have names; bytes have none."""
    digest = "0" * 64
    assert "/a/b.jpg" == picture_of({"image": {"path": "/a/b.jpg", "sha256": digest}})
    assert "https://a.example/b.jpg" == picture_of({"image_tail": "https://a.example/b.jpg"})
    assert picture_of({"image": {"sha256": digest, "size": 3}}) is None


def test_folder_that_is_a_file_is_refused(tmp_path):
    """A folder that is still to be made is fine, unless a file stands in its way."""
    (tmp_path / "file").touch()
    assert folder_problem(tmp_path / "new" / "deeper") is None
    assert "is not a folder" in folder_problem(tmp_path / "file" / "deeper")


@pytest.mark.anyio
async def test_stopped_slots_are_granted_to_nobody():
    """Who waits and who comes is refused; what is held stays held, and a task that exists takes its slot."""
    slots = Slots(1, lambda: 0.0)
    held, waiting, late, existing = slots.slot(), slots.slot(), slots.slot(), slots.slot()
    await held.acquire()
    task = asyncio.create_task(waiting.acquire())
    await asyncio.sleep(0)
    slots.stop(KlingError("enough"))
    with pytest.raises(NotSubmittedError, match="enough"):
        await task
    with pytest.raises(NotSubmittedError):
        await late.acquire()
    with pytest.raises(NotSubmittedError):
        await held.refused()
    existing.take()
    assert (1, 0) == (slots.held, slots.waiting)
    slots.close()


def test_first_signal_before_there_is_a_client_ends_the_command():
    """There is nothing to drain."""
    draining = Draining(Following())

    async def work():
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        run(work(), drain=draining)
    assert draining.by is None


def test_first_signal_drains_and_the_second_one_ends():
    """The work goes on after the first one."""
    told, drained = [], asyncio.Event()

    async def work():
        signal.raise_signal(signal.SIGTERM)
        await drained.wait()
        told.append("goes on")
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    def drain(number):
        told.append(number)
        drained.set()
        return True

    with pytest.raises(KeyboardInterrupt):
        run(work(), drain=drain)
    assert [signal.SIGTERM, "goes on"] == told
