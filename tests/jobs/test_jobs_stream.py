"""Many jobs as a stream: drawn lazily, held back by a slow consumer, each with its own outcome."""

import asyncio

import pytest
from rooms_helpers import client, emulator, others, request, requests, row, settled, until

from kling_async import (
    AccountError,
    AuthenticationError,
    ConcurrencyLimitError,
    ConfigurationError,
    ContentPolicyError,
    NotSubmittedError,
    TaskFailedError,
    TaskTimeoutError,
    ValidationError,
)
from kling_async.emulator import AtOnce, ByClock
from kling_async.jobs.stream import MARGIN, UNANSWERED, UNANSWERED_IN_SLOTS, JobStream
from kling_async.schema.task import read_task

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

SLOTS = 3


class Source:
    """Requests without end (or up to a count), and how many of them were drawn."""

    def __init__(self, count=10**6, error=None):
        self.count, self.error = count, error
        self.drawn = 0

    def _next(self):
        self.drawn += 1
        return request(self.drawn - 1)

    def __iter__(self):
        while self.drawn < self.count:
            yield self._next()
        if self.error is not None:
            raise self.error


class AsyncSource(Source):
    """The same, asynchronously."""

    def __iter__(self):
        raise AssertionError("this one is asynchronous")

    async def __aiter__(self):
        while self.drawn < self.count:
            await asyncio.sleep(0.01)
            yield self._next()
        if self.error is not None:
            raise self.error


async def drain(outcomes, taken):
    """Takes all that comes."""
    async for outcome in outcomes:
        taken.append(outcome.unwrap())


@pytest.mark.parametrize("kind", [Source, AsyncSource])
@pytest.mark.parametrize("limited_by", ["max_in_flight", "concurrency"])
async def test_requests_are_drawn_as_slots_come_free(kind, limited_by):
    """Never more than what runs, what is finished and untaken, and a small margin; endless sources are fine."""
    source, taken = kind(), 0
    limits = {"max_in_flight": SLOTS} if limited_by == "max_in_flight" else {}
    async with (
        emulator(advance=ByClock(lambda number: 20.0 + number % 7)) as service,
        client(service, **limits) as kling,
    ):
        concurrency = SLOTS if limited_by == "concurrency" else None
        async with kling.image2video.generate_many(source, concurrency=concurrency) as outcomes:
            await settled()
            assert source.drawn <= SLOTS + MARGIN
            async for outcome in outcomes:
                outcome.unwrap()
                taken += 1
                assert source.drawn - taken <= SLOTS + MARGIN
                assert service.in_flight <= SLOTS
                if taken == 40:
                    break
    assert SLOTS >= len(service.tasks) - taken


async def test_without_a_limit_only_so_many_creates_are_under_way():
    """An endless source and no limit of ours: creates are what holds it back."""
    source = Source()
    async with emulator() as service, client(service) as kling:
        service.fault("create", "hang", times=None)
        async with kling.image2video.generate_many(source):
            await asyncio.sleep(5)
            assert source.drawn <= UNANSWERED + MARGIN


async def test_a_limit_that_is_taken_away_leaves_that_bound():
    """From three slots to none of ours, while a long source runs."""
    source = Source(150)
    async with (
        emulator() as service,
        client(service, max_in_flight=SLOTS) as kling,
        kling.image2video.generate_many(source),
    ):
        await until(lambda: len(service.tasks) == SLOTS)
        service.fault("create", "delay", times=None, seconds=20.0)
        kling.max_in_flight = None
        await asyncio.sleep(5)
        assert source.drawn <= SLOTS + UNANSWERED + MARGIN


async def test_a_slow_consumer_holds_everything_back():
    """An hour without taking: at most a slot's worth of outcomes is kept, and then nothing is created."""
    source = Source()
    async with emulator(advance=ByClock(10.0)) as service, client(service, max_in_flight=SLOTS) as kling:
        async with kling.image2video.generate_many(source) as outcomes:
            await asyncio.sleep(3600)
            assert len(service.tasks) <= 3 * SLOTS
            assert source.drawn <= 2 * SLOTS + 2 * MARGIN
            assert f"finished={len(service.tasks)}" in repr(outcomes)
            for _ in range(20):
                (await anext(outcomes)).unwrap()


