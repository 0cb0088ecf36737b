"""Answers that lie: other words for "already exists", codes outside the table, another task's answer, a late 1302.

Each class goes through whole batches: the ledger judges that no job is paid for twice and none is lost, and each caller
gets the result of their own request. Beside each stands a client with that check broken, of which the judge complains.
"""

import asyncio
from contextlib import nullcontext

import pytest
from proof_helpers import (
    Told,
    client,
    emulating,
    judge_lost,
    judge_twice,
    lagging,
    requests,
    run_batch,
    unguarded,
)

from kling_async.errors import DuplicateTaskError
from kling_async.jobs.submission import Submission
from kling_async.polling import reader, singles
from kling_async.session import retry, submit
from kling_async.session.create_result import Accepted

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

WORDS = {
    "chinese": "external_task_id {external_id} 已存在",
    "duplicate": "duplicate external_task_id",
    "used": "{external_id} has been used",
    "french": "identifiant déjà utilisé",
    "like a rule": "external_task_id: invalid value",
    "like not found": "Task not found",
    "none": None,
    "empty": "",
}
"""Wordings of the refusal of a repeated id."""

REFUSALS = [(1201, None), (1201, 200), (1201, 409), (1200, None), (409, 409)]
"""Code and HTTP status of that refusal."""

ODD = [
    (429, 429), (429, 200), (408, 408), (408, 200), (404, 404), (404, 200), (1, 200), (1, 400), (500, 200), (999999, 200),
    (429, 503), (1, 503), (1102, 503), (1000, 503), (1201, 503), (1301, 503), (1304, 503), (5001, 503), (0, 503),
]  # fmt: skip
"""Code and HTTP status of a poll that says nothing about the task."""


@pytest.fixture(params=["whole", "broken"])
def broken(request):
    """Whether one promise is broken."""
    return request.param == "broken"


def complaint(broken, text):
    """The judge must complain of a broken client with this text, and of a whole one not at all."""
    return pytest.raises(AssertionError, match=text) if broken else nullcontext()


def refusing(emulator, words, refusal=(1201, None)):
    """Words the refusal of a repeated id."""
    emulator.duplicate_message = WORDS[words]
    emulator.duplicate_code, emulator.duplicate_http = refusal


def judge_own(emulator, outcomes):
    """Asserts that every job got the task that was made for its own id, with the result of that task."""
    made = {task.external_task_id: task.task_id for task in emulator.tasks}
    own = {outcome.request.external_task_id: outcome.unwrap() for outcome in outcomes}
    assert made == {key: task.task_id for key, task in own.items()}, "another task was returned"
    shown = {key: [video.url for video in task.videos] for key, task in own.items()}
    assert all(made[key] in url for key, urls in shown.items() for url in urls), f"another's result: {shown}"
    assert len(made) == len({url for urls in shown.values() for url in urls})


def believing_words(monkeypatch):
    """Takes a refusal for a duplicate only if it says so in the words of the API reference."""
    patience = Submission._patience

    def believed(self, refusal):
        return patience(self, refusal) if isinstance(refusal, DuplicateTaskError) else None

    monkeypatch.setattr(Submission, "_patience", believed)


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
@pytest.mark.parametrize("words", WORDS)
async def test_a_create_in_doubt_is_adopted_whatever_the_refusal_says(words, refusal):
    """B1: every first answer is lost, look-ups lag beyond the settle time, and the second create is refused."""
    batch = requests()
    async with emulating() as emulator:
        refusing(emulator, words, refusal)
        lagging(emulator, 40.0)
        emulator.fault("create", "reset-after", times=len(batch))
        told = Told()
        async with client(emulator) as kling:
            await run_batch(kling, batch, told)
        assert ([], 0) == (told.errors, told.cut)
        assert len(batch) < emulator.counts["create"]
        judge_twice(emulator, len(batch))
        judge_lost(emulator, told.fetched)


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
@pytest.mark.parametrize("words", WORDS)
async def test_an_id_of_the_callers_that_another_program_used_is_adopted_whatever_the_refusal_says(
    words, refusal
):
    """B1: a second program asks for the jobs of a first one under the same ids."""
    batch = requests(named=True)
    async with emulating() as emulator:
        refusing(emulator, words, refusal)
        async with client(emulator) as first:
            made = [await first.image2video.create(request) for request in batch]
        async with client(emulator) as second:
            outcomes = await second.image2video.generate_all(requests(named=True))
        judge_own(emulator, outcomes)
        judge_twice(emulator, len(batch))
        judge_lost(emulator, {task.task_id for task in made})


