"""One job of a queue: looked up first, put back unless it has ended, stored where `store` says; no engine is near."""

import asyncio
import json
import subprocess
import sys

import anyio.lowlevel
import pytest
from made_pictures import png
from virtual_time import VIRTUAL_TIME

from kling_async import Image2VideoRequest, KlingClient, ValidationError
from kling_async.emulator import AtOnce, ByClock, Emulator
from kling_async.errors import AccountError, ContentPolicyError, TaskFailedError
from kling_async.integrations.job_function import PutBackError, in_folder, run_job
from kling_async.integrations.payload import to_payload
from kling_async.jobs.submission import SETTLE
from kling_async.schema.mapping import MappingRequest

pytestmark = pytest.mark.anyio

ID = "queue-1"


@pytest.fixture
def anyio_backend():
    """Time jumps wherever nothing is ready."""
    return VIRTUAL_TIME


@pytest.fixture
async def service():
    """A service whose tasks take two minutes."""
    async with Emulator(render=False, advance=ByClock(120)) as emulator:
        yield emulator


def client_of(emulator):
    """A client of a worker."""
    return KlingClient(emulator.access_key, emulator.secret_key, base_url=emulator.url)


def payload(**fields):
    """A job as it lies in the queue."""
    given = {"image": png(), "model_name": "kling-v2-6", "external_task_id": ID, **fields}
    return to_payload(Image2VideoRequest(**given)).to_json()


def nowhere(_task, _result):
    """A store that takes results without keeping them."""


async def test_a_job_is_created_once_and_stored(service, tmp_path):
    """Its video lies in the folder, named after the job's id."""
    async with client_of(service) as kling:
        task = await run_job(kling, payload(), store=in_folder(tmp_path / "new"))
    assert [ID] == [each.external_task_id for each in service.tasks]
    assert task.succeeded
    assert [f"{ID}.mp4"] == [path.name for path in (tmp_path / "new").iterdir()]


async def test_a_task_that_exists_is_adopted_without_a_picture(service):
    """Another worker created it: nothing is sent, and the picture's reference is not even resolved."""
    async with client_of(service) as kling:
        await kling.image2video.create(Image2VideoRequest(image=png(), external_task_id=ID))
        service.counts.clear()
        asked = []
        text = json.loads(payload())
        text["request"]["image"] = {"kling_async.reference": "gone.png"}
        task = await run_job(kling, json.dumps(text), store=nowhere, load=asked.append)
    assert task.succeeded
    assert [] == asked
    assert 0 == service.counts["create"]


async def test_a_cancelled_wait_is_put_back_at_once(service):
    """The task goes on, so another worker may take the job at once; no cancellation leaves the function."""
    async with client_of(service) as kling:
        running = asyncio.create_task(run_job(kling, payload(), store=nowhere))
        await anyio.sleep(60)
        running.cancel()
        with pytest.raises(PutBackError) as caught:
            await running
    assert 0 == caught.value.delay
    assert ID in caught.value.reason


async def test_a_create_cancelled_on_its_way_is_put_back_for_the_settle_time(service):
    """Its task may appear late: whoever takes the job next must not look it up before that."""
    service.fault("create", "hang")
    async with client_of(service) as kling:
        running = asyncio.create_task(run_job(kling, payload(), store=nowhere))
        await anyio.sleep(10)
        running.cancel()
        with pytest.raises(PutBackError) as caught:
            await running
    assert SETTLE == caught.value.delay


async def test_an_outage_puts_the_job_back(service):
    """A look-up that fails decides nothing, and is never followed by a create."""
    service.fault("get", "error-before", times=None)
    async with client_of(service) as kling:
        with pytest.raises(PutBackError):
            await run_job(kling, payload(), store=nowhere)
    assert 0 == service.counts["create"]


