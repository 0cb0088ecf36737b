"""What is known of a command's jobs from the client's events alone."""

import asyncio

import pytest

from kling_async.cli.following import Following
from kling_async.cli.ongoing import Ongoing, State, ranges
from kling_async.events import JobAbandoned, JobAccepted, JobEnded, JobQueued, PollDone

PATH = "/v1/videos/image2video"


def _queued(key):
    return JobQueued(external_task_id=key, path=PATH, model=None)


def _accepted(key, task_id):
    return JobAccepted(
        external_task_id=key, task_id=task_id, path=PATH, model=None, seconds=1.0, adopted=False
    )


def _abandoned(key, task_id, state):
    return JobAbandoned(external_task_id=key, task_id=task_id, path=PATH, state=state)


def _ended(key, task_id, *, succeeded):
    return JobEnded(
        external_task_id=key,
        task_id=task_id,
        path=PATH,
        model=None,
        succeeded=succeeded,
        seconds=1.0,
        error=None,
        code=None,
    )


def test_job_that_never_began_was_never_sent():
    """Before its first event nothing of a job can have left."""
    assert State.NEVER_SENT is Following().add(Ongoing()).state


def test_job_that_began_may_exist_until_something_is_known():
    """A process that is ended at once calls nothing unsent that may have been sent."""
    following = Following()
    job = following.add(Ongoing())
    following.begin(job)
    following.see(_queued("ka-1"))
    assert (State.MAY_EXIST, "ka-1") == (job.state, job.external_task_id)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("never sent", State.NEVER_SENT),
        ("may have been created", State.MAY_EXIST),
        ("goes on at the service", State.GOES_ON),
        ("anything new", State.MAY_EXIST),
    ],
)
def test_abandoned_job_is_what_the_client_says(said, state):
    """The client knows best whether something left."""
    following = Following()
    following.see(_queued("ka-1"))
    following.see(_abandoned("ka-1", None, said))
    assert [state] == [job.state for job in following.jobs]


def test_task_is_known_from_acceptance_to_the_end():
    """Its id comes with the acceptance; a success is ready to be fetched, and stays so whatever is cancelled."""
    following = Following()
    following.see(_queued("ka-1"))
    following.see(_accepted("ka-1", "7"))
    [job] = following.jobs
    assert (State.GOES_ON, "7") == (job.state, job.task_id)
    following.see(_ended("ka-1", "7", succeeded=True))
    following.see(_abandoned("ka-1", "7", "goes on at the service"))
    assert State.READY is job.state


def test_failed_job_is_over():
    """Nothing goes on."""
    following = Following()
    following.see(_queued("ka-1"))
    following.see(_ended("ka-1", "7", succeeded=False))
    assert [State.OVER] == [job.state for job in following.jobs]


def test_wait_by_the_services_id_learns_the_other():
    """`tasks wait` has a task that nobody queued here."""
    following = Following()
    job = following.add(Ongoing(task_id="7", state=State.GOES_ON))
    following.see(_abandoned("mine", "7", "goes on at the service"))
    assert ("7", "mine") == (job.task_id, job.external_task_id)


def test_other_events_are_let_pass():
    """Polls and events of unknown jobs change nothing."""
    following = Following()
    following.see(PollDone(path=PATH, call="get", seconds=1.0, tasks=1, error=None))
    following.see(_accepted("ka-9", "9"))
    assert [] == following.jobs


def test_jobs_of_concurrent_tasks_are_told_apart():
    """A job belongs to the context in which its request was drawn, however late its first event comes."""
    following = Following()
    jobs = [following.add(Ongoing(entry=number)) for number in range(3)]

    async def run(key, order):
        await order.wait()
        following.see(_queued(key))

    async def main():
        orders = [asyncio.Event() for _ in jobs]
        tasks = []
        for number, (job, order) in enumerate(zip(jobs, orders, strict=True)):
            following.begin(job)
            tasks.append(asyncio.create_task(run(f"ka-{number}", order)))
        for order in reversed(orders):
            order.set()
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert ["ka-0", "ka-1", "ka-2"] == [job.external_task_id for job in jobs]


def test_job_of_a_journal_that_nobody_began_is_added():
    """A resumed job is not mistaken for one that has another id."""
    following = Following()
    job = following.add(Ongoing("mine"))
    following.begin(job)
    following.see(_queued("ka-other"))
    assert ["mine", "ka-other"] == [each.external_task_id for each in following.jobs]


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([3], "3"), ([1, 2], "1-2"), ([1, 3, 4, 5, 9], "1, 3-5, 9")]
)
def test_numbers_are_shown_as_ranges(numbers, text):
    """Ten thousand entries are one line."""
    assert text == ranges(numbers)
