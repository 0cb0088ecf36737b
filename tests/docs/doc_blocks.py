"""Reads the code blocks of README.md and docs/ (sybil's lexers), and the hidden blocks around them.

A block of Python stands for itself: it runs, and is judged by type checkers, together with its hidden blocks and with
nothing else. What it needs stands before it, what shows that it worked may stand after it:

    <!-- invisible-code-block: python
    from kling_async import KlingClient
    -->

    ```python
    …
    ```

    <!-- invisible-code-check: python
    assert Path("cat.mp4").exists()
    -->

A hidden `__name__ = "imported"` before it keeps what stands under `if __name__ == "__main__":`, a server say, from running.
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
_HIDDEN = DirectiveInHTMLCommentLexer(directive="invisible-code-(?:block|check)", arguments=r"\w+")


@attrs.frozen
class Block:
    """A code block of a document."""

    path: Path
    line: int
    """Line of the opening fence, from 1 on."""

    language: str
    visible: str
    """The block's text alone."""

    setup: str
    """The hidden set-up; as in `script` and `check`, each line stands at its own line of the document."""

    script: str
    """The hidden set-up and the block's text."""

    check: str
    """The hidden check after the block."""

    @property
    def source(self) -> str:
        """All of it, for type checkers."""
        return _joined(self.script, self.check)

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}"


def documents() -> list[Path]:
    """README.md and the Markdown files below docs/."""
    return [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


def read_blocks(path: Path) -> list[Block]:
    """The visible code blocks of a document, in its order.

    Raises:
        ValueError: hidden code to which no block belongs.
    """
    document = Document(path.read_text(encoding="utf-8"), str(path))
    lexers = LexerCollection([_FENCES, _HIDDEN])
    found: list[Block] = []
    setup = ""
    for region in sorted(lexers(document), key=lambda region: region.start):
        source = _placed(document, region)
        hidden = region.lexemes.get("directive")
        if hidden == "invisible-code-block":
            setup = _joined(setup, source)
        elif hidden is None:
            found.append(_block(document, region, setup))
            setup = "" if found[-1].language in {PYTHON, SESSION} else setup
        elif found and found[-1].language in {PYTHON, SESSION} and not setup:
            found[-1] = attrs.evolve(found[-1], check=_joined(found[-1].check, source))
        else:
            raise ValueError(
                f"{path.name}:{_line(document, region.start)}: no Python before this hidden check"
            )
    if setup:
        raise ValueError(f"{path.name}: no Python after the hidden set-up in line {len(setup.splitlines())}")
    return found


def _block(document: Document, region: Region, setup: str) -> Block:
    """The block of a fence; set-up is for Python alone."""
    language = region.lexemes["language"].strip()
    setup = setup if language in {PYTHON, SESSION} else ""
    return Block(
        path=Path(document.path),
        line=_line(document, region.start),
        language=language,
        visible=str(region.lexemes["source"]),
        setup=setup,
        script=_joined(setup, _placed(document, region)),
        check="",
    )


def _line(document: Document, position: int) -> int:
    return document.text.count("\n", 0, position) + 1


def _placed(document: Document, region: Region) -> str:
    """A region's source, behind as many empty lines as there are before it in the document."""
    source = region.lexemes["source"]
    return "\n" * (_line(document, region.start + source.offset) - 1) + source


def _joined(above: str, below: str) -> str:
    """Two placed sources as one; the second keeps its lines."""
    return above + below[above.count("\n") :]
