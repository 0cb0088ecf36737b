"""generate, generate_many and generate_all, on virtual time: slots, order, failures and leaving early."""

import asyncio
import itertools

import pytest
from blackbox_service import Reply, envelope
from made_pictures import png
from virtual_time import wall_clock

from kling_async import (
    AccountError,
    ConfigurationError,
    Image2VideoRequest,
    KlingError,
    NotSubmittedError,
    TaskFailedError,
    TaskTimeoutError,
    ValidationError,
)

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

URL = "https://example.com/a.png"


def requests(seconds):
    """Jobs that run so many seconds each; a negative number fails after as many."""
    return [
        Image2VideoRequest(image=URL, prompt=f"{'fail' if length < 0 else 'run'} {abs(length)}")
        for length in seconds
    ]


async def drained(stream, error=None):
    """Takes a stream's outcomes until they end, or raises the error inside the block at the first."""
    async with stream as outcomes:
        async for _ in outcomes:
            if error is not None:
                raise error


@pytest.fixture
def timed(service):
    """A service whose tasks run as long as their prompt says."""
    service.run_for = lambda body: float(body["prompt"].split()[1])
    return service


async def test_generate_creates_and_waits(client, timed):
    """One job from the request to its video; on_update hears the changes."""
    heard = []
    async with client(clock=wall_clock) as kling:
        task = await kling.image2video.generate(
            requests([60])[0], on_update=lambda task: heard.append(task.status)
        )
    assert task.succeeded
    assert task.videos
    assert "succeed" == heard[-1]
    assert len(heard) == len(set(heard))


async def test_generate_raises_what_wait_raises(client, timed):
    """A failed task and a timeout, each with its task."""
    async with client(clock=wall_clock) as kling:
        with pytest.raises(TaskFailedError):
            await kling.image2video.generate(requests([-5])[0])
        with pytest.raises(TaskTimeoutError) as caught:
            await kling.image2video.generate(requests([500])[0], timeout=30)
    assert caught.value.task.task_id in timed.jobs


@pytest.mark.parametrize("by", ["client", "call", "both"])
async def test_at_most_so_many_are_in_flight_at_the_service(client, timed, by):
    """The service never sees more running tasks than allowed, and the slots are used."""
    options = {"max_in_flight": {"client": 5, "call": None, "both": 9}[by]}
    async with client(clock=wall_clock, **options) as kling:
        concurrency = None if by == "client" else 5
        seconds = [5 + (n * 37) % 50 for n in range(40)]
        outcomes = await kling.image2video.generate_all(requests(seconds), concurrency=concurrency)
    assert all(outcome.unwrap().succeeded for outcome in outcomes)
    assert 5 == timed.most_in_flight
    assert 40 == len(timed.creates)


async def test_the_clients_limit_spans_its_calls(client, timed):
    """Three generate calls and two batches share four slots."""
    async with client(clock=wall_clock, max_in_flight=4) as kling:
        endpoint = kling.image2video
        await asyncio.gather(
            *(endpoint.generate(one) for one in requests([50, 60, 70])),
            endpoint.generate_all(requests([40] * 6)),
            endpoint.generate_all(requests([30] * 6), concurrency=3),
        )
    assert 4 == timed.most_in_flight
    assert 15 == len(timed.jobs)


async def test_two_clients_share_nothing(client, timed):
    """Each has its own slots."""
    async with (
        client(clock=wall_clock, max_in_flight=2) as one,
        client(clock=wall_clock, max_in_flight=2) as two,
    ):
        await asyncio.gather(*(kling.image2video.generate_all(requests([100] * 4)) for kling in (one, two)))
    assert 4 == timed.most_in_flight


async def test_a_bare_create_takes_no_slot(client, timed):
    """Nobody would free it."""
    async with client(clock=wall_clock, max_in_flight=1) as kling:
        for request in requests([1000, 1000]):
            await kling.image2video.create(request)
        assert (await kling.image2video.generate(requests([10])[0])).succeeded


async def test_generate_all_keeps_the_order_of_the_input(client, timed):
    """Whatever ends first: index, request and task belong together."""
    jobs = requests([300, 20, 150, 5, 80])
    async with client(clock=wall_clock) as kling:
        outcomes = await kling.image2video.generate_all(jobs)
    assert list(range(5)) == [outcome.index for outcome in outcomes]
    assert jobs == [outcome.request for outcome in outcomes]
    for outcome in outcomes:
        assert outcome.request.prompt == timed.jobs[outcome.task.task_id].body["prompt"]


async def test_generate_many_yields_as_they_finish(client, timed):
    """Completion order, each index once."""
    async with (
        client(clock=wall_clock) as kling,
        kling.image2video.generate_many(requests([300, 20, 150, 60])) as outcomes,
    ):
        assert [1, 3, 2, 0] == [outcome.index async for outcome in outcomes]


