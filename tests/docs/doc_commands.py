"""Reads the commands of README.md and docs/, and says what is wrong with one; runs none."""

import re
import shlex
import tomllib

import click
from docs.doc_blocks import ROOT, SHELLS, read_blocks

from kling_async.cli.group import cli

INLINE = re.compile(r"`((?:kling-async|make|(?:\S*/)?python -m|pip install) [^`\n]+)`")
ENDS = frozenset({"&&", "||", "|", ";", "&"})
ASSIGNMENT = re.compile(r"\w+=.*")


def commands(path):
    """Each command of a document's shell blocks and of its inline code, as (line, words)."""
    found = []
    for block in read_blocks(path):
        if block.language in SHELLS:
            found += [(line, words) for line, text in shell_lines(block) for words in split(text)]
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        found += [(number, split(inline)[0]) for inline in INLINE.findall(text)]
    return found


def shell_lines(block):
    """The lines that are typed, with what a backslash continues, and the document's line of each."""
    text = block.visible.replace("\\\n", "\\\0")  # keeps one line of the text for each command
    number = block.line
    for line in text.splitlines():
        number += 1
        typed = line.replace("\\\0", " ")
        if block.language == "console":
            typed = typed.removeprefix("$ ") if typed.startswith("$ ") else ""  # the rest is what is printed
        if typed.strip() and not typed.lstrip().startswith("#"):
            yield number, typed
        number += line.count("\0")


def split(text):
    """The commands of a line, each as its words, without variables that are set before it and without redirections."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    found = [[]]
    for word in lexer:
        if word in ENDS:
            found.append([])
        elif found[-1] or not ASSIGNMENT.fullmatch(word):
            found[-1].append(word)
    return [words for words in found if words]


def problem(words):
    """What is wrong with a command, or None; commands of other programs are not judged."""
    if words[0] == "kling-async":
        return command_line_problem(words[1:])
    if words[0] == "make":
        return make_problem(words[1:])
    if words[0].endswith("python") and words[1:2] == ["-m"]:
        return module_problem(words[2:])
    if words[:2] == ["pip", "install"]:
        return extras_problem(words[2:])
    return None


def command_line_problem(words):
    """Asks click: the commands, their options, and the choices of these."""
    command, context = cli, click.Context(cli, info_name="kling-async")
    try:
        while isinstance(command, click.Group):
            _, words, _ = command.make_parser(context).parse_args(args=list(words))
            if not words:
                return None
            name, command, words = command.resolve_command(context, words)
            context = click.Context(command, info_name=name, parent=context)
        values, rest, order = command.make_parser(context).parse_args(args=list(words))
        for parameter in order:
            if isinstance(parameter.type, click.Choice) and parameter.name in values:
                parameter.type_cast_value(context, values[parameter.name])
    except click.UsageError as error:
        return error.format_message()
    return f"too many arguments: {rest}" if rest else None


def make_problem(words):
    """The targets are those of the Makefile; variables may be set."""
    targets = set(
        re.findall(r"^([\w-]+):", ROOT.joinpath("Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    unknown = [word for word in words if not ASSIGNMENT.fullmatch(word) and word not in targets]
    return f"the Makefile has no target {unknown[0]}" if unknown else None


def module_problem(words):
    """A module of this repository is there, and so is each test file that pytest is to run."""
    module, *rest = words
    wanted = [word.split("::")[0] for word in rest if word.startswith("tests/")]
    if module.split(".")[0] in {"benchmarks", "examples", "kling_async", "tests"}:
        wanted.append(module.replace(".", "/") + ".py")
    missing = [name for name in wanted if not (ROOT / name).exists()]
    return f"{missing[0]} does not exist" if missing else None


def extras_problem(words):
    """The extras of this package are those of pyproject.toml."""
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"(?:kling-async|\.)\[([\w,-]+)\]", " ".join(words))
    unknown = {extra for names in named for extra in names.split(",")} - set(project["optional-dependencies"])
    return f"there is no extra {', '.join(sorted(unknown))}" if unknown else None
