"""Every argument of a wait, a stream and a download is checked before anything is sent; the text names it."""

import math

import pytest
from rooms_helpers import client, request

from kling_async import ConfigurationError, DownloadError, ValidationError, Video

pytestmark = pytest.mark.anyio

TIMEOUTS = [0, -1, -0.5, math.nan, math.inf, -math.inf, True, False, "5", b"5", [5], 1e12]
SCHEDULES = [[], [0], [-1.0], [math.nan], [math.inf], ["5"], [True], "5", 5, b"", [1.0, 0.0]]
CALLBACKS = [5, "text", [print]]
CONCURRENCIES = [0, -1, 1.5, "2", True, math.nan]
STREAMS = ["generate_many", "generate_all", "resume"]
WAITS = ["generate", "wait_for_task", "job.wait"]
ALL = [*WAITS, "watch", "job.watch", *STREAMS]


async def errors_of(service, journal, name, argument, values):
    """Makes the call with each value, and gives each with its error; no create is sent meanwhile."""
    async with client(service, journal=journal) as kling:
        handle = await kling.image2video.submit(request(99))
        before = service.counts["create"]
        for value in values:
            try:
                await called(kling, handle, name, {argument: value})
            except Exception as error:  # noqa: BLE001 - it is what the test is about
                yield value, error
            else:
                raise AssertionError(f"{name} takes {argument}={value!r}")
            assert before == service.counts["create"]


async def called(kling, handle, name, arguments):
    """The call by its name."""
    api = kling.image2video
    if name == "generate":
        await api.generate(request(), **arguments)
    elif name == "wait_for_task":
        await api.wait_for_task(handle.task_id, **arguments)
    elif name == "job.wait":
        await handle.wait(**arguments)
    elif name in {"watch", "job.watch"}:
        watch = handle.watch if name == "job.watch" else lambda **o: api.watch(handle.task_id, **o)
        async for _ in watch(**arguments):
            pass
    elif name == "generate_all":
        await api.generate_all([request()], **arguments)
    elif name == "generate_many":
        api.generate_many([request()], **arguments)
    else:
        api.resume(**arguments)


@pytest.mark.parametrize("name", ALL)
async def test_a_timeout_is_seconds_above_0_or_none(service, journal, name):
    """The value and the bound are told, and no create is sent."""
    async for timeout, error in errors_of(service, journal, name, "timeout", TIMEOUTS):
        assert isinstance(error, ValidationError)
        assert f"timeout: is {timeout!r}" in str(error)
        assert "above 0" in str(error)


@pytest.mark.parametrize("name", ALL)
async def test_a_schedule_is_a_callable_or_gaps_above_0(service, journal, name):
    """The argument is named."""
    async for _, error in errors_of(service, journal, name, "schedule", SCHEDULES):
        assert isinstance(error, ConfigurationError)
        assert "schedule" in str(error)


@pytest.mark.parametrize("name", [*WAITS, *STREAMS])
async def test_on_update_is_callable(service, journal, name):
    """Its type is told."""
    async for value, error in errors_of(service, journal, name, "on_update", CALLBACKS):
        assert isinstance(error, ValidationError)
        assert f"on_update: is of type {type(value).__name__}" in str(error)


@pytest.mark.parametrize("name", STREAMS)
async def test_concurrency_is_a_whole_number_from_1_on(service, journal, name):
    """The value and the bound are told."""
    async for value, error in errors_of(service, journal, name, "concurrency", CONCURRENCIES):
        assert isinstance(error, ConfigurationError)
        assert f"concurrency is {value!r}" in str(error)
        assert "1 or more" in str(error)


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True], ids=repr)
async def test_max_in_flight_is_a_whole_number_from_1_on(service, value):
    """At the making of the client, and when it is changed."""
    with pytest.raises(ConfigurationError, match="max_in_flight"):
        client(service, max_in_flight=value)
    async with client(service, max_in_flight=3) as kling:
        with pytest.raises(ConfigurationError, match="max_in_flight"):
            kling.max_in_flight = value
        assert 3 == kling.slots.limit


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "5", None], ids=repr)
async def test_submit_timeout_is_seconds_above_0(service, value):
    """An error of ours, whatever it is."""
    with pytest.raises(ConfigurationError, match="submit_timeout"):
        client(service, submit_timeout=value)


