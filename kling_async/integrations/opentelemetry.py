"""A client's events as OpenTelemetry spans and metrics (extra `otel`, which is opentelemetry-api alone).

    async with KlingClient(on_event=OpenTelemetry()) as kling:

Promises: one span for each job, a child of the span that is current where the job begins; attributes hold ids, model
names and codes, never a prompt, a URL or a key. Names follow OpenTelemetry's conventions for generative AI where these
have one (they are in development), and begin with `kling.` where not.
"""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from attrs import define

from kling_async._version import __version__
from kling_async.events import (
    DownloadDone,
    Event,
    JobAbandoned,
    JobAccepted,
    JobEnded,
    JobQueued,
    JobRefused,
    PollDone,
    SlotChanged,
)
from kling_async.schema.family import task_kind

try:
    from opentelemetry import metrics, trace
except ImportError as _missing:
    raise ImportError('opentelemetry-api is not installed: pip install "kling-async[otel]"') from _missing

DURATIONS: Final = (1, 5, 10, 20, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800, 3600)
"""Bounds of the duration histograms' buckets, in seconds: jobs take minutes."""

MOST_OPEN: Final = 10_000
"""How many spans are open at most; the oldest is ended above that."""

LONGEST: Final = 24 * 3600.0
"""Seconds after which a span is ended whose job has not ended, such as one that was submitted and never waited for."""

NEVER_SENT: Final = "never sent"
"""The state of an abandoned job that is over by that."""


@define
class _OpenSpan:
    """The span of a job that goes on."""

    span: trace.Span
    begun: int
    """When it began, in nanoseconds since the epoch."""

    last: int
    """When the job was last heard of, likewise."""

    state: str | None = None
    """What was known of the job when its caller went away; None if nobody did."""


class OpenTelemetry:
    """A hook for `KlingClient(on_event=…)`; make one for each client.

    A job's span begins when the job does, and ends with it. If all callers have gone away and nothing watches the task on
    (the client has neither `max_in_flight` nor a journal), it ends when the hook is closed, or after a day.

    Args:
        tracer_provider: Where spans go; None: the global provider.
        meter_provider: Where metrics go; None: the global provider.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer("kling_async", __version__, tracer_provider)
        self._meters = _Meters(metrics.get_meter("kling_async", __version__, meter_provider))
        self._open: OrderedDict[str, _OpenSpan] = OrderedDict()
        self._finalizer = weakref.finalize(self, _end_all, self._open)
        self._handlers: dict[type, Callable[[Any], None]] = {
            JobQueued: self._queued,
            JobAccepted: self._accepted,
            JobRefused: self._refused,
            JobEnded: self._ended,
            JobAbandoned: self._abandoned,
            PollDone: self._meters.polled,
            SlotChanged: self._meters.slots_changed,
            DownloadDone: self._meters.downloaded,
        }

    def __call__(self, event: Event) -> None:
        """Records an event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def close(self) -> None:
        """Ends the spans of jobs that go on; for the end of a program, before the provider's `shutdown`."""
        _end_all(self._open)

    def _queued(self, event: JobQueued) -> None:
        now = time.time_ns()
        self._end_the_old(now)
        if event.external_task_id in self._open:
            return
        attributes = {
            **_attributes(event.path, event.model),
            "kling.external_task_id": event.external_task_id,
        }
        name = "generate_content" if event.model is None else f"generate_content {event.model}"
        span = self._tracer.start_span(
            name, kind=trace.SpanKind.CLIENT, attributes=attributes, start_time=now
        )
        self._open[event.external_task_id] = _OpenSpan(span, now, now)

    def _accepted(self, event: JobAccepted) -> None:
        found = self._found(event.external_task_id)
        if found is not None:
            found.span.set_attribute("gen_ai.response.id", event.task_id)
            found.span.set_attribute("kling.adopted", event.adopted)

    def _refused(self, event: JobRefused) -> None:
        self._meters.refused(event)
        self._found(event.external_task_id)

    def _ended(self, event: JobEnded) -> None:
        self._meters.ended(event)
        found = self._open.pop(event.external_task_id, None)
        if found is None:
            return
        if event.task_id is not None:
            found.span.set_attribute("gen_ai.response.id", event.task_id)
        if event.code is not None:
            found.span.set_attribute("kling.code", event.code)
        if event.error is not None:
            found.span.set_attribute("error.type", event.error)
            found.span.set_status(trace.StatusCode.ERROR)
        found.span.end()

    def _abandoned(self, event: JobAbandoned) -> None:
        found = self._found(event.external_task_id)
        if found is None or event.external_task_id is None:
            return
        found.state = event.state
        if event.state == NEVER_SENT:
            _end(self._open.pop(event.external_task_id))

    def _found(self, external_task_id: str | None) -> _OpenSpan | None:
        """The open span of a job, which was just heard of."""
        found = self._open.get(external_task_id or "")
        if found is not None:
            found.last = time.time_ns()
        return found

    def _end_the_old(self, now: int) -> None:
        """Ends spans that are open for too long, and the oldest if there are too many."""
        while self._open:
            oldest = next(iter(self._open.values()))
            if len(self._open) < MOST_OPEN and now - oldest.begun < LONGEST * 1e9:
                return
            _end(self._open.popitem(last=False)[1])


