"""What observers get beside events: several hooks at once, aiohttp's traces, and a log without anything secret."""

import logging
from collections import Counter

import aiohttp
import pytest
from made_pictures import png
from rooms_helpers import client, emulator, request

from kling_async import TaskFailedError
from kling_async.events import JobEnded, JobQueued, fan_out

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

PROMPT = "needle-prompt-5d1c"
PICTURE = png()
EVENT = JobQueued(external_task_id="a", path="/v1/videos/image2video", model=None)


@pytest.fixture
async def service():
    """An emulator whose tasks take two minutes."""
    async with emulator() as running:
        yield running


def test_several_hooks_get_each_event_in_order():
    """As if each were the only one."""
    seen = []
    hook = fan_out(lambda event: seen.append(("first", event)), lambda event: seen.append(("second", event)))
    hook(EVENT)
    assert [("first", EVENT), ("second", EVENT)] == seen


def test_a_hook_that_raises_keeps_nothing_from_the_others(caplog):
    """Its first exception is in the log, no other one is."""
    seen = []

    def broken(event):
        raise ValueError("on purpose")

    hook = fan_out(broken, seen.append)
    hook(EVENT)
    hook(EVENT)
    assert [EVENT, EVENT] == seen
    assert ["on_event raised for JobQueued; later exceptions are not logged"] == caplog.messages


async def test_aiohttps_traces_pass_through(service):
    """A trace of the user's sees each request, the one whose answer is lost too; creates have a session of their own."""
    ended, failed = Counter(), Counter()

    async def count(session, context, params):
        ended[params.method] += 1

    async def fail(session, context, params):
        failed[params.method] += 1

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(count)
    trace.on_request_exception.append(fail)
    service.fault("create", "reset-after")
    async with client(service, trace_configs=[trace]) as kling:
        await kling.image2video.generate(request())
    assert {"POST": 1} == failed
    assert {"GET": service.counts["get"] + service.counts["list"]} == ended


async def batch(service, folder):
    """Jobs with pictures, trouble and downloads; gives what is not to be in a log."""
    for kind in ("error-before", "reset-after", "html-after", "concurrency", "rate-limit", "not-json"):
        service.fault("create", kind)
    service.fault("get", "error-before")
    service.fault("download", "reset-after")
    service.fail_when = lambda body: "policy" if body["prompt"].endswith(" 3") else None
    events = []
    async with client(service, max_in_flight=4, on_event=events.append) as kling:
        outcomes = await kling.image2video.generate_all(
            [request(number, image=PICTURE, prompt=f"{PROMPT} {number}") for number in range(8)]
        )
        tasks = [outcome.task for outcome in outcomes if outcome.error is None]
        for task in tasks:
            await kling.download(task, folder / f"{task.task_id}.mp4")
    assert [TaskFailedError] == [type(outcome.error) for outcome in outcomes if outcome.error is not None]
    urls = [video.url for task in tasks for video in task.videos]
    sent = [record for record in service.requests if record.call == "create"]
    picture = sent[0].raw_body.partition(b'"image"')[2][3:60].decode()
    assert len(urls) == len(tasks) == 7
    assert 8 == len([event for event in events if isinstance(event, JobEnded)])
    return [
        PROMPT,
        picture,
        service.access_key,
        service.secret_key,
        service.api_key,
        "Bearer ",
        "eyJ",
        *urls,
        *(url.rpartition("/")[2] for url in urls),
    ]


async def test_no_body_header_or_url_is_logged_at_any_level(service, tmp_path, caplog):
    """A whole batch with trouble, with every logger at DEBUG: records, their arguments and their tracebacks."""
    caplog.set_level(logging.DEBUG)
    needles = await batch(service, tmp_path)
    formatter = logging.Formatter("%(message)s")
    shown = [f"{formatter.format(record)} {record.__dict__!r}" for record in caplog.records]
    ours = {record.name for record in caplog.records if record.name.startswith("kling_async.")}
    assert len(ours) >= 2
    found = {
        (record.name, needle)
        for record, text in zip(caplog.records, shown, strict=True)
        for needle in needles
        if needle in text
    }
    assert set() == found


def test_the_needles_would_be_found(caplog):
    """A control: what a careless line of ours would say."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("kling_async.careless").debug("sends %s", {"prompt": PROMPT})
    assert PROMPT in caplog.text