async def test_a_client_that_believes_the_words_is_found_to_lose_what_was_paid(broken, monkeypatch):
    """Control of B1: without the query behind it, a refusal in other words loses the tasks of the lost answers."""
    batch = requests()
    async with emulating() as emulator:
        refusing(emulator, "chinese")
        lagging(emulator, 40.0)
        emulator.fault("create", "reset-after", times=len(batch))
        if broken:
            believing_words(monkeypatch)
        told = Told()
        async with client(emulator) as kling:
            await run_batch(kling, batch, told)
        with complaint(broken, "not fetched"):
            judge_lost(emulator, told.fetched)


@pytest.mark.parametrize("call", ["get", "list"])
@pytest.mark.parametrize(("code", "http"), ODD)
async def test_an_odd_code_on_polls_never_ends_the_wait_for_a_paid_task(call, code, http, tmp_path):
    """B2: at the first poll, in a burst and at random, while the tasks run."""
    batch = requests(40 if call == "list" else 8)  # a list page is worth its cost where many are waited for
    async with emulating() as emulator:
        emulator.fault(call, "error-before", code=code, http=http, message="odd")
        emulator.fault(call, "error-before", code=code, http=http, message="odd", after=3, times=6)
        emulator.fault(call, "error-before", code=code, http=http, message=None, times=None, probability=0.3)
        asyncio.get_running_loop().call_later(300, emulator.clear_faults)
        told = Told()
        async with client(emulator, journal=tmp_path / "jobs.sqlite") as kling:
            await run_batch(kling, batch, told)
        assert ([], 0) == (told.errors, told.cut)
        assert 3 <= emulator.injected[call, "error-before"]
        judge_twice(emulator, len(batch))
        judge_lost(emulator, told.fetched)


@pytest.mark.parametrize(("code", "http"), ODD)
async def test_an_odd_code_on_look_ups_never_ends_a_create_in_doubt(code, http):
    """B2: the answers of three creates are lost, and their look-ups get odd codes for twenty seconds."""
    batch = requests()
    async with emulating() as emulator:
        unguarded(emulator)
        emulator.fault("create", "reset-after", times=3)
        for call in ("get", "list"):
            emulator.fault(call, "error-before", code=code, http=http, message="odd", times=None)
        asyncio.get_running_loop().call_later(20, emulator.clear_faults)
        told = Told()
        async with client(emulator) as kling:
            await run_batch(kling, batch, told)
        assert ([], 0) == (told.errors, told.cut)
        judge_twice(emulator, len(batch))
        judge_lost(emulator, told.fetched)


async def test_a_client_that_ends_waits_at_unknown_codes_is_found(broken, monkeypatch):
    """Control of B2: where only known transient errors are outlasted, one odd poll loses a paid task."""
    batch = requests()
    async with emulating() as emulator:
        emulator.fault("get", "error-before", code=429, http=429, times=3)
        if broken:

            def verdict(error):
                known = retry.is_transient(error)
                return retry.PollVerdict.TRANSIENT if known else retry.PollVerdict.PERMANENT

            monkeypatch.setattr(singles, "verdict_on_poll", verdict)
        told = Told()
        async with client(emulator) as kling:
            await run_batch(kling, batch, told)
        judge_twice(emulator, len(batch))
        with complaint(broken, "not fetched"):
            judge_lost(emulator, told.fetched)


LIES = {
    "first": {"times": 1},
    "burst": {"times": 12},
    "random": {"times": None, "probability": 0.3},
    "late": {"after": 5, "times": 12},
    "long": {"times": None},
}
"""How often a get shows another task or a create names another id; the last ends after two minutes."""