async def test_an_empty_account_puts_the_job_back(service):
    """It is the account's trouble, not the job's: the job waits."""
    service.fault("create", "account", times=None)
    async with client_of(service) as kling:
        with pytest.raises(PutBackError) as caught:
            await run_job(kling, payload(), store=nowhere)
    assert isinstance(caught.value.__cause__, AccountError)


async def test_a_refused_prompt_ends_the_job(service):
    """No worker could do better."""
    service.fault("create", "moderation")
    async with client_of(service) as kling:
        with pytest.raises(ContentPolicyError):
            await run_job(kling, payload(), store=nowhere)


async def test_a_failed_task_ends_the_job():
    """It is not created again, by this run nor by the next."""
    async with Emulator(render=False, advance=AtOnce(), fail_when=lambda _body: "too dark") as service:
        async with client_of(service) as kling:
            for _ in range(2):
                with pytest.raises(TaskFailedError, match="too dark"):
                    await run_job(kling, payload(), store=nowhere)
        assert 1 == len(service.tasks)


async def test_another_account_s_job_is_refused(service):
    """Whoever queued it for one account does not pay from another."""
    request = Image2VideoRequest(image=png(), external_task_id=ID)
    async with client_of(service) as kling:
        own = to_payload(request, kling.account_digest).to_json()
        with pytest.raises(ValidationError, match="another account"):
            await run_job(kling, to_payload(request, "0" * 16).to_json(), store=nowhere)
        assert 0 == service.counts["get"]
        assert (await run_job(kling, own, store=nowhere)).succeeded


async def test_a_store_that_fails_ends_the_job_and_the_next_run_pays_nothing(service, tmp_path):
    """What `store` raises is the caller's to see; the finished task is adopted when the job is run again."""

    def full(_task, _result):
        raise OSError("disk full")

    async with client_of(service) as kling:
        with pytest.raises(OSError, match="disk full"):
            await run_job(kling, payload(), store=full)
        await run_job(kling, payload(), store=in_folder(tmp_path))
    assert 1 == len(service.tasks)


async def test_a_store_may_be_async_and_take_the_result_itself(service):
    """`store` sees the task and the result; None means that nothing is to be downloaded."""
    seen = []

    async def store(task, video):
        await anyio.lowlevel.checkpoint()
        seen.append((task.external_task_id, video.url))

    async with client_of(service) as kling:
        task = await run_job(kling, payload(), store=store)
    assert [(ID, task.videos[0].url)] == seen
    assert 0 == service.counts["download"]


async def test_a_file_that_is_there_is_not_fetched_again(service, tmp_path):
    """A worker that died after the download left it whole."""
    async with client_of(service) as kling:
        for _ in range(2):
            await run_job(kling, payload(), store=in_folder(tmp_path))
    assert 1 == service.counts["download"]


async def test_any_endpoint_of_the_family_runs(service, tmp_path):
    """Two images are stored with their numbers."""
    fields = {"model_name": "kling-v2", "prompt": "a cat", "n": 2, "external_task_id": ID}
    request = MappingRequest("/v1/images/generations", fields)
    async with client_of(service) as kling:
        await run_job(kling, to_payload(request).to_json(), store=in_folder(tmp_path))
    assert {f"{ID}-1.png", f"{ID}-2.png"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("name", ["..evil", "ü%20", "a b", "a\\b"])
async def test_a_file_s_name_stays_in_the_folder(service, tmp_path, name):
    """Ids are other people's text."""
    folder = tmp_path / "in"
    async with client_of(service) as kling:
        await run_job(kling, payload(external_task_id=name), store=in_folder(folder))
    assert 1 == len(list(folder.iterdir()))
    assert [folder] == list(tmp_path.iterdir())


def test_the_function_knows_no_engine():
    """It imports nothing of PgQueuer nor of a driver."""
    code = "import sys, kling_async.integrations.job_function; print([m for m in sys.modules if m.partition('.')[0] in ('pgqueuer', 'asyncpg', 'psycopg')])"
    assert "[]" == subprocess.check_output([sys.executable, "-c", code], text=True).strip()