class _Meters:
    """The instruments."""

    def __init__(self, meter: metrics.Meter) -> None:
        self._jobs = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="How long jobs took, from their begin to their end.",
            explicit_bucket_boundaries_advisory=DURATIONS,
        )
        self._downloads = meter.create_histogram(
            "kling.download.duration",
            unit="s",
            description="How long downloads took.",
            explicit_bucket_boundaries_advisory=DURATIONS,
        )
        self._refusals = meter.create_counter(
            "kling.refusals", description="Creates that the service refused."
        )
        self._polls = meter.create_counter("kling.polls", description="Requests for tasks and list pages.")
        self._slots = {
            name: meter.create_up_down_counter(f"kling.slots.{name}", description=description)
            for name, description in {
                "held": "Slots that are held.",
                "waiting": "Jobs that wait for a slot.",
                "limit": "Slots that there are; nothing without a limit.",
            }.items()
        }
        self._last: dict[tuple[str, str], int] = {}

    def ended(self, event: JobEnded) -> None:
        """Records a job's duration."""
        self._jobs.record(event.seconds, _with_error(_attributes(event.path, event.model), event.error))

    def downloaded(self, event: DownloadDone) -> None:
        """Records a download's duration."""
        self._downloads.record(event.seconds, _with_error({}, event.error))

    def refused(self, event: JobRefused) -> None:
        """Counts a refusal."""
        self._refusals.add(1, {"kling.code": event.code, "kling.path": event.path})

    def polled(self, event: PollDone) -> None:
        """Counts a poll."""
        self._polls.add(1, _with_error({"kling.call": event.call, "kling.path": event.path}, event.error))

    def slots_changed(self, event: SlotChanged) -> None:
        """Adds what has changed, so that the sums over several clients are right."""
        for name, counter in self._slots.items():
            now: int = getattr(event, name) or 0
            before = self._last.get((event.kind, name), 0)
            if now != before:
                counter.add(now - before, {"kling.kind": event.kind})
                self._last[event.kind, name] = now


def _attributes(path: str, model: str | None) -> dict[str, str | int]:
    """What each span and each duration has."""
    attributes: dict[str, str | int] = {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "kling",
        "gen_ai.output.type": task_kind(path),
        "kling.path": path,
    }
    if model is not None:
        attributes["gen_ai.request.model"] = model
    return attributes


def _with_error(attributes: dict[str, str | int], error: str | None) -> dict[str, str | int]:
    return attributes if error is None else {**attributes, "error.type": error}


def _end(found: _OpenSpan) -> None:
    """Ends the span of a job whose end is not known, at the moment at which it was last heard of."""
    if found.state is not None:
        found.span.set_attribute("kling.state", found.state)
        found.span.set_attribute("error.type", JobAbandoned.__name__)
        found.span.set_status(trace.StatusCode.ERROR)
    found.span.end(end_time=found.last)


def _end_all(spans: OrderedDict[str, _OpenSpan]) -> None:
    while spans:
        _end(spans.popitem(last=False)[1])
