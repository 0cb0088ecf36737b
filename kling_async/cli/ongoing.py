"""A task that may run at the service, and how to go on with it when this process does not.

Promises: from before the create on there is an id that finds the task, and a command that waits for it; pure.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from attrs import define

from kling_async.errors import SubmissionUnknownError, TaskFailedError, TaskNotFoundError, harmless


@define
class Ongoing:
    """One task and what was to become of it."""

    external_task_id: str | None = None
    """The caller's id, chosen before the create."""

    task_id: str | None = None
    """The service's id, once it is known."""

    output: Path | None = None
    """Where the video was to be written."""

    base_url: str | None = None
    """The service, where it was named by an option."""

    sent: bool = False
    """Whether the create may have left."""

    @property
    def may_run(self) -> bool:
        """Whether there may be a task to wait for."""
        return self.sent or self.task_id is not None

    def goes_on_after(self, error: BaseException) -> bool:
        """Whether the task can still bring its video, although the command ended with this error."""
        if self.task_id is None:
            return isinstance(error, SubmissionUnknownError)
        return not isinstance(error, TaskFailedError | TaskNotFoundError)

    @property
    def command(self) -> str:
        """The command that goes on waiting, quoted for this system's shell."""
        words = ["kling-async", "tasks", "wait"]
        if self.base_url is not None:
            words += ["--base-url", self.base_url]
        if self.output is not None:
            words += ["-o", str(self.output)]
        name = self.task_id or self.external_task_id or ""
        words += ["--", name] if name.startswith("-") else [name]
        return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)

    @property
    def shown_ids(self) -> str:
        """Both ids, as far as they are known."""
        known = (("task_id", self.task_id), ("external_task_id", self.external_task_id))
        return " ".join(f"{name}={harmless(value)}" for name, value in known if value is not None)

    @property
    def shown_state(self) -> str:
        """What is known of it."""
        return "may have been created" if self.task_id is None else "goes on at the service"

    def described(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "task_id": self.task_id,
            "external_task_id": self.external_task_id,
            "resume": self.command,
        }
