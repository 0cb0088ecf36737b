"""`kling-async run PATH`: any other endpoint of the family, its fields as they are written in a shell.

Promises: everything that can be checked is checked before anything is sent; a path that answers at once is one POST,
whose answer is printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from kling_async.cli import options, paths
from kling_async.cli.assignments import Assignment, mapping_of, read_assignment
from kling_async.cli.exits import reporting
from kling_async.cli.output import put_json
from kling_async.cli.places import make_folder
from kling_async.cli.running import run as run_work
from kling_async.cli.single import Choices, Single, job_options

ABOUT_TASKS: Final = {
    "no_wait": "--no-wait",
    "timeout": "--timeout",
    "output": "--output",
    "directory": "--directory",
}
"""Options that mean nothing if there is no task."""


def _path(context: click.Context, argument: click.Parameter, path: str) -> str:
    problem = paths.shape_problem(path)
    if problem is not None:
        raise click.BadParameter(problem, context, argument)
    return path


def _assignments(
    context: click.Context, option: click.Parameter, texts: tuple[str, ...]
) -> tuple[Assignment, ...]:
    try:
        return tuple(map(read_assignment, texts))
    except ValueError as error:
        raise click.BadParameter(str(error), context, option) from None


@click.command(short_help="Sends a request to any other endpoint of the family.")
@click.argument("path", metavar="PATH", callback=_path)
@click.option("--field", "-F", "fields", multiple=True, metavar="NAME=VALUE", callback=_assignments, help="A field of the request: NAME=TEXT, NAME:=JSON or NAME=@FILE. Repeatable.")  # fmt: skip
@click.option("--directory", "-d", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Where to write the results if there can be several: named after the task's id, in the current directory by default.")  # fmt: skip
@job_options()
def run(path: str, fields: tuple[Assignment, ...], directory: Path | None, choices: Choices) -> None:
    """Sends a request to PATH, such as /v1/videos/omni-video, waits for the task and fetches its results.

    \b
    --field NAME=TEXT    text, as it is
    --field NAME:=JSON   a number, true, false, a list or an object
    --field NAME=@FILE   a picture or sound; @- is stdin, @@ a text that begins with @

    A URL is a text. A name can lead into lists and objects: image_list.0.image is member image of the first item. The
    service checks the fields; only what holds for all endpoints is checked here. -o names the file of a single result,
    -d the folder for any number. A path that answers at once, such as /v1/audio/tts, prints its answer as JSON.

    \b
    kling-async run /v1/images/generations -F "prompt=a boat at dusk" -F n:=4 -d boats
    kling-async run /v1/videos/multi-image2video -F image_list.0.image=@cat.jpg -F image_list.1.image=@hat.jpg \\
        -F "prompt=the cat wears the hat" -o cat.mp4
    kling-async run /v1/audio/tts -F "text=Good evening" -F voice_id=genshin_vindi2 -F voice_language=en
    """  # noqa: D301 - click's mark for lines that shall not be joined
    try:
        request = mapping_of(fields)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--field' / '-F'") from None
    if paths.is_synchronous(path):
        _refuse_options_of_tasks(path)
        _call(path, request, choices)
        return
    _check_places(request, directory, choices)
    Single(
        path,
        lambda: _checked(path, request),
        path,
        choices,
        external_task_id=_text(request.get("external_task_id")),
        directory=None if choices.output is not None else directory or Path(),
    ).carry_out()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _checked(path: str, fields: Mapping[str, Any]) -> Any:
    """What the endpoint takes: a request if it has a class of its own, else the mapping, which can be one.

    Raises:
        ValidationError: Broken rules.
    """
    from kling_async.schema.mapping import MappingRequest  # noqa: PLC0415 - the help shall not wait for it
    from kling_async.schema.requests import request_of  # noqa: PLC0415 - as above

    request = request_of(path, fields)
    return fields if isinstance(request, MappingRequest) else request


def _check_places(fields: Mapping[str, Any], directory: Path | None, choices: Choices) -> None:
    """Refuses places that could not take the results, before anything is paid for."""
    if choices.output is not None and directory is not None:
        raise click.UsageError("give --output or --directory, not both")
    count = str(fields.get("n", 1))
    if choices.output is not None and count != "1":
        raise click.UsageError(f"--output names one file, but n asks for {count}; name a folder with -d")
    if choices.output is None and not choices.no_wait:
        make_folder(directory or Path())


def _refuse_options_of_tasks(path: str) -> None:
    context = click.get_current_context()
    for name, shown in ABOUT_TASKS.items():
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{path} answers at once and makes no task: {shown} has no meaning here")


def _call(path: str, fields: Mapping[str, Any], choices: Choices) -> None:
    async def work() -> None:
        async with options.opened(f"calling {path}", choices.base_url) as (kling, _):
            put_json(await kling.call(path, fields))

    with reporting(as_json=choices.as_json):
        run_work(work())
