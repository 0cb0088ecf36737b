"""Spans and metrics as an OpenTelemetry SDK receives them, of real jobs on the emulator and of events by hand."""

import asyncio
import gc
import json
import subprocess
import sys

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from rooms_helpers import client, emulator, request

from kling_async import AccountError, TaskFailedError
from kling_async.events import JobAbandoned, JobAccepted, JobEnded, JobQueued, SlotChanged
from kling_async.integrations import opentelemetry
from kling_async.integrations.opentelemetry import OpenTelemetry

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

PATH = "/v1/videos/image2video"
PROMPT = "a-prompt-that-nobody-may-see"


class Telemetry:
    """A hook, and what its SDK has received."""

    def __init__(self):
        self._spans, self._metrics = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._meters = MeterProvider([self._metrics])
        self.hook = self.make_hook()

    def make_hook(self):
        """A hook that tells the same SDK."""
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=self._meters)

    @property
    def spans(self):
        """The spans that have ended."""
        return self._spans.get_finished_spans()

    @property
    def metrics(self):
        """The points of each metric, by its name."""
        data = self._metrics.get_metrics_data()
        found = [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics
        return {metric.name: list(metric.data.data_points) for metric in found}


@pytest.fixture
def telemetry():
    """A hook with an SDK of its own."""
    return Telemetry()


@pytest.fixture
async def service():
    """An emulator whose tasks take two minutes."""
    async with emulator() as running:
        yield running


async def test_a_job_is_a_span(service, telemetry):
    """Its name, kind and attributes, under the span that is current where it begins."""
    tracer = telemetry.tracers.get_tracer("the user's")
    async with client(service, on_event=telemetry.hook) as kling:
        with tracer.start_as_current_span("the user's own"):
            task = await kling.image2video.generate(
                request(prompt=PROMPT, external_task_id="mine", model_name="kling-v1-6")
            )
    job, own = telemetry.spans
    assert ("generate_content kling-v1-6", SpanKind.CLIENT) == (job.name, job.kind)
    assert {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "kling",
        "gen_ai.request.model": "kling-v1-6",
        "gen_ai.output.type": "video",
        "gen_ai.response.id": task.task_id,
        "kling.external_task_id": "mine",
        "kling.path": PATH,
        "kling.adopted": False,
    } == dict(job.attributes)
    assert own.context.span_id == job.parent.span_id
    assert StatusCode.UNSET is job.status.status_code


async def test_each_job_of_a_batch_has_one_span(service, telemetry):
    """All of them children of the span around the batch, though they run in tasks of their own."""
    tracer = telemetry.tracers.get_tracer("the user's")
    async with client(service, max_in_flight=3, on_event=telemetry.hook) as kling:
        with tracer.start_as_current_span("the batch"):
            await kling.image2video.generate_all([request(number) for number in range(8)])
    *jobs, batch = telemetry.spans
    assert 8 == len({job.attributes["kling.external_task_id"] for job in jobs}) == len(jobs)
    assert {batch.context.span_id} == {job.parent.span_id for job in jobs}


async def test_a_failed_and_a_refused_job_say_why(service, telemetry):
    """The error's class, and the service's code if an answer ended the job; no message."""
    service.fail_next(PROMPT)
    async with client(service, on_event=telemetry.hook) as kling:
        with pytest.raises(TaskFailedError):
            await kling.image2video.generate(request(0))
        service.fault("create", "account", code=1102)
        with pytest.raises(AccountError):
            await kling.image2video.generate(request(1))
    failed, refused = telemetry.spans
    assert ("generate_content", StatusCode.ERROR, None) == (
        failed.name,
        failed.status.status_code,
        failed.status.description,
    )
    assert ("TaskFailedError", None) == (failed.attributes["error.type"], failed.attributes.get("kling.code"))
    assert ("AccountError", 1102) == (refused.attributes["error.type"], refused.attributes["kling.code"])


async def test_metrics_of_a_batch(service, telemetry):
    """Durations, refusals by code, polls by call, and slots that are back at nothing."""
    service.fault("create", "concurrency", times=1)
    async with client(service, max_in_flight=2, on_event=telemetry.hook) as kling:
        await kling.image2video.generate_all(
            [request(number, model_name="kling-v1-6") for number in range(4)]
        )
    metrics = telemetry.metrics
    (duration,) = metrics["gen_ai.client.operation.duration"]
    assert (4, "kling-v1-6", "video") == (
        duration.count,
        duration.attributes["gen_ai.request.model"],
        duration.attributes["gen_ai.output.type"],
    )
    assert 120 < duration.min < duration.max < 400
    assert opentelemetry.DURATIONS == duration.explicit_bounds
    assert [(1303, 1)] == [
        (point.attributes["kling.code"], point.value) for point in metrics["kling.refusals"]
    ]
    polls = {point.attributes["kling.call"]: point.value for point in metrics["kling.polls"]}
    asked = {call: service.counts[call] for call in polls}
    assert asked == polls
    assert {"kling.slots.held": 0, "kling.slots.waiting": 0, "kling.slots.limit": 2} == {
        name: points[0].value for name, points in metrics.items() if name.startswith("kling.slots")
    }


async def test_nothing_secret_is_exported(service, telemetry, tmp_path):
    """Neither prompt, URL nor key, in spans and metrics of a job, its failures and its download."""
    service.fault("create", "error-after")
    service.fault("get", "error-before")
    async with client(service, on_event=telemetry.hook) as kling:
        task = await kling.image2video.generate(request(prompt=PROMPT))
        await kling.download(task, tmp_path / "a.mp4")
    spans = [json.loads(span.to_json()) for span in telemetry.spans]
    told = json.dumps(
        [spans, {name: [repr(point) for point in found] for name, found in telemetry.metrics.items()}]
    )
    assert "kling.download.duration" in told
    keys = (service.access_key, service.secret_key, service.api_key)
    assert [] == [needle for needle in (PROMPT, *keys, "http", "Bearer", "eyJ") if needle in told]


async def test_an_abandoned_job_ends_with_its_task(service, telemetry):
    """The client watches the task on for its slot: one span, that ends with the success."""
    async with client(service, max_in_flight=1, on_event=telemetry.hook) as kling:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await kling.image2video.generate(request())
        assert () == telemetry.spans
        await asyncio.sleep(200)
    (span,) = telemetry.spans
    assert "error.type" not in span.attributes


@pytest.mark.parametrize("how", ["closed", "forgotten"])
async def test_a_job_that_nobody_watches_ends_with_the_hook(service, telemetry, how):
    """At the moment at which it was last heard of, with what was known."""
    async with client(service, on_event=telemetry.hook) as kling:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await kling.image2video.generate(request())
    del kling
    if how == "closed":
        telemetry.hook.close()
    telemetry.hook = None
    gc.collect()
    (span,) = telemetry.spans
    assert ("JobAbandoned", "goes on at the service") == (
        span.attributes["error.type"],
        span.attributes["kling.state"],
    )


def queued(name):
    """A job begins."""
    return JobQueued(external_task_id=name, path=PATH, model="kling-v3")


def test_a_job_that_was_never_sent_ends_where_it_is_left(telemetry):
    """Nothing more can come of it."""
    telemetry.hook(queued("a"))
    telemetry.hook(JobAbandoned(external_task_id="a", task_id=None, path=PATH, state="never sent"))
    assert ["never sent"] == [span.attributes["kling.state"] for span in telemetry.spans]


def test_a_job_that_is_asked_for_again_has_one_span(telemetry):
    """As long as the first has not ended."""
    telemetry.hook(queued("a"))
    telemetry.hook(JobAbandoned(external_task_id="a", task_id=None, path=PATH, state="may have been created"))
    telemetry.hook(queued("a"))
    ended = JobEnded(
        external_task_id="a",
        task_id="1",
        path=PATH,
        model=None,
        succeeded=True,
        seconds=9.0,
        error=None,
        code=None,
    )
    telemetry.hook(ended)
    telemetry.hook(ended)
    assert ["1"] == [span.attributes["gen_ai.response.id"] for span in telemetry.spans]


def test_open_spans_are_bounded(telemetry, monkeypatch):
    """Jobs that are submitted and never waited for end one day; above a number, the oldest first."""
    monkeypatch.setattr(opentelemetry, "MOST_OPEN", 2)
    for name in "abc":
        telemetry.hook(queued(name))
        telemetry.hook(
            JobAccepted(
                external_task_id=name, task_id=f"id-{name}", path=PATH, model=None, seconds=1.0, adopted=False
            )
        )
    assert [("id-a", None)] == [
        (span.attributes["gen_ai.response.id"], span.attributes.get("error.type")) for span in telemetry.spans
    ]
    monkeypatch.setattr(opentelemetry, "LONGEST", 0.0)
    telemetry.hook(queued("d"))
    assert 3 == len(telemetry.spans)


def test_slots_of_several_clients_add_up(telemetry):
    """Each with a hook of its own; a limit that is taken away counts for nothing."""
    first, second = telemetry.hook, telemetry.make_hook()
    first(SlotChanged(kind="video", held=3, waiting=1, limit=5))
    second(SlotChanged(kind="video", held=2, waiting=0, limit=5))
    second(SlotChanged(kind="video", held=1, waiting=0, limit=None))
    (held,) = telemetry.metrics["kling.slots.held"]
    (limit,) = telemetry.metrics["kling.slots.limit"]
    assert (4, 5) == (held.value, limit.value)


@pytest.mark.parametrize(("path", "kind"), [("/v1/images/generations", "image"), ("/v1/audio/new", "audio")])
def test_other_kinds_of_results_are_told(telemetry, path, kind):
    """By the endpoint's path."""
    telemetry.hook(JobQueued(external_task_id="a", path=path, model=None))
    telemetry.hook.close()
    assert [kind] == [span.attributes["gen_ai.output.type"] for span in telemetry.spans]


def test_without_the_extra_an_error_says_what_to_install():
    """Instead of a bare name of a module."""
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "try: import kling_async.integrations.opentelemetry\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 'opentelemetry-api is not installed: pip install "kling-async[otel]"' == done.stdout.strip()