async def test_one_bad_job_never_ends_the_others(client, timed, tmp_path):
    """A failed task, a refused create, a missing file, a GIF and a lost create beside good jobs."""
    jobs = requests([50, -20, 60])
    (tmp_path / "a.png").write_bytes(b"GIF89a" + bytes(100))
    jobs.append(Image2VideoRequest(image=tmp_path / "missing.png", prompt="run 5"))
    jobs.append(Image2VideoRequest(image=tmp_path / "a.png", prompt="run 5"))
    jobs.append(Image2VideoRequest(image=png(), prompt="run 5", model_name="refuse-me"))

    def refuse(request):
        refused = request.json.get("model_name") == "refuse-me"
        return envelope(code=1301, message="content", status=400) if refused else None

    timed.always("create", refuse)
    async with client(clock=wall_clock, max_in_flight=2) as kling:
        outcomes = await kling.image2video.generate_all(jobs)
    assert [True, False, True, False, False, False] == [outcome.error is None for outcome in outcomes]
    assert [True, False, True] == [
        outcome.task is not None and outcome.task.succeeded for outcome in outcomes[:3]
    ]
    assert isinstance(outcomes[1].error, TaskFailedError)
    assert [ValidationError] * 2 == [type(outcome.error) for outcome in outcomes[3:5]]
    assert 1301 == outcomes[5].error.code
    for outcome in outcomes:
        if outcome.error is not None:
            with pytest.raises(type(outcome.error)):
                outcome.unwrap()
    assert 4 == len(timed.creates)


async def test_leaving_early_cancels_what_waits(client, timed):
    """After the block nothing more is created; running tasks are polled until they end, for their slots."""
    async with client(clock=wall_clock, max_in_flight=3) as kling:
        async with kling.image2video.generate_many(requests([30, 200, 200, 200, 200, 200])) as outcomes:
            async for outcome in outcomes:
                assert 0 == outcome.index
                break
        await asyncio.sleep(400)
        assert len(timed.creates) <= 4
        arrived = len(timed.arrived)
        await asyncio.sleep(2000)
        assert arrived == len(timed.arrived)
        assert (await kling.image2video.generate(requests([10])[0])).succeeded
    assert timed.most_in_flight <= 3


async def test_requests_are_drawn_as_slots_come_free(client, timed):
    """An endless iterable is no problem, and is read only a little ahead."""
    drawn = []

    def endless():
        for number in itertools.count():
            drawn.append(number)
            yield requests([20])[0]

    async with (
        client(clock=wall_clock, max_in_flight=3) as kling,
        kling.image2video.generate_many(endless()) as outcomes,
    ):
        seen = 0
        async for outcome in outcomes:
            outcome.unwrap()
            seen += 1
            assert len(drawn) <= seen + 3 * 3 + 3
            if seen == 20:
                break
    assert 3 == timed.most_in_flight


async def test_requests_may_come_from_an_async_iterable(client, timed):
    """Each comes when it is there."""

    async def slowly():
        for request in requests([20, 10, 5]):
            await asyncio.sleep(100)
            yield request

    async with client(clock=wall_clock) as kling:
        outcomes = await kling.image2video.generate_all(slowly())
    assert [0, 1, 2] == [outcome.index for outcome in outcomes if outcome.unwrap().succeeded]


async def test_no_requests_no_outcomes(client, timed):
    """An empty batch is done at once."""
    async with client(clock=wall_clock) as kling:
        assert [] == await kling.image2video.generate_all([])
        assert [] == await kling.image2video.generate_all(iter(()))
    assert [] == timed.arrived


async def test_an_iterable_that_raises_says_so_once(client, timed):
    """The error comes out of the call; it is no foreign group of errors."""

    def breaking():
        yield requests([20])[0]
        raise LookupError("manifest-broke")

    async with client(clock=wall_clock) as kling:
        with pytest.raises(LookupError, match="manifest-broke"):
            await drained(kling.image2video.generate_many(breaking()))
        with pytest.raises(LookupError, match="manifest-broke"):
            await kling.image2video.generate_all(breaking())


async def test_the_callers_error_inside_the_block_comes_out(client, timed):
    """As it was raised, and the rest is cancelled."""
    async with client(clock=wall_clock) as kling:
        with pytest.raises(LookupError, match="mine"):
            await drained(kling.image2video.generate_many(requests([20, 900])), error=LookupError("mine"))


@pytest.mark.parametrize("concurrency", [0, -1, 1.5, True, "3"], ids=repr)
async def test_concurrency_is_one_or_more(client, service, concurrency):
    """Refused before anything is drawn or sent."""
    async with client(clock=wall_clock) as kling:
        with pytest.raises(ConfigurationError):
            await kling.image2video.generate_all(requests([1]), concurrency=concurrency)
    assert [] == service.arrived


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "3"], ids=repr)
def test_max_in_flight_is_one_or_more(limit):
    """Refused when the client is built."""
    from kling_async import KlingClient

    with pytest.raises(ConfigurationError):
        KlingClient("ak", "s" * 32, max_in_flight=limit)


