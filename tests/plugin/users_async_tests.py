"""A user's async tests, as plain text for `users_projects.py`: what runs them stands in a head before them."""

import asyncio
from pathlib import Path

import pytest
from style import async_fixture

from kling_async import KlingClient, Succeeded, TaskFailedError

PICTURE = Path(__file__).with_name("photo.jpg")


async def make_video(kling, folder, **fields):
    """The code under test: a picture in, a file out."""
    task = await kling.image2video.generate(image=PICTURE, model_name="kling-v3", **fields)
    return await kling.download(task, folder / "a.mp4")


@async_fixture
async def job(kling_client):
    """A user's own async fixture on top of ours; uses the client after the test as well."""
    job = await kling_client.image2video.submit(image=PICTURE, model_name="kling-v3")
    yield job
    await kling_client.image2video.get(job.task_id)


async def test_what_was_sent(kling_client, kling_emulator, tmp_path):
    """The body of the one create, the picture as its bytes."""
    path = await make_video(kling_client, tmp_path, prompt="She waves", external_task_id="mine")
    assert path.read_bytes()[4:8] == b"ftyp"
    (create,) = [request for request in kling_emulator.requests if request.call == "create"]
    assert create.body == {
        "model_name": "kling-v3",
        "image": PICTURE.read_bytes(),
        "prompt": "She waves",
        "external_task_id": "mine",
    }
    assert (create.method, create.path) == ("POST", "/v1/videos/image2video")


@pytest.mark.kling(task_time=120)
@pytest.mark.parametrize("turn", range(5))
async def test_minutes_in_milliseconds(kling_client, kling_emulator, tmp_path, turn):
    """A job of 120 s, moved on while the code under test waits."""
    video = asyncio.create_task(make_video(kling_client, tmp_path))
    await kling_emulator.wait_for_tasks(1)
    await kling_emulator.fast_forward(60)
    assert kling_emulator.tasks[0].status == "processing"
    await kling_emulator.fast_forward(60)
    assert (await video).exists()


@pytest.mark.kling(capacity=1, task_time=60)
async def test_no_slot(kling_client, kling_emulator):
    """A second create is refused while the first task runs; it waits for its turn."""
    await kling_client.image2video.create(image=PICTURE, model_name="kling-v3")
    second = asyncio.create_task(kling_client.image2video.create(image=PICTURE, model_name="kling-v3"))
    async with asyncio.timeout(5):
        while [200, 429] != [request.status for request in kling_emulator.requests]:  # noqa: ASYNC110 - as users do
            await asyncio.sleep(0.001)
    second.cancel()


@pytest.mark.kling(faults=[("create", "reset-after"), ("get", "delay", {"seconds": 0.01})])
async def test_a_lost_answer(kling_client, kling_emulator, tmp_path):
    """The answer to the create is lost: nothing is paid twice."""
    await make_video(kling_client, tmp_path)
    assert [1, 1] == [len(kling_emulator.tasks), kling_emulator.injected["create", "reset-after"]]


@pytest.mark.parametrize("kling_emulator", [{"fail_when": lambda body: "policy"}], indirect=True)
async def test_settings_as_parameters(kling_client, tmp_path):
    """The emulator's own arguments, by indirect parametrization."""
    with pytest.raises(TaskFailedError, match="policy"):
        await make_video(kling_client, tmp_path)


async def test_own_fixture(job, kling_client, kling_emulator):
    """The fixture's client is the test's."""
    assert job.task_id == kling_emulator.tasks[0].task_id
    assert (await job.wait()).succeeded
    outcomes = await kling_client.image2video.generate_all([job.request])
    assert [Succeeded] == [type(outcome) for outcome in outcomes]


async def test_the_environment(kling_environment, kling_emulator):
    """Code that makes its own client finds the emulator."""
    async with KlingClient() as kling:
        await kling.check_credentials()
    assert len(kling_emulator.requests) == 1
