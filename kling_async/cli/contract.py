"""`kling-async check --contract` and `--spend`: what is assumed of the service, compared with what it does.

Promises: `--contract` makes free calls alone; `--spend` names the price and asks before it creates anything. What was
found out is printed even if the check ends too early.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from attrs import frozen

from kling_async.cli import options
from kling_async.cli.exits import OTHER, reporting
from kling_async.cli.following import Following
from kling_async.cli.ongoing import Ongoing, State
from kling_async.cli.output import put, put_json
from kling_async.cli.progress import Display, display
from kling_async.cli.running import run
from kling_async.errors import AccountError, APIError, AuthenticationError, KlingError, PermissionDeniedError

if TYPE_CHECKING:
    from kling_async.client import KlingClient
    from kling_async.probing.caller import Caller
    from kling_async.probing.free import Asked
    from kling_async.probing.paid import Job
    from kling_async.probing.report import Judged

PHOTO: Final = Path(__file__).with_name("demo.jpg")
MODEL: Final = "kling-v2-5-turbo"
"""The cheapest model that is not announced to end."""

PRICE: Final = "about 0.21 USD by the list price of November 2026"
"""Of a 5-second video of `MODEL` in mode std."""

KEYS: Final = ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY")


@frozen
class Check:
    """What a check is to do."""

    spend: bool
    """Whether a job is carried out."""

    model_name: str
    """Its model."""

    callback_url: str | None
    """Address by which the service reaches `callback_port`; None: callbacks are not looked at."""

    callback_port: int
    """The port to listen on."""

    timeout: float | None
    """Seconds to wait for the job; None: without limit."""

    base_url: str | None
    """The service; None: the environment's."""

    as_json: bool
    """Whether stdout is the report."""

    def carry_out(self) -> None:
        """Checks, prints and ends the process: code 0 if nothing is different."""
        following = Following(self.base_url)
        with reporting(following, as_json=self.as_json):
            judged, error, loud = run(self._work(following))
            for text in loud:
                click.echo(text, err=True)
            if error is not None:
                raise error if isinstance(error, KlingError) else KlingError(str(error))
        from kling_async.probing import report  # noqa: PLC0415 - the help shall not wait for it
        from kling_async.probing.verdict import State as Verdict  # noqa: PLC0415 - as above

        click.echo(report.summary(judged), err=True)
        if loud or any(verdict.state is Verdict.DIFFERENT for _, verdict in judged):
            sys.exit(OTHER.code)

    async def _work(self, following: Following) -> tuple[list[Judged], Exception | None, list[str]]:
        """Returns the verdicts, what ended the check too early, and what must be said loudly."""
        from kling_async.probing import report  # noqa: PLC0415 - as above
        from kling_async.probing.free import AcceptedError, Asked, ask_for_nothing  # noqa: PLC0415 - as above

        asked, job = Asked(), None
        error: Exception | None = None
        async with options.opened("checking what is assumed of the service", self.base_url) as (kling, _):
            await _keys_work(kling)
        with display() as screen:
            async with _caller(self.base_url) as caller:
                try:
                    await ask_for_nothing(caller, asked, _steps(screen))
                    if self.spend and asked.unclear is None:
                        job = await self._spend(caller, following, _steps(screen))
                except _EndedError as ended:
                    job, error = ended.job, ended.error
                except (AcceptedError, KlingError) as failure:
                    error = failure
                host = caller.transport.base_url.host
        judged = report.judge(asked, job, paid=self.spend)
        if self.as_json:
            put_json(report.document(judged, host, asked, job, error))
        else:
            put("\n".join(report.line_of(*each) for each in judged))
        return judged, error, _loud(asked, job)

    async def _spend(self, caller: Caller, following: Following, show: Callable[[str], None]) -> Job:
        from kling_async.probing.listener import CallbackListener  # noqa: PLC0415 - as above
        from kling_async.probing.paid import Job, carry_out  # noqa: PLC0415 - as above
        from kling_async.schema.image2video import Image2VideoRequest  # noqa: PLC0415 - as above
        from kling_async.session.submit import new_external_id  # noqa: PLC0415 - as above
        from kling_async.session.upload import prepare  # noqa: PLC0415 - as above

        job = Job(new_external_id())
        ongoing = following.add(Ongoing(job.external_task_id, base_url=self.base_url))

        def say(text: str) -> None:
            ongoing.task_id = job.task_id
            ongoing.state = State.MAY_EXIST if job.task_id is None else State.GOES_ON
            show(text)

        async with AsyncExitStack() as stack:
            listener = None
            if self.callback_url is not None:
                listener = await stack.enter_async_context(
                    CallbackListener(self.callback_url, self.callback_port)
                )
            request = Image2VideoRequest(
                image=PHOTO,
                prompt="the camera comes closer",
                model_name=self.model_name,
                mode="std",
                duration=5,
                external_task_id=job.external_task_id,
                callback_url=None if listener is None else listener.url,
            )
            upload = await prepare(request)
            try:
                await carry_out(caller, upload, job, listener, say, self.timeout)
            except KlingError as error:
                raise _EndedError(job, error) from error
        ongoing.state = State.OVER
        return job


