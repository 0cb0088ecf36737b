"""The web apps, started as real servers and used by a real HTTP client, against the emulator."""

import asyncio
import json
import secrets
import signal

import anyio
import pytest

pytestmark = pytest.mark.anyio

STATES = ["waiting", "submitted", "processing", "saving", "done"]


async def test_a_picture_becomes_a_video(world):
    """The progress comes as events until the end, then the video's bytes are the service's; the upload is gone."""
    async with world.app():
        job_id, status, _ = await world.browser.upload()
        assert 202 == status
        watching = asyncio.create_task(anext_all(world.browser.watch(job_id)))
        await world.browser.until(job_id, "submitted")
        await world.emulator.fast_forward(20)
        await world.browser.until(job_id, "processing")
        await world.emulator.fast_forward(200)
        events = await watching
        assert set(STATES) >= {event["state"] for event in events}
        assert ("done", "It lifts off") == (events[-1]["state"], events[-1]["prompt"])
        assert sorted(events, key=lambda event: STATES.index(event["state"])) == events
        status, kind, video = await world.browser.video(job_id)
        assert (200, "video/mp4", b"ftyp") == (status, kind, video[4:8])
        assert (206, video[2:6]) == (await world.browser.video(job_id, Range="bytes=2-5"))[::2]
    assert not list(world.folder.rglob("picture"))


async def anext_all(events):
    """Every event of a stream."""
    return [event async for event in events]


async def test_a_browser_that_goes_away_ends_its_wait_and_not_the_job(world):
    """Its stream is closed in the middle; another browser sees the job end, with one task."""
    async with world.app():
        job_id, _, _ = await world.browser.upload()
        await world.browser.until(job_id, "submitted")  # leaves in the middle
        assert "done" == (await world.finish(job_id))["state"]
    assert 1 == len(world.emulator.tasks)


async def test_an_app_that_was_stopped_goes_on_with_its_jobs(world):
    """Open streams do not hold up the stop; after it, the same id shows the same job, and its task is the only one."""
    async with world.app():
        job_id, _, _ = await world.browser.upload()
        await world.browser.until(job_id, "submitted")
        watching = asyncio.create_task(anext_all(world.browser.watch(job_id)))
        await asyncio.sleep(0.05)
        stopping = anyio.current_time()
    assert anyio.current_time() - stopping < 3
    assert "submitted" == (await watching)[-1]["state"]
    async with world.app():
        assert "done" == (await world.finish(job_id))["state"]
    async with world.app():
        assert ["done"] == [event["state"] async for event in world.browser.watch(job_id)]
        assert 200 == (await world.browser.video(job_id))[0]
    assert 1 == len(world.emulator.tasks)


async def test_a_stop_has_a_create_that_is_on_its_way_answered(world):
    """Its journal knows the task when the app has stopped: nothing is left to be looked up."""
    world.emulator.fault("create", "delay", seconds=0.4)
    async with world.app():
        job_id, _, _ = await world.browser.upload()
        while not world.emulator.counts["create"]:  # noqa: ASYNC110 - a counter is not an event
            await asyncio.sleep(0.01)
    async with world.app():
        assert "done" == (await world.finish(job_id))["state"]
    calls = [request.call for request in world.emulator.requests]
    assert (1, 1) == (calls.count("create"), len(world.emulator.tasks))
    assert not [
        request for request in world.emulator.requests if request.path.endswith(job_id)
    ]  # by its own id


async def test_the_same_upload_sent_twice_is_one_job(world):
    """A double click, or a browser that sends again after a lost answer, pays once."""
    async with world.app():
        job_id = secrets.token_hex(16)
        sent = await asyncio.gather(*(world.browser.upload(job_id) for _ in range(3)))
        assert [202, 202, 202] == [status for _, status, _ in sent]
        await world.finish(job_id)
        await world.browser.upload(job_id)
    assert 1 == len(world.emulator.tasks)


async def test_two_at_once_are_told_apart(world):
    """Each stream has its own words, each job its own task."""
    async with world.app():
        jobs = [(await world.browser.upload(prompt=prompt))[0] for prompt in ("one", "two")]
        for job_id in jobs:
            await world.browser.until(job_id, "submitted")
        await world.emulator.fast_forward(200)
        ends = await asyncio.gather(*(world.browser.until(job_id, "done") for job_id in jobs))
    assert ["one", "two"] == [end["prompt"] for end in ends]
    assert 2 == len(world.emulator.tasks)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"picture": b"no picture"}, "Nothing was sent. Picture is not a JPEG or PNG"),
        ({"model_name": "kling-v2-6", "duration": "7"}, "Length is '7'; kling-v2-6 takes 5, 10."),
    ],
    ids=["picture", "length"],
)
async def test_what_kling_would_refuse_is_said_before_anything_is_paid(world, fields, said):
    """The job ends with a sentence for people, and the service saw no create."""
    async with world.app():
        job_id, _, _ = await world.browser.upload(**fields)
        event = await world.browser.until(job_id, "failed")
        assert said in event["message"]
        assert str(world.folder) not in event["message"]
    assert 0 == world.emulator.counts["create"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model_name": "kling-v9"}, 422),
        ({"duration": "long"}, 422),
        ({"prompt": "x" * 3000}, 422),
        ({"picture": bytes(13 * 1024 * 1024)}, 413),
        ({"job_id": "../" * 10 + "etc"}, 404),
        ({"job_id": "0" * 31}, None),
        ({"job_id": "O" * 32}, None),
    ],
    ids=["model", "length", "prompt", "size", "path", "short id", "no id"],
)
async def test_a_form_that_cannot_be_right_is_refused(world, fields, status):
    """The answer is a 4xx, and nothing is kept of it."""
    async with world.app():
        _, answered, _ = await world.browser.upload(**fields)
        assert answered == status or (status is None and 400 <= answered < 500)
    assert [] == list(world.folder.glob("*/"))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "moderation"}, "content policy"),
        ({"kind": "account", "code": 1102}, "out of credit"),
        ({"kind": "error-before", "http": 401, "code": 1002}, "does not accept this site's keys"),
    ],
    ids=["policy", "account", "keys"],
)
async def test_a_refusal_is_said_in_plain_words(world, fault, said):
    """No code, id or key; and after a restart the job is still refused, and not sent again."""
    world.emulator.fault("create", **fault, times=None)
    async with world.app():
        job_id, _, _ = await world.browser.upload()
        event = await world.browser.until(job_id, "failed")
        assert said in event["message"]
        assert not [
            word for word in ("100", "110", "130", job_id, world.emulator.api_key) if word in event["message"]
        ]
    creates = world.emulator.counts["create"]
    world.emulator.clear_faults()
    async with world.app():
        assert event["message"] == (await world.browser.until(job_id, "failed"))["message"]
    assert creates == world.emulator.counts["create"]


