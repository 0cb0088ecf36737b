"""What `on_event` costs of the CPU of a batch: without a hook, with one that counts, and with OpenTelemetry's.

300 jobs, 100 in flight, the server in its own process, time scaled, the three in turns. Two batches never cost the same,
and a hook costs less than that difference. So the events of each batch are kept as well, made anew and handed to the hook
again, as the client does: that time, of the CPU of the batch itself, is what counts. It holds the making of the events, for
which a client without a hook pays too.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from benchmarks.contender import IMAGE, PROMPT
from benchmarks.harness import run_scaled, table, verdict
from benchmarks.page_server import server_process
from kling_async import Image2VideoRequest, KlingClient
from kling_async.events import Event, Events, OnEvent
from kling_async.integrations.opentelemetry import OpenTelemetry

JOBS, IN_FLIGHT, SECONDS, SCALE, ROUNDS, REPEAT = 300, 100, 30.0, 20.0, 3, 20


def counting() -> OnEvent:
    """A hook as users write them."""
    counts: Counter[str] = Counter()

    def hook(event: Event) -> None:
        counts[type(event).__name__] += 1

    return hook


def telemetry() -> OnEvent:
    """OpenTelemetry's, with an SDK that exports nowhere."""
    return OpenTelemetry(tracer_provider=TracerProvider(), meter_provider=MeterProvider())


HOOKS: dict[str, Callable[[], OnEvent] | None] = {
    "no hook": None,
    "a hook that counts": counting,
    "OpenTelemetry and its SDK": telemetry,
}


async def batch(url: str, hook: OnEvent | None) -> float:
    """CPU seconds of a batch, and nothing else in this process."""
    requests = (Image2VideoRequest(image=IMAGE, prompt=PROMPT, model_name="kling-v2-6") for _ in range(JOBS))
    async with KlingClient(
        api_key="benchmark", base_url=url, max_in_flight=IN_FLIGHT, on_event=hook
    ) as kling:
        begun = time.process_time()
        for outcome in await kling.image2video.generate_all(requests):
            outcome.unwrap()
        return time.process_time() - begun


def run(hook: OnEvent | None) -> float:
    """CPU seconds of a batch against a server of its own."""
    terms = (f"--scale={SCALE}", f"--seconds={SECONDS}", "--sigma=0.3", "--latency")
    with server_process(*terms) as url:
        return float(run_scaled(batch(url, hook), SCALE))


def replayed(seen: Sequence[Event], hook: OnEvent) -> float:
    """CPU seconds for making a batch's events and handing them to a hook."""
    made = [(type(event), attrs.asdict(event)) for event in seen]
    events = Events(hook)
    begun = time.process_time()
    for _ in range(REPEAT):
        for kind, fields in made:
            events.emit(kind(**fields))
    return (time.process_time() - begun) / REPEAT


def main() -> None:
    cpu: dict[str, list[float]] = {name: [] for name in HOOKS}
    shares: dict[str, list[float]] = {name: [] for name in HOOKS}
    numbers = []
    run(None)  # imports, first connections
    for _ in range(ROUNDS):
        for name, make in HOOKS.items():
            cpu[name].append(run(make() if make else None))
        seen: list[Any] = []
        whole = run(seen.append)
        numbers.append(len(seen) / JOBS)
        for name, make in HOOKS.items():
            shares[name].append(replayed(seen, make() if make else lambda _: None) / whole)
    plain = statistics.median(cpu["no hook"])
    rows = [
        [
            name,
            f"{1000 * statistics.median(cpu[name]) / JOBS:.2f}",
            f"{statistics.median(cpu[name]) / plain:.3f}",
            f"{100 * statistics.median(shares[name]):.2f}",
        ]
        for name in HOOKS
    ]
    header = ["", "CPU ms per job", "of no hook's", "events, % of the CPU"]
    table(f"{JOBS} jobs, {IN_FLIGHT} in flight, {statistics.median(numbers):.1f} events a job", header, rows)
    verdict(
        "events and a hook that counts, of the batch's CPU",
        100 * statistics.median(shares["a hook that counts"]),
        3,
        " %",
    )


if __name__ == "__main__":
    main()
