"""One job of a command, of whichever endpoint: created, waited for and fetched, each step seen on the display.

Promises: what can be checked is checked before anything is paid for; the ids are known from the first moment on, so that
an interrupted command names the one that goes on; the last lines of stdout are the files.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from attrs import field, frozen

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.following import Following
from kling_async.cli.ongoing import Ongoing, State
from kling_async.cli.places import check_default_output
from kling_async.cli.running import run
from kling_async.cli.steps import IMAGE2VIDEO, endpoint_of, generate, put_result, submit

Command = TypeVar("Command", bound=Callable[..., Any])


@frozen(kw_only=True)
class Choices:
    """What the options of every command that creates one task say."""

    output: Path | None
    """The file for the result; None: not named."""

    no_wait: bool
    """Whether the task is only created."""

    timeout: float | None
    """Seconds to wait for the task; None: without limit."""

    capabilities: str = "error"
    """What to do about a request that the capability map does not allow."""

    base_url: str | None
    """The service; None: the environment's."""

    as_json: bool
    """Whether stdout is JSON."""


def job_options(*, judged: bool = True) -> Callable[[Command], Command]:
    """Gives a command the options of a job; their values arrive as the keyword `choices`.

    Args:
        judged: Whether the capability map knows the endpoint.
    """
    given = _OPTIONS if judged else {name: each for name, each in _OPTIONS.items() if name != "capabilities"}

    def decorated(command: Command) -> Command:
        @functools.wraps(command)
        def collected(*words: Any, **others: Any) -> Any:
            chosen = Choices(**{name: others.pop(name) for name in given})
            return command(*words, choices=chosen, **others)

        made: Any = collected
        for option in reversed(given.values()):
            made = option(made)
        return made  # type: ignore[no-any-return] # the same signature but for the options

    return decorated


_OPTIONS: Final = {
    "output": options.output_option,
    "no_wait": click.option("--no-wait", is_flag=True, help="Only create the task, and print its id."),
    "timeout": options.timeout_option,
    "capabilities": options.capabilities_option,
    "base_url": options.base_url_option,
    "as_json": options.json_option,
}


@frozen
class Single:
    """One job of a command."""

    path: str
    """The endpoint's path."""

    request: Callable[[], Any]
    """Builds the request; raises `ValidationError`."""

    what: str
    """What is submitted, for the first line."""

    choices: Choices
    """The command's options."""

    external_task_id: str | None = None
    """The job's own id, if the user has given one."""

    directory: Path | None = None
    """The folder for the results, if they are to get names of their own; else they go to one file."""

    default: Path = field(factory=lambda: Path("video.mp4"))
    """The file for the result if neither a file nor a folder is named."""

    def carry_out(self) -> None:
        """Creates the task and, unless it shall not be waited for, fetches its results.

        Ends the process with an exit code if it fails; `--help` lists the codes.
        """
        chosen = self.choices
        output = chosen.output
        if output is None and self.directory is None and not chosen.no_wait:
            check_default_output(self.default)
        if self.directory is None:
            output = output or self.default
        following = Following(chosen.base_url)
        job = following.add(self._ongoing(output))
        with reporting(following, as_json=chosen.as_json):
            run(self._work(following, job))

    def _ongoing(self, output: Path | None) -> Ongoing:
        return Ongoing(
            self.external_task_id,
            output=output,
            base_url=self.choices.base_url,
            endpoint=None if self.path == IMAGE2VIDEO else self.path,
            directory=self.directory if output is None else None,
        )

    async def _work(self, following: Following, job: Ongoing) -> None:
        chosen, request = self.choices, self.request()
        client = {"capabilities": chosen.capabilities, "on_event": following.see}
        async with options.opened(f"submitting {self.what}".rstrip(), chosen.base_url, **client) as (
            kling,
            screen,
        ):
            following.begin(job)
            endpoint = endpoint_of(kling, self.path)
            if chosen.no_wait:
                task, files = await submit(endpoint, request, screen), None
            else:
                task, files = await generate(kling, endpoint, request, job, screen, chosen.timeout)
        put_result(task, files, as_json=chosen.as_json)
        job.state = State.OVER
