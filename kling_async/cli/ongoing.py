"""One job of a command: what is known of it, and how to go on with it when this process does not.

Promises: nothing is said to be unsent that may have been sent; pure.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import define

from kling_async.errors import SubmissionUnknownError, TaskFailedError, TaskNotFoundError, harmless


class State(StrEnum):
    """What is known of a job; the text is what an interrupted command says."""

    NEVER_SENT = "was never sent"
    """Nothing left this machine."""

    MAY_EXIST = "may have been created"
    """A create has left, or may have; its external id finds the task if there is one."""

    GOES_ON = "goes on at the service"
    """There is a task, which has not ended as far as is known."""

    READY = "has succeeded, and its result is not on the disk yet"
    """The task has a result."""

    OVER = "has ended"
    """Its outcome was reported, or there is nothing to go on with."""


@define(eq=False)
class Ongoing:
    """One job of a command."""

    external_task_id: str | None = None
    """The job's own id; None until the job begins."""

    task_id: str | None = None
    """The service's id, once it is known."""

    output: Path | None = None
    """Where the video is to be written."""

    base_url: str | None = None
    """The service, if an option names it."""

    entry: int | None = None
    """The number of its entry in a manifest; the first is 1."""

    endpoint: str | None = None
    """The path of the endpoint, if it is not image2video."""

    directory: Path | None = None
    """Where the results are to be written if there can be several."""

    state: State = State.NEVER_SENT
    """What is known of it."""

    @property
    def is_left(self) -> bool:
        """Whether there is, or may be, a task to go on with."""
        return self.state not in {State.NEVER_SENT, State.OVER}

    def goes_on_after(self, error: BaseException) -> bool:
        """Whether the task can still bring its video, although the command ended with this error."""
        if self.task_id is None:
            return isinstance(error, SubmissionUnknownError)
        return not isinstance(error, TaskFailedError | TaskNotFoundError)

    @property
    def command(self) -> str:
        """The command that goes on waiting, or shows whether the task exists, quoted for this system's shell."""
        nameless = self.task_id is None and self.endpoint is not None and not _takes_ids(self.endpoint)
        words = ["kling-async", "tasks", "list" if nameless else "wait"]
        if self.endpoint is not None:
            words += ["--endpoint", self.endpoint]
        if self.base_url is not None:
            words += ["--base-url", self.base_url]
        if nameless:  # no id finds such a task
            return quoted(words)
        if self.output is not None:
            words += ["-o", str(self.output)]
        elif self.directory is not None:
            words += ["-d", str(self.directory)]
        name = self.task_id or self.external_task_id or ""
        return quoted([*words, *(["--", name] if name.startswith("-") else [name])])

    @property
    def shown_ids(self) -> str:
        """Both ids, as far as they are known."""
        known = (("task_id", self.task_id), ("external_task_id", self.external_task_id))
        return " ".join(f"{name}={harmless(value)}" for name, value in known if value is not None)

    def described(self) -> dict[str, Any]:
        """The ids and the command for machines."""
        return {
            "task_id": self.task_id,
            "external_task_id": self.external_task_id,
            "resume": self.command,
        }


def _takes_ids(endpoint: str) -> bool:
    from kling_async.schema.family import takes_external_id  # noqa: PLC0415 - the help shall not wait for it

    return takes_external_id(endpoint)


def quoted(words: Iterable[str]) -> str:
    """A command line, quoted for this system's shell."""
    return subprocess.list2cmdline(list(words)) if os.name == "nt" else shlex.join(words)


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in ascending order for people: `1, 3-5, 9`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)
