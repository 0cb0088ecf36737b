"""`kling-async models`: the capability map as a table. Sends nothing and needs no keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs
import click

from kling_async.cli import options
from kling_async.cli.output import put, put_json

if TYPE_CHECKING:
    from kling_async.schema.models import MapRow

COLUMNS: Final = ("ENDPOINT", "MODEL", "MODES", "SECONDS", "ENDS", "FEATURES")
"""Heads of the table."""


@click.command(short_help="Shows which model takes what.")
@options.json_option
def models(*, as_json: bool) -> None:
    """Shows the capability map: which model takes which mode, duration and feature on which endpoint.

    A feature without a bracket is supported in every mode and duration. ENDS is the day on which a model is announced to
    end. A model that the map does not know is not refused. With --json a row is a document on a line of its own.

    \b
    kling-async models
    kling-async models --json
    """  # noqa: D301 - click's mark for lines that shall not be joined
    from kling_async.schema.models import MAP_OF, rows  # noqa: PLC0415 - the help shall not wait for it

    if as_json:
        for row in rows():
            put_json({**attrs.asdict(row), "features": dict(row.features), "map_of": MAP_OF.isoformat()})
        return
    for line in _table([COLUMNS, *map(_cells, rows())]):
        put(line)
    click.echo(f"as of {MAP_OF.isoformat()}", err=True)


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cells(row: MapRow) -> tuple[str, ...]:
    features = (
        name if where == "everywhere" else f"{name} ({where})" for name, where in row.features.items()
    )
    return (
        row.endpoint,
        row.model_name,
        " ".join(row.modes) or "-",
        _seconds(row.durations),
        row.retired_on or "-",
        "; ".join(features) or "-",
    )


def _seconds(durations: tuple[str, ...]) -> str:
    """Durations as `5 10`, or as `3-15` if they are one run of three and more."""
    numbers = [int(each) for each in durations]
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]}-{numbers[-1]}"
    return " ".join(durations) or "-"
