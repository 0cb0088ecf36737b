"""Every command of README.md, docs/ and CONTRIBUTING.md exists, with its options; none is run."""

import pytest
from docs.doc_blocks import ROOT, documents
from docs.doc_commands import commands, problem, split

FENCE = "```"
PATHS = [*documents(), ROOT / "CONTRIBUTING.md"]
COMMANDS = [(path, line, words) for path in PATHS for line, words in commands(path)]


BY_LINE = {}
for path, line, words in COMMANDS:
    BY_LINE.setdefault(f"{path.name}:{line}", []).append(words)


@pytest.mark.parametrize("place", BY_LINE)
def test_a_line_of_commands_exists(place):
    """The command line, the Makefile, modules, test files and extras have what the text tells readers to use."""
    assert [] == [(words, wrong) for words in BY_LINE[place] if (wrong := problem(words)) is not None]


def test_readme_shows_the_command_line():
    """The reader of commands finds those of the README."""
    assert "kling-async" in {words[0] for path, _, words in COMMANDS if path.name == "README.md"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("kling-async imagine", "No such command 'imagine'"),
        ("kling-async tasks fetch x", "No such command 'fetch'"),
        ("kling-async i2v photo.jpg --colour red", "No such option"),
        ("kling-async i2v photo.jpg --capabilities maybe", "'maybe' is not one of"),
        ("kling-async i2v photo.jpg --prompt", "requires an argument"),
        ("kling-async jobs a b", "too many|[Uu]nexpected"),
        ("make tea", "no target tea"),
        ("python -m benchmarks.nosuch", "nosuch.py does not exist"),
        (".venv/bin/python -m pytest tests/nosuch.py -q", "nosuch.py does not exist"),
        ('pip install "kling-async[colour]"', "no extra colour"),
    ],
)
def test_a_wrong_command_is_found(line, why):
    """Unknown commands, options, choices, targets, files and extras each have their sentence."""
    (words,) = split(line)
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(problem(words))


@pytest.mark.parametrize(
    "line",
    [
        "kling-async --help",
        "kling-async i2v photo.jpg --prompt 'a cat' --output a.mp4",
        "make test VENV=.venv-other",
        "pip install kling-async",
        "python -m pytest tests/docs",
        "export KLING_ACCESS_KEY=…",
    ],
)
def test_a_right_command_is_left_alone(line):
    """The judge has nothing to say about what works."""
    assert [None] == [problem(words) for words in split(line)]


def test_lines_are_split_as_a_shell_does(tmp_path):
    """Prompts, output, comments, variables, pipes and continued lines, each with the document's line."""
    path = tmp_path / "sample.md"
    text = (
        "~~~console\n$ KLING_API_KEY=x kling-async check && make demo  # free\nok\n"
        "$ kling-async i2v a.jpg \\\n    --prompt 'b c'\n$ make test | cat\n~~~\nRun `make proof`.\n"
    )
    path.write_text(text.replace("~~~", FENCE), encoding="utf-8")
    assert [
        (2, ["kling-async", "check"]),
        (2, ["make", "demo"]),
        (4, ["kling-async", "i2v", "a.jpg", "--prompt", "b c"]),
        (6, ["make", "test"]),
        (6, ["cat"]),
        (8, ["make", "proof"]),
    ] == commands(path)
