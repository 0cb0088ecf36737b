"""`kling-async gallery`: a folder of results as a page. Sends nothing and needs no keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kling_async.cli import options
from kling_async.cli.exits import reporting
from kling_async.cli.output import put, put_json, shown

if TYPE_CHECKING:
    from kling_async.gallery import Written


def _plain_name(context: click.Context, option: click.Parameter, name: str) -> str:
    """Checks that the page lies in the folder, since its links are relative."""
    if (
        name in {"", ".", ".."}
        or set(name) & {"/", "\\", "\0"}
        or not name.lower().endswith((".html", ".htm"))
    ):
        raise click.BadParameter(f"{name!r} is not the name of an HTML file in the folder.", context, option)
    return name


@click.command(short_help="Makes a page of a folder of results.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", "-n", default="index.html", show_default=True, metavar="FILE", callback=_plain_name, help="Name of the file in FOLDER.")  # fmt: skip
@click.option("--title", metavar="TEXT", help="The heading; the folder's name by default.")
@click.option("--force", is_flag=True, help="Replace a file of that name even if it is not a gallery.")
@options.json_option
def gallery(folder: Path, name: str, title: str | None, *, force: bool, as_json: bool) -> None:
    """Makes a page of FOLDER's videos and of the sidecars beside them, as batch leaves them.

    The page shows each input picture beside its video, with prompt, model, mode, camera, time taken and the reason of a
    failure, to be searched, filtered and sorted. It is one file that loads nothing from outside FOLDER; input pictures
    that lie elsewhere are copied to FOLDER/pictures. Made again, it replaces itself. Files that could not be shown are
    named on stderr.

    \b
    kling-async gallery videos
    kling-async gallery videos --title "Harbour, second cut" --name harbour.html
    """  # noqa: D301 - click's mark for lines that shall not be joined
    with reporting(as_json=as_json):
        from kling_async.gallery.write import is_foreign, write_gallery  # noqa: PLC0415 - the help shall not wait for it

        if not force and is_foreign(folder / name):
            raise click.UsageError(
                f"{folder / name} is not a gallery; --force replaces it, and --name makes another file."
            )
        click.echo(f"reading {shown(folder)}", err=True)
        written = write_gallery(folder, name=name, title=title, force=force)
        for problem in written.skipped:
            click.echo(f"skipped {shown(problem)}", err=True)
        if as_json:
            put_json(_document(written))
        else:
            click.echo(in_short(written), err=True)
            put(str(written.path))


def in_short(written: Written) -> str:
    """What a page shows, in one line."""
    results = "1 result" if written.results == 1 else f"{written.results} results"
    failed = f", {written.failed} failed" if written.failed else ""
    return f"gallery of {results}{failed}"


def _document(written: Written) -> dict[str, Any]:
    """A page for machines."""
    counts = {"results": written.results, "videos": written.videos, "failed": written.failed}
    skipped = [{"file": problem.path, "reason": problem.message} for problem in written.skipped]
    return {"file": str(written.path), **counts, "skipped": skipped}