@pytest.mark.parametrize("kind", [Source, AsyncSource])
async def test_a_source_that_raises_lets_what_was_started_finish(kind):
    """Its error comes out once, at the end; after it the stream is over."""
    source, taken = kind(5, ZeroDivisionError("source")), []
    async with emulator() as service, client(service, max_in_flight=2) as kling:
        async with kling.image2video.generate_many(source) as outcomes:
            with pytest.raises(ZeroDivisionError):
                await drain(outcomes, taken)
            with pytest.raises(StopAsyncIteration):
                await anext(outcomes)
        assert 5 == len(taken) == len(service.tasks)


async def test_a_source_that_is_cancelled_from_within_says_so():
    """An async iterable whose own work was cancelled elsewhere did not simply end."""

    async def source():
        yield request(0)
        raise asyncio.CancelledError

    async with emulator(advance=AtOnce()) as service, client(service) as kling:
        with pytest.raises(ConfigurationError, match="was cancelled before its end"):
            await kling.image2video.generate_all(source())
        assert 1 == len(service.tasks)


async def test_leaving_early_cancels_what_waits_and_keeps_nothing():
    """Nothing is created any more, and no task of the loop is left."""
    async with emulator() as service, client(service, max_in_flight=SLOTS) as kling:
        before = asyncio.all_tasks()
        async with kling.image2video.generate_many(Source()) as outcomes:
            await anext(outcomes)
        made = len(service.tasks)
        assert service.in_flight <= kling.slots.held  # creates that were cut off may still become tasks
        await asyncio.sleep(600)
        assert made == len(service.tasks)
        assert (0, 0) == (kling.slots.held, kling.slots.waiting)
        assert [] == [one for one in others(before) if "kling" in repr(one.get_coro())]


async def test_the_same_object_twice_is_one_job():
    """The second is an error of its own, at its own place; also when the first has ended."""
    one = request()
    async with emulator(advance=AtOnce()) as service, client(service, max_in_flight=1) as kling:
        told = await kling.image2video.generate_all([one, one, request(1), one])
        assert [None, ValidationError, None, ValidationError] == [
            each.error and type(each.error) for each in told
        ]
        assert "request 0" in str(told[1].error)
        assert 2 == len(service.tasks)


async def test_the_same_external_id_twice_at_once_is_an_error():
    """Once the first has ended, its id is the service's business: the job that exists is adopted."""
    twins = [request(external_task_id="one"), request(external_task_id="one")]
    async with emulator(advance=ByClock(5.0)) as service, client(service, max_in_flight=2) as kling:
        told = await kling.image2video.generate_all(twins)
        assert [None, ValidationError] == [each.error and type(each.error) for each in told]
        again = await kling.image2video.generate_all(
            [request(external_task_id="two"), *requests(9), request(external_task_id="two")]
        )
        assert {None} == {each.error for each in again}
        assert again[0].unwrap().task_id == again[-1].unwrap().task_id
        assert {1} == set(service.account.created.values())


async def test_outcomes_come_as_they_finish_and_keep_their_places():
    """Streamed by end, listed by input; failures among them hold their tasks."""
    async with (
        emulator(advance=ByClock(lambda number: 100.0 - 10 * number)) as service,
        client(service) as kling,
    ):
        service.fail_next("no", times=1)
        batch = requests(8)
        async with kling.image2video.generate_many(batch) as outcomes:
            order = [outcome.index async for outcome in outcomes]
        assert [7, 6, 5, 4, 3, 2, 1, 0] == order
        service.advance = ByClock(10.0)
        service.fail_next("no", times=1)
        told = await kling.image2video.generate_all(requests(4))
        assert list(range(4)) == [each.index for each in told]
        (failed,) = [each for each in told if each.error]
        assert isinstance(failed.error, TaskFailedError)
        assert failed.task is failed.error.task


