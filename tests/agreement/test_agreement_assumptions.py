"""The table of assumptions: its sentences, where they are used, and that the docs show the same table."""

import re
from pathlib import Path

import pytest

import kling_async
from kling_async.schema.assumptions import ASSUMPTIONS

PACKAGE = Path(kling_async.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "assumptions.md"
USES = sorted({use for each in ASSUMPTIONS for use in each.used_in})


def rows():
    """The rows of the page's table, as lists of cells."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")
    ]


@pytest.mark.parametrize("use", USES)
def test_place_where_an_assumption_is_used_is_there(use):
    """The file exists and defines the name, as a function, class, constant, field or method."""
    file, _, name = use.partition(":")
    text = (PACKAGE / file).read_text(encoding="utf-8")
    assert re.search(rf"^\s*(?:(?:async )?def|class) {name}\b|^\s*{name}\b[^\n]*[:=]", text, re.MULTILINE), (
        use
    )


@pytest.mark.parametrize("assumption", ASSUMPTIONS, ids=lambda each: each.id)
def test_assumption_is_whole(assumption):
    """A name with hyphens, two sentences, and at least one place."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", assumption.id)
    assert ".." == assumption.what[-1] + assumption.why[-1]
    assert assumption.used_in


def test_docs_show_the_same_table():
    """Row for row and cell for cell."""
    expected = [
        [
            f"`{each.id}`",
            each.what,
            each.why,
            ", ".join(f"`{use}`" for use in each.used_in),
            each.confidence,
            "`--spend`" if each.paid else "`--contract`",
        ]
        for each in ASSUMPTIONS
    ]
    assert expected == rows()