@pytest.mark.parametrize("journalled", [False, True])
@pytest.mark.parametrize("often", LIES)
@pytest.mark.parametrize(("call", "kind"), [("get", "another-task"), ("create", "another-id")])
async def test_an_answer_about_another_task_is_never_taken_for_ones_own(
    call, kind, often, journalled, tmp_path
):
    """B3: a finished one of the same account is shown in place of the task that was asked for."""
    batch = requests(named=True)
    async with emulating() as emulator:
        emulator.fault(call, kind, **LIES[often])
        asyncio.get_running_loop().call_later(120, emulator.clear_faults)
        async with client(emulator, journal=tmp_path / "jobs.sqlite" if journalled else None) as kling:
            outcomes = await kling.image2video.generate_all(batch)
        assert emulator.injected[call, kind]
        judge_twice(emulator, len(batch))
        judge_own(emulator, outcomes)


async def test_a_client_that_believes_any_get_is_found_to_return_anothers_result(broken, monkeypatch):
    """Control of B3: with the check of the id gone, a job gets the result of another one."""
    batch = requests(named=True)
    async with emulating() as emulator:
        emulator.fault("get", "another-task", after=10, times=12)
        if broken:
            read = reader.read_task
            monkeypatch.setattr(
                reader,
                "_task",
                lambda envelope, asked: read(envelope.data, request_id=envelope.request_id),
            )
            monkeypatch.setattr(singles, "_of", lambda watch, task: task)
            monkeypatch.setattr("kling_async.polling.index.belongs", lambda task, watch: True)
        async with client(emulator) as kling:
            outcomes = await kling.image2video.generate_all(batch)
        with complaint(broken, "another"):
            judge_own(emulator, outcomes)


async def test_a_client_that_believes_any_create_is_found(broken, monkeypatch):
    """Control of B3: an answer that names another's id counts as an acceptance, and its task is another's."""
    batch = requests(named=True)
    async with emulating() as emulator:
        emulator.fault("create", "another-id", after=1, times=4)
        if broken:
            monkeypatch.setattr(submit, "_accepted", lambda task, external_id: Accepted(task))
        async with client(emulator) as kling:
            seen = [await kling.image2video.create(request) for request in batch]
        named = [task.external_task_id for task in seen]
        with complaint(broken, "another's id"):
            assert [request.external_task_id for request in batch] == named, "another's id"


@pytest.mark.parametrize("words", ["chinese", "used", "none"])
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("often", ["first", "burst", "random", "late"])
async def test_a_1302_behind_which_the_task_was_made_is_adopted_under_the_same_id(named, often, words):
    """B5: 1302 creates nothing, by what is assumed; where it did, the next create under the same id finds it."""
    batch = requests(named=named)
    async with emulating() as emulator:
        refusing(emulator, words)
        emulator.fault("create", "rate-limit-after", **LIES[often])
        told = Told()
        async with client(emulator) as kling:
            await run_batch(kling, batch, told)
        assert ([], 0) == (told.errors, told.cut)
        judge_twice(emulator, len(batch))
        judge_lost(emulator, told.fetched)


async def test_a_client_that_gets_a_new_id_after_1302_is_found(broken, monkeypatch):
    """Control of B5: under a new id after each 1302 the tasks behind them are paid for twice."""
    batch = requests()
    async with emulating() as emulator:
        emulator.fault("create", "rate-limit-after", times=3)
        if broken:
            plain = Submission._send

            async def renamed(self, upload):
                if self._attempt > 1:
                    self._external_id = submit.new_external_id()
                    old = upload.pieces[0].split(b'"external_task_id":"', 1)[1].split(b'"', 1)[0]
                    piece = upload.pieces[0].replace(old, self._external_id.encode())
                    upload = type(upload)((piece,), (len(piece),))
                return await plain(self, upload)

            monkeypatch.setattr(Submission, "_send", renamed)
        told = Told()
        async with client(emulator) as kling:
            await run_batch(kling, batch, told)
        with complaint(broken, "11 tasks for 8 jobs"):
            judge_twice(emulator, len(batch))
