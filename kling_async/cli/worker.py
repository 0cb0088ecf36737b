"""`kling-async worker`: one of many that run a queue's jobs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.places import place_problem
from kling_async.cli.postgres import address_of, connection_to, postgres_option
from kling_async.cli.running import run
from kling_async.errors import Problem, ValidationError

if TYPE_CHECKING:
    import signal

    from kling_async.events import Event


@click.command(short_help="Runs a queue's jobs, beside other workers.")
@postgres_option
@click.option(
    "--slots",
    type=click.IntRange(min=1),
    required=True,
    help="How many jobs run at once over all workers: the account's limit.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where results are stored, named after the jobs' ids; made if it is missing.",
)
@click.option(
    "--lease",
    type=float,
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="After how long the jobs of a worker that is gone are taken over; 60 or more.",
)
@options.base_url_option
def worker(*, postgres: str, slots: int, output: Path, lease: float, base_url: str | None) -> None:
    """Runs the jobs of a queue until Ctrl-C or SIGTERM; start as many as you like, on as many machines.

    All workers give the same --slots. A worker that is told to stop puts its jobs back at once, and others go on with
    them; one that dies is missed after the lease. Nothing is lost by either, and nothing is paid for twice.

    \b
    kling-async worker --postgres postgresql://kling@db/kling --slots 20 -o videos/
    kling-async worker --postgres embedded --slots 5 -o videos/
    """  # noqa: D301 - click's mark for lines that shall not be joined
    stop = asyncio.Event()

    def drain(number: signal.Signals) -> bool:
        click.echo(f"{number.name}: putting the running jobs back; once more ends at once", err=True)
        stop.set()
        return True

    async def work() -> None:
        async with connection_to(postgres):  # first of all, so that what cannot be used is told of at once
            pass
        from kling_async.client import KlingClient  # noqa: PLC0415 - the help shall not wait for it
        from kling_async.integrations import pgqueuer  # noqa: PLC0415 - an extra
        from kling_async.integrations.job_function import in_folder  # noqa: PLC0415 - as above

        async with KlingClient(base_url=base_url, on_event=_tell) as kling:
            click.echo(f"working with at most {slots} jobs at once, results go to {output}", err=True)
            await pgqueuer.worker(
                address_of(postgres),
                slots=slots,
                store=in_folder(output),
                kling=kling,
                lease=lease,
                stop=stop,
            )
        click.echo("stopped; jobs that ran here are queued again", err=True)

    with reporting():
        output.mkdir(parents=True, exist_ok=True)
        problem = place_problem(output / "result.mp4")
        if problem is not None:
            raise ValidationError([Problem("output", problem)])
        run(work(), drain=drain)


def _tell(event: Event) -> None:
    """A line for each step of a job."""
    from kling_async.events import DownloadDone, JobAccepted, JobEnded  # noqa: PLC0415 - the help shall not wait for it

    if isinstance(event, JobAccepted):
        click.echo(
            f"{'adopted' if event.adopted else 'accepted'} {event.external_task_id} task_id={event.task_id}",
            err=True,
        )
    elif isinstance(event, JobEnded):
        click.echo(
            f"{'succeeded' if event.succeeded else f'ended by {event.error}'} {event.external_task_id}",
            err=True,
        )
    elif isinstance(event, DownloadDone) and event.error is None:
        click.echo(f"stored task_id={event.task_id}", err=True)
