"""`kling-async enqueue`: pictures or a manifest into a queue, for workers to run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.fields import IMAGE2VIDEO, options_of
from kling_async.cli.output import put, put_json
from kling_async.cli.postgres import connection_to, postgres_option
from kling_async.cli.running import run

if TYPE_CHECKING:
    from kling_async.integrations.pgqueuer import Enqueued
    from kling_async.schema.image2video import Image2VideoRequest


@click.command(short_help="Queues a job for each picture or row of a manifest.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path(exists=True, allow_dash=True))  # fmt: skip
@options_of(IMAGE2VIDEO)
@postgres_option
@options.capabilities_option
@options.json_option
def enqueue(
    sources: tuple[str, ...], *, postgres: str, capabilities: str, as_json: bool, **fields: Any
) -> None:
    """Queues a job for each row of SOURCE: folders of pictures, manifests, or - for a manifest on stdin.

    Rows are read and checked as batch does it, and needs no keys. A row without an external_task_id gets one that is made of
    what it asks for, so that the same manifest can be queued again: what is queued or running stays one job, and what is
    done already is found by its id and not paid for again. Pictures travel as URLs or as paths that the workers can read.

    \b
    kling-async enqueue shots.csv --postgres postgresql://kling@db/kling --model-name kling-v2-6
    """  # noqa: D301 - click's mark for lines that shall not be joined

    async def work() -> None:
        requests = await _requests(sources, fields, capabilities)
        async with connection_to(postgres) as connection:
            from kling_async.integrations import pgqueuer  # noqa: PLC0415 - an extra

            done = await pgqueuer.enqueue(connection, requests, account=_account())
        _put(done, as_json=as_json)

    with reporting(as_json=as_json):
        run(work())


async def _requests(
    sources: tuple[str, ...], fields: dict[str, Any], capabilities: str
) -> list[Image2VideoRequest]:
    """The rows' requests under ids that stay the same.

    Raises:
        ValidationError: Rows that cannot be used; nothing was queued.
    """
    from kling_async.cli import preparing, rows  # noqa: PLC0415 - the help shall not wait for it
    from kling_async.jobs import request_record  # noqa: PLC0415 - as above

    found, notes = preparing.read_rows(sources, rows.defaults_of(fields))
    for note in notes:
        click.echo(note, err=True)
    unsupported, doubts = await preparing.check_rows(found, capabilities)
    for warning in [*unsupported, *doubts]:
        click.echo(f"warning: row {warning.row}, {warning.field}: {warning.message}", err=True)
    requests, seen = [], dict[str, int]()
    for row in found:
        request = row.request
        if request is None:
            raise RuntimeError("a row that was checked has a request")
        if request.external_task_id is None:
            asked = request_record.fingerprint(await request_record.record(request))[:40]
            seen[asked] = seen.get(asked, 0) + 1
            number = "" if seen[asked] == 1 else f"-{seen[asked]}"
            request = request.with_external_task_id(f"kling-{asked}{number}")
        requests.append(_absolute(request))
    return requests


def _absolute(request: Image2VideoRequest) -> Image2VideoRequest:
    """The request, its pictures' paths as other processes can read them."""
    from kling_async.schema.images import ImageFile  # noqa: PLC0415 - the help shall not wait for it

    def moved(picture: Any) -> Any:
        return ImageFile(picture.path.absolute()) if isinstance(picture, ImageFile) else picture

    masks = request.dynamic_masks and [evolve(each, mask=moved(each.mask)) for each in request.dynamic_masks]
    names = ("image", "image_tail", "static_mask")
    return evolve(request, dynamic_masks=masks, **{name: moved(getattr(request, name)) for name in names})


def _account() -> str | None:
    """Whose jobs they are to be, if the environment tells."""
    from kling_async.session.auth import account_digest  # noqa: PLC0415 - the help shall not wait for it

    key = os.environ.get("KLING_ACCESS_KEY") or os.environ.get("KLING_API_KEY")
    return account_digest(key) if key else None


def _put(done: list[Enqueued], *, as_json: bool) -> None:
    if as_json:
        put_json(
            {
                "jobs": [
                    {"external_task_id": each.key, "row": each.row, "queued": each.row is not None}
                    for each in done
                ]
            }
        )
        return
    for each in done:
        put(f"{each.key}\t{'queued' if each.row is not None else 'was queued already'}")
    new = sum(each.row is not None for each in done)
    click.echo(f"queued {new} of {len(done)} jobs; run them with: kling-async worker", err=True)
