"""One job as people see it: what its page shows, and a watch for each browser that is open."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol


class WatchedJob(Protocol):
    """A job, whoever runs it."""

    def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Yields what the page shows, now and after each change, until the job ends or the app closes."""
        ...


class AnyJobs(Protocol):
    """The jobs of an app, whoever runs them."""

    async def is_full(self) -> bool:
        """Whether so many jobs are open that no more should be taken."""
        ...

    async def start(
        self, job_id: str, picture: bytes, *, prompt: str, model_name: str, duration: str
    ) -> None:
        """Starts a job, once."""
        ...

    def find(self, job_id: str) -> WatchedJob | None:
        """A job by its id, None if there is none."""
        ...

    def video(self, job_id: str) -> Path | None:
        """The file of a job's video, None if there is none."""
        ...

    def hang_up(self) -> None:
        """Ends every watch, and no job."""
        ...


@dataclass
class Record:
    """What is kept of a job; in your app, a row of its database."""

    prompt: str
    model_name: str
    duration: str
    began: float
    state: str = "waiting"  # then submitted, processing, saving, and at last done or failed
    message: str = ""


@dataclass
class Job:
    """A job as long as it runs or somebody watches it."""

    record: Record
    accepted: asyncio.Event = field(default_factory=asyncio.Event)
    closing: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, state: str, message: str = "") -> None:
        """Tells everybody who watches."""
        self.record.state, self.record.message = state, message
        self.accepted.set()
        self._wake()

    def hang_up(self) -> None:
        """Ends every watch, and not the job."""
        self.closing = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Yields what the page shows, now and after each change, until the job ends or the app closes."""
        while True:
            changed, state = self._changed, self.record.state
            yield {**asdict(self.record), "seconds": time.time() - self.record.began}
            if state in {"done", "failed"}:
                return
            if not self.closing:
                await changed.wait()
            if self.closing:
                return