class _EndedError(Exception):
    """A job did not come to its end.

    Args:
        job: What it showed until then.
        error: Why.
    """

    def __init__(self, job: Job, error: KlingError) -> None:
        super().__init__(str(error))
        self.job = job
        self.error = error


def _steps(screen: Display) -> Callable[[str], None]:
    """Shows each step: as a row on a terminal, as a line on a pipe."""
    row = screen.row("")

    def show(text: str) -> None:
        row.say(text)
        screen.note(text)

    return show


def confirm(model_name: str) -> None:
    """Names the price and asks; ends the process if the answer is no."""
    price = PRICE if model_name == MODEL else "at the service's price for it"
    click.confirm(
        f"This creates one video of 5 seconds with {model_name} in mode std, {price}; "
        "a second one if the service does not refuse a repeated id, which is one of the things to be seen. Go on?",
        abort=True,
        err=True,
    )


async def _keys_work(kling: KlingClient) -> None:
    """Ends the check early if keys or account do not work; whatever else comes is what is to be compared."""
    try:
        await kling.check_credentials()
    except (AuthenticationError, AccountError, PermissionDeniedError):
        raise
    except APIError:
        return


@asynccontextmanager
async def _caller(base_url: str | None) -> AsyncIterator[Caller]:
    from kling_async.client import DEFAULT_BASE_URL  # noqa: PLC0415 - as above
    from kling_async.probing.caller import Caller  # noqa: PLC0415 - as above
    from kling_async.session.addresses import check_url  # noqa: PLC0415 - as above
    from kling_async.session.auth import choose_signer  # noqa: PLC0415 - as above
    from kling_async.session.http import Transport  # noqa: PLC0415 - as above

    url = base_url or os.environ.get("KLING_BASE_URL") or DEFAULT_BASE_URL
    transport = Transport(check_url("base_url (KLING_BASE_URL)", url))
    hidden = [os.environ[name] for name in KEYS if os.environ.get(name)]
    try:
        yield Caller(
            transport,
            lambda clock: choose_signer(None, None, None, os.environ, clock)[0],
            time.time,
            hidden,
        )
    finally:
        await transport.aclose()


def _loud(asked: Asked, job: Job | None) -> list[str]:
    """What nobody may miss."""
    said = []
    if asked.unclear is not None:
        said.append(
            f"ATTENTION: it is not clear whether a request without any picture was refused ({asked.unclear}); nothing "
            "more was sent. See whether it made a task: kling-async tasks list"
        )
    if job is not None and job.second_task_id is not None:
        said.append(
            f"ATTENTION: the service made a second task under one external_task_id: {job.second_task_id}; both cost "
            "money. This library relies on its being refused"
        )
    return said