async def test_a_cancelled_call_tells_the_ids_of_jobs_that_have_ended(caplog):
    """Their outcomes come to nobody, and their tasks are paid for: succeeded, failed and still running ones."""
    advance = ByClock(lambda number: 1e5 if number == 2 else 10.0)
    async with emulator(advance=advance) as service, client(service) as kling:
        service.fail_next("no", times=1)
        calling = asyncio.ensure_future(kling.image2video.generate_all(requests(3)))
        await asyncio.sleep(100)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await calling
        for task in service.tasks:
            assert task.task_id in caplog.text
        for task in service.tasks[:2]:
            assert f"task_id {task.task_id}, external_task_id {task.external_task_id}" in str(
                caught.value.__notes__
            )


async def test_one_bad_job_never_ends_the_others(tmp_path):
    """Unsent, refused, failed, late, and no request at all."""
    batch = [
        request(0),
        request(1, image=tmp_path / "missing.png"),
        request(2),
        "no request",
        5,
        request(5),
        request(6),
    ]
    advance = ByClock(lambda number: 1e5 if number == 2 else 10.0)
    async with emulator(advance=advance) as service, client(service, max_in_flight=1) as kling:
        service.fault("create", "moderation", after=1)
        told = await kling.image2video.generate_all(batch, timeout=100)
        kinds = [each.error and type(each.error) for each in told]
        assert [None, ValidationError, ContentPolicyError, ValidationError, ValidationError, None] == kinds[
            :6
        ]
        assert TaskTimeoutError is kinds[6]
        assert told[6].task.task_id == service.tasks[2].task_id


@pytest.mark.parametrize(
    ("code", "error"), [(1102, AccountError), (1304, AccountError), (1002, AuthenticationError)]
)
@pytest.mark.parametrize("limit", [SLOTS, None])
async def test_an_account_error_stops_creating_and_nothing_else(code, error, limit):
    """What is paid for is fetched; all the others come back as not sent, with the cause."""
    async with emulator() as service, client(service, max_in_flight=limit) as kling:
        service.fault("create", "account", after=4, times=None, code=code)
        told = await kling.image2video.generate_all(requests(40))
        assert [None] * 4 == [each.error for each in told[:4]]
        stopped = [each.error for each in told[4:]]
        asked = [each for each in stopped if isinstance(each, error)]
        unsent = [each for each in stopped if isinstance(each, NotSubmittedError)]
        assert 36 == len(asked) + len(unsent)
        assert len(asked) == service.counts["create"] - 4 <= (UNANSWERED if limit is None else SLOTS)
        assert all(isinstance(each.__cause__, error) for each in unsent)
        assert 4 == len(service.tasks)
        service.clear_faults()
        assert (await kling.image2video.generate(request(99))).succeeded


@pytest.mark.parametrize("later", [1, 6, None])
async def test_the_limit_may_change_while_jobs_run(later):
    """Down: no new ones until enough have ended; up and away: at once."""
    async with emulator(advance=ByClock(60.0)) as service, client(service, max_in_flight=SLOTS) as kling:
        job = asyncio.create_task(kling.image2video.generate_all(requests(12)))
        await until(lambda: service.in_flight == SLOTS)
        kling.max_in_flight = later
        made = len(service.tasks)
        await asyncio.sleep(30)
        assert later is None or later < SLOTS or service.in_flight == later
        assert later != 1 or made == len(service.tasks)
        await asyncio.sleep(61)
        assert later is None or service.in_flight <= later
        assert 12 == sum(each.error is None for each in await job)