async def test_a_task_that_fails_tells_why(world):
    """The service's reason is what people read."""
    world.emulator.fail_next("Failure to pass the risk control system")
    async with world.app():
        job_id, _, _ = await world.browser.upload()
        event = await world.finish(job_id)
        assert "Kling could not make this video. Failure to pass the risk control system" == event["message"]
        assert 404 == (await world.browser.video(job_id))[0]


async def test_a_video_that_could_not_be_fetched_is_fetched_when_it_is_asked_for_again(world):
    """The message says so; the next look at the job tries again, and nothing is paid twice."""
    world.emulator.fault("download", "forbidden", times=None)
    async with world.app():
        job_id, _, _ = await world.browser.upload()
        event = await world.finish(job_id)
        assert "could not be fetched" in event["message"]
        world.emulator.clear_faults()
        await world.browser.until(job_id, "done")
    assert 1 == len(world.emulator.tasks)


@pytest.mark.parametrize("kind", ["aiohttp"], indirect=True)  # the words are the same for both
async def test_keys_that_are_revoked_while_a_task_runs_lose_nothing(world):
    """Nobody is told that nothing was charged; when the keys work again, the same task brings the video."""
    async with world.app():
        job_id, _, _ = await world.browser.upload()
        await world.browser.until(job_id, "submitted")
        for call in ("get", "list"):
            world.emulator.fault(call, "error-before", http=401, code=1002, times=None)
        await world.emulator.fast_forward(200)
        event = await world.browser.until(job_id, "failed")
        assert "nothing is paid for twice" in event["message"]
        world.emulator.clear_faults()
        await world.browser.until(job_id, "done")
    assert 1 == len(world.emulator.tasks)


async def test_the_page_holds_no_secret_and_unknown_jobs_are_unknown(world):
    """The page, a job's events and its record hold no key; an id that nobody was given is 404."""
    async with world.app():
        job_id, _, _ = await world.browser.upload()
        event = await world.finish(job_id)
        async with world.browser.session.get(world.url) as answer:
            page = await answer.text()
        for path in ("events", "video"):
            async with world.browser.session.get(f"{world.url}/jobs/{'0' * 32}/{path}") as answer:
                assert 404 == answer.status
    shown = page + json.dumps(event) + (world.folder / job_id / "job.json").read_text()
    assert world.emulator.api_key not in shown
    assert "//" not in page.replace("http://www.w3.org/2000/svg", "").replace("// ", "")


async def test_callbacks_are_taken_and_forged_ones_are_not(world):
    """The service's callbacks reach the app; a stranger's is 404."""
    async with world.app():
        job_id, _, _ = await world.browser.upload()
        await world.finish(job_id)
        async with world.browser.session.post(
            f"{world.url}/callbacks/{job_id}", json={"task_id": "1"}
        ) as answer:
            assert 404 == answer.status
    assert {200} == {callback.http for callback in world.emulator.callbacks}


async def test_without_a_public_url_the_app_polls(world, monkeypatch):
    """No callback is asked for; the job ends all the same."""
    monkeypatch.delenv("PUBLIC_URL")
    async with world.app():
        job_id, _, _ = await world.browser.upload()
        assert "done" == (await world.finish(job_id))["state"]
        async with world.browser.session.post(f"{world.url}/callbacks/x") as answer:
            assert 404 == answer.status
    assert not world.emulator.callbacks


@pytest.mark.parametrize("kind", ["fastapi"], indirect=True)
async def test_the_app_runs_in_another_thread_as_well(world):
    """As under a framework's test client: there is no signal to be told of, and nothing fails."""
    from fastapi_app.app import app

    async def live():
        async with app.router.lifespan_context(app):
            return await app.state.jobs.is_full()

    ours = signal.getsignal(signal.SIGTERM)
    assert not await asyncio.to_thread(asyncio.run, live())
    assert ours == signal.getsignal(signal.SIGTERM)


async def test_more_jobs_than_the_app_takes_are_refused(world, monkeypatch):
    """The answer is 503 with a sentence; when a job has ended there is room again."""
    monkeypatch.setattr("web_jobs.jobs.MOST_OPEN", 1)
    async with world.app():
        job_id, _, _ = await world.browser.upload()
        refused = await world.browser.upload()
        assert (503, "Too many videos are being made. Please try again later.") == refused[1:]
        await world.finish(job_id)
        assert 202 == (await world.browser.upload())[1]
    assert 2 == len(list(world.folder.glob("*/")))