async def test_a_clients_schedule_is_checked_when_it_is_made(service):
    """Not at its first wait."""
    for schedule in SCHEDULES:
        with pytest.raises(ConfigurationError, match="schedule"):
            client(service, schedule=schedule)


@pytest.mark.parametrize("on_event", CALLBACKS, ids=repr)
async def test_on_event_is_callable(service, on_event):
    """Told when the client is made."""
    with pytest.raises(ConfigurationError, match="on_event"):
        client(service, on_event=on_event)


@pytest.mark.parametrize("target", [None, 5, "", True, [1]], ids=repr)
async def test_a_wait_needs_an_id(service, target):
    """Nothing is polled for."""
    async with client(service) as kling:
        with pytest.raises(ValidationError, match="task"):
            await kling.image2video.wait_for_task(target)
    assert 0 == service.counts.total()


@pytest.mark.parametrize("given", [None, 5, "text", {"image": "x"}, [request()]], ids=repr)
@pytest.mark.parametrize("call", ["generate", "submit", "create"])
async def test_a_request_is_a_request(service, given, call):
    """Its type is told; without any argument, the missing fields are."""
    async with client(service) as kling:
        with pytest.raises(ValidationError):
            await getattr(kling.image2video, call)(given)
    assert 0 == service.counts.total()


async def test_a_request_and_fields_together_are_refused(service):
    """It is one of the two."""
    async with client(service) as kling:
        with pytest.raises(ValidationError, match="prompt"):
            await kling.image2video.generate(request(), prompt="another")
    assert 0 == service.counts.total()


@pytest.mark.parametrize("what", [None, 5, "https://files.example/a.mp4", {"url": "x"}], ids=repr)
async def test_a_download_is_of_a_video_a_task_or_an_outcome(service, tmp_path, what):
    """Its type is told, and nothing is fetched."""
    async with client(service) as kling:
        with pytest.raises(ValidationError, match="what"):
            await kling.download(what, tmp_path / "video.mp4")
    assert 0 == service.counts.total()


async def test_a_running_task_has_nothing_to_download(service, tmp_path):
    """The text tells its status."""
    async with client(service) as kling:
        handle = await kling.image2video.submit(request())
        with pytest.raises(ValidationError, match="submitted"):
            await kling.download(handle.task, tmp_path / "video.mp4")
    assert 0 == service.counts["download"]


@pytest.mark.parametrize("call", ["download", "job.download"])
async def test_a_target_is_a_path(service, call):
    """An error of ours before anything is polled or fetched."""
    async with client(service) as kling:
        handle = await kling.image2video.submit(request())
        video = Video("v", f"{service.url}/files/v.mp4", 5.0)
        before = service.counts.total()
        for target in (None, 5, True, [1], b"video.mp4"):
            download = kling.download(video, target) if call == "download" else handle.download(target)
            with pytest.raises(ValidationError, match="path"):
                await download
        assert before == service.counts.total()


@pytest.mark.parametrize("place", ["missing", "a folder", "a file's child"])
async def test_a_target_that_cannot_be_written_is_told_before_the_wait(service, tmp_path, place):
    """The folder is checked first, and nothing is polled for."""
    (tmp_path / "file").write_text("a file")
    target = {
        "missing": tmp_path / "missing" / "video.mp4",
        "a folder": tmp_path,
        "a file's child": tmp_path / "file" / "video.mp4",
    }[place]
    async with client(service) as kling:
        handle = await kling.image2video.submit(request())
        before = service.counts.total()
        with pytest.raises(DownloadError):
            await handle.download(target)
        assert before == service.counts.total()


async def test_on_progress_is_callable(service, tmp_path):
    """Told before anything is fetched."""
    async with client(service) as kling:
        task = await kling.image2video.generate(request())
        with pytest.raises(ValidationError, match="on_progress"):
            await kling.download(task, tmp_path / "video.mp4", on_progress=5)
    assert 0 == service.counts["download"]
