"""Reads the code blocks of README.md and docs/ (sybil's lexers), and the hidden set-up before them.

A block of Python stands for itself: it runs, and is judged by type checkers, together with the hidden blocks between it
and the block before, and with nothing else. Hidden blocks look like this in Markdown:

    <!-- invisible-code-block: python
    from kling_async import KlingClient
    -->
"""

import re
from pathlib import Path

import attrs
from sybil import Document, Region
from sybil.parsers.abstract.lexers import LexerCollection
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, RawFencedCodeBlockLexer

ROOT = Path(__file__).parents[2]
PYTHON = "python"
SESSION = "pycon"
SHELLS = frozenset({"console", "sh"})
SHOWN = frozenset({"csv", "html", "ini", "json", "mermaid", "text", "toml", "yaml"})
"""Languages of blocks that are only shown. Any other word on a fence is refused, so that no block goes untested."""

_FENCES = RawFencedCodeBlockLexer(
    info_pattern=re.compile(r"(?P<language>[^\n]*)\n"),
    mapping={"language": "language", "source": "source"},
)
_HIDDEN = DirectiveInHTMLCommentLexer(directive="invisible-code-block", arguments=r"\w+")


@attrs.frozen
class Block:
    """A code block of a document."""

    path: Path
    line: int
    """Line of the opening fence, from 1 on."""

    language: str
    setup: str
    """The hidden set-up, each line at its own line of the document."""

    source: str
    """The hidden set-up and the block's text, each line at its own line of the document."""

    visible: str
    """The block's text alone."""

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}"


def documents() -> list[Path]:
    """README.md and the Markdown files below docs/."""
    return [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


def read_blocks(path: Path) -> list[Block]:
    """The visible code blocks of a document, in its order.

    Raises:
        ValueError: hidden set-up that no block of Python follows.
    """
    document = Document(path.read_text(encoding="utf-8"), str(path))
    lexers = LexerCollection([_FENCES, _HIDDEN])
    found, waiting = [], []
    for region in sorted(lexers(document), key=lambda region: region.start):
        if "directive" in region.lexemes:
            waiting.append(region)
            continue
        language, hidden = region.lexemes["language"].strip(), []
        if language in {PYTHON, SESSION}:
            hidden, waiting = waiting, []
        found.append(
            Block(
                path,
                _line(document, region.start),
                language,
                setup=_placed(document, hidden),
                source=_placed(document, [*hidden, region]),
                visible=str(region.lexemes["source"]),
            )
        )
    if waiting:
        raise ValueError(
            f"{path.name}:{_line(document, waiting[0].start)}: no Python follows this hidden block"
        )
    return found


def _line(document: Document, position: int) -> int:
    return document.text.count("\n", 0, position) + 1


def _placed(document: Document, regions: list[Region]) -> str:
    """The regions' sources below one another, each at the line where the document has it."""
    text = ""
    for region in regions:
        source = region.lexemes["source"]
        first = _line(document, region.start + source.offset)
        text += "\n" * (first - 1 - text.count("\n")) + source
    return text
