"""The running command as a command line, so that it can be given again."""

from __future__ import annotations

import click
from click.core import ParameterSource

from kling_async.cli.ongoing import quoted


def same_command() -> str:
    """The running command with the options that were given, quoted for this system's shell."""
    context = click.get_current_context()
    words, arguments = ["kling-async", context.info_name or ""], []
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        if isinstance(parameter, click.Argument):
            arguments.append(str(value))
        elif isinstance(parameter, click.Option) and parameter.is_flag:
            words.append(parameter.opts[0])
        else:  # None is a timeout's infinity
            words += [parameter.opts[0], "inf" if value is None else str(value)]
    return quoted(
        [*words, *(["--"] if any(_is_like_an_option(each) for each in arguments) else []), *arguments]
    )


def _is_like_an_option(argument: str) -> bool:
    return argument.startswith("-") and argument != "-"
