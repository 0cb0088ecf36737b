"""Places for videos, checked before anything is paid for.

Promises: a place that a download could not write to is refused with the option's name; nothing is written here but
folders that an option names.
"""

from __future__ import annotations

from pathlib import Path

import click

from kling_async.cli.wording import line_of
from kling_async.errors import DownloadError


def place_problem(path: Path) -> str | None:
    """What is wrong with a file that a video is to be written to; None if nothing is.

    Args:
        path: The file; it may exist, its folder must.
    """
    from kling_async.jobs.partial import PartialFile  # noqa: PLC0415 - the help shall not wait for it

    try:
        PartialFile(path, "").inspect()
    except FileNotFoundError:
        return f"the folder {path.parent} does not exist"
    except (DownloadError, OSError) as error:
        return line_of(error)
    return None


def check_output(context: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    """An option's callback that refuses a file that cannot be written."""
    problem = None if path is None or context.resilient_parsing else place_problem(path)
    if problem is not None:
        raise click.BadParameter(f"{problem}; nothing was sent.", context, option)
    return path


def check_default_output(path: Path) -> Path:
    """Refuses a default name that is taken, so that nobody's own video is lost, or that cannot be written."""
    if path.exists():
        raise click.UsageError(f"{path} exists already; name the video with -o (-o {path} replaces it)")
    problem = place_problem(path)
    if problem is not None:
        raise click.UsageError(f"{problem}; name a place for the video with -o. Nothing was sent.")
    return path


def make_folder(path: Path) -> None:
    """Makes the folder that `--directory` names, and checks that files can be written there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        problem = place_problem(path / "video.mp4") if not (path / "video.mp4").is_dir() else None
    except OSError as error:
        problem = line_of(error)
    if problem is not None:
        raise click.BadParameter(f"{problem}; nothing was sent.", param_hint="'--directory' / '-d'")