async def test_1303_never_fails_a_job(client, timed):
    """The service runs three at a time, the client believes ten: every job succeeds, nothing twice."""
    timed.capacity = 3
    async with client(clock=wall_clock, max_in_flight=10) as kling:
        outcomes = await kling.image2video.generate_all(requests([60 + n for n in range(25)]))
    assert all(outcome.unwrap().succeeded for outcome in outcomes)
    assert 25 == len(timed.jobs)
    assert 3 == timed.most_in_flight


async def test_1303_for_an_hour_is_waited_out(client, timed):
    """A stranger holds the account's slots for longer than a create may take; generate still ends well."""
    timed.capacity = 0
    asyncio.get_running_loop().call_later(3600, setattr, timed, "capacity", 5)
    async with client(clock=wall_clock, submit_timeout=60) as kling:
        outcomes = await kling.image2video.generate_all(requests([60] * 4))
    assert all(outcome.unwrap().succeeded for outcome in outcomes)
    assert len(timed.creates) < 1000


@pytest.mark.parametrize(
    ("status", "code"), [(429, 1100), (429, 1101), (429, 1102), (429, 1304), (401, 1002)]
)
async def test_account_errors_stop_new_creates(client, timed, status, code):
    """The paid jobs end well, the refused one says why, the rest come back as not sent."""
    empty = envelope(code=code, message="Account balance not enough", status=status)
    timed.always("create", lambda _: empty if len(timed.jobs) >= 3 else None)
    jobs = requests([200, 220, 240] + [30] * 7)
    async with client(clock=wall_clock, max_in_flight=4) as kling:
        outcomes = await kling.image2video.generate_all(jobs)
    assert [True] * 3 == [outcome.error is None for outcome in outcomes[:3]]
    assert all(outcome.task.videos for outcome in outcomes[:3])
    refused = [outcome for outcome in outcomes[3:] if not isinstance(outcome.error, NotSubmittedError)]
    assert 1 == len(refused)
    assert code == refused[0].error.code
    assert 4 == len(timed.creates)
    for outcome in outcomes[3:]:
        assert isinstance(outcome.error, KlingError)
        assert outcome.request in jobs


async def test_a_stopped_generate_says_not_submitted(client, timed):
    """A job that waited for its slot is told that it was never sent, and why."""
    timed.plan("create", envelope(code=1102, message="Account balance not enough", status=429))
    async with client(clock=wall_clock, max_in_flight=1) as kling:
        first, second = await asyncio.gather(
            *(kling.image2video.generate(one) for one in requests([10, 10])), return_exceptions=True
        )
    assert isinstance(first, AccountError)
    assert isinstance(second, NotSubmittedError)
    assert isinstance(second.__cause__, AccountError)
    assert 1 == len(timed.creates)


async def test_lost_creates_in_a_batch_are_one_task_each(client, timed):
    """Every third answer is lost, with and without the work: as many tasks as jobs."""
    counter = itertools.count()

    def lose(_):
        number = next(counter)
        return Reply(reset=True, work=number % 2 == 0) if number % 3 == 0 else None

    timed.always("create", lose)
    async with client(clock=wall_clock, max_in_flight=6, submit_timeout=600) as kling:
        outcomes = await kling.image2video.generate_all(requests([40] * 18))
    assert all(outcome.unwrap().succeeded for outcome in outcomes)
    assert 18 == len(timed.jobs) == len({outcome.task.task_id for outcome in outcomes})


async def test_the_same_object_twice_in_a_batch_is_said(client, timed):
    """A slip that would be paid twice: one job runs, the other has a clear error."""
    request = requests([20])[0]
    async with client(clock=wall_clock) as kling:
        first, second = await kling.image2video.generate_all([request, request])
    assert first.unwrap().succeeded
    assert isinstance(second.error, ValidationError)
    assert 1 == len(timed.creates)


async def test_equal_requests_are_jobs_of_their_own(client, timed):
    """Two objects with the same values are two jobs under two ids."""
    async with client(clock=wall_clock) as kling:
        outcomes = await kling.image2video.generate_all(requests([20, 20]))
    assert 2 == len({outcome.unwrap().task_id for outcome in outcomes})


async def test_max_in_flight_may_change_while_jobs_run(client, timed):
    """More slots are used at once."""
    async with client(clock=wall_clock, max_in_flight=1) as kling:
        running = asyncio.ensure_future(kling.image2video.generate_all(requests([100] * 6)))
        await asyncio.sleep(50)
        kling.max_in_flight = 5
        await asyncio.sleep(20)
        assert 5 == timed.in_flight()
        assert 6 == len(await running)
