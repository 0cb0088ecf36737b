"""The running command as a command line, so that it can be given again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import click
from typing_extensions import override

from kling_async.cli.ongoing import quoted

_GIVEN: Final = "kling_async.given"


class Repeatable(click.Command):
    """A command that remembers the words that it was given; use it as `cls` of a command that calls `same_command`."""

    @override
    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        given = list(args)  # the parser takes words out of `args`
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[_GIVEN] = given
        return context


def same_command(*, without: Collection[str] = (), also: Collection[str] = ()) -> str:
    """The running command as it was given, quoted for this system's shell.

    Args:
        without: Options without a value that are left out.
        also: Options that are added.
    """
    context = click.get_current_context()
    given: list[str] = context.meta[_GIVEN]
    kept = [word for word in given if word not in without]
    return quoted(["kling-async", context.info_name or "", *also, *kept])