async def test_a_smaller_account_than_thought_fails_no_job():
    """Five slots, of which a stranger takes up to four, changing; ours wants ten. What is free is used."""
    async with (
        emulator(advance=ByClock(60.0), capacity=5) as service,
        client(service, max_in_flight=10) as kling,
    ):
        job = asyncio.create_task(kling.image2video.generate_all(requests(60)))
        begun = asyncio.get_running_loop().time()
        free = 0.0
        for strangers in [0, 4, 1, 3, 0, 2] * 40:
            service.strangers = strangers
            for _ in range(30):
                if job.done():
                    break
                free += 5 - strangers
                await asyncio.sleep(4)
        ours = 60 * 60.0
        assert {None} == {each.error for each in await job}
        assert 60 == len(service.tasks)
        used = ours / (4 * free)
        assert used > 0.7, (
            f"{used:.2f} of what was free, in {asyncio.get_running_loop().time() - begun:.0f} s"
        )
        assert service.counts["create"] <= 60 * 3


async def test_an_account_that_is_full_for_an_hour_fails_no_job():
    """And not only in batches; the last one comes when there is room."""
    async with emulator(capacity=1) as service, client(service) as kling:
        service.strangers = 1
        jobs = [asyncio.create_task(kling.image2video.generate(one)) for one in requests(4)]
        await asyncio.sleep(3600)
        assert not any(job.done() for job in jobs)
        assert service.counts["create"] < 300  # one each 14 s, so that the first job is not late
        service.strangers = 0
        assert all(task.succeeded for task in await asyncio.gather(*jobs))
        service.strangers = 1
        with pytest.raises(ConcurrencyLimitError):
            await kling.image2video.create(request(9))


@pytest.mark.parametrize("concurrency", [0, -1, 1.5, "2", True])
async def test_concurrency_is_a_whole_number_from_one_on(concurrency):
    """Said at once, and nothing is drawn."""
    source = Source()
    async with emulator() as service, client(service) as kling:
        with pytest.raises(ConfigurationError, match="concurrency"):
            kling.image2video.generate_many(source, concurrency=concurrency)
        assert 0 == source.drawn


@pytest.mark.parametrize("misuse", ["not entered", "twice"])
async def test_a_stream_is_entered_once(misuse):
    """A clear error, and nothing hangs."""
    async with emulator(advance=AtOnce()) as service, client(service) as kling:
        stream = kling.image2video.generate_many(requests(2))
        if misuse == "not entered":
            with pytest.raises(RuntimeError, match="async with"):
                await anext(stream)
            return
        async with stream:
            with pytest.raises(RuntimeError, match="once"):
                await stream.__aenter__()


@pytest.mark.parametrize("batch", [5, None, request()], ids=["5", "None", "a request"])
async def test_what_is_not_iterable_is_an_error(batch):
    """It is raised, and nothing is sent."""
    async with emulator(advance=AtOnce()) as service, client(service) as kling:
        with pytest.raises(TypeError, match="not iterable"):
            await kling.image2video.generate_all(batch)
        assert [] == service.tasks


async def test_an_iterable_of_other_things_has_an_error_for_each():
    """A text's characters are not requests; nothing is sent."""
    async with emulator(advance=AtOnce()) as service, client(service) as kling:
        outcomes = await kling.image2video.generate_all("ab")
        assert [ValidationError, ValidationError] == [type(each.error) for each in outcomes]
        assert [] == service.tasks


async def test_jobs_with_slots_open_no_thousands_of_connections_in_one_moment():
    """So many creates are under way at once, however many slots there are; all jobs run at once all the same."""
    under_way, most, running, peak = 0, 0, 0, 0

    async def run(_request, stages):
        nonlocal under_way, most, running, peak
        stages.on_slot()
        under_way, running = under_way + 1, running + 1
        most = max(most, under_way)
        await asyncio.sleep(0.1)
        stages.on_accepted()
        under_way -= 1
        peak = max(peak, running)
        await asyncio.sleep(60)
        running -= 1
        return read_task(row("1", "succeed"))

    many = 5 * UNANSWERED_IN_SLOTS
    async with JobStream([{"number": number} for number in range(many)], run, lambda: many) as outcomes:
        assert many == len([outcome async for outcome in outcomes])
    assert UNANSWERED_IN_SLOTS == most
    assert many == peak
