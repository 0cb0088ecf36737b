"""docs/errors.md names each error class and each service code of the package, with what belongs to them."""

import re

import pytest
from docs.doc_blocks import ROOT

from kling_async import errors

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in ROOT.joinpath("docs", "errors.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ")
]
CLASSES = {match[2]: match[1] for row in ROWS if (match := re.match(r"(–* ?)`(\w+Error)`", row[0]))}
CODES = {int(row[0]): row for row in ROWS if row[0].isdecimal()}


def error_classes():
    """Each class below `KlingError`, and the root, with its depth; without what the command line keeps to itself."""
    found = [(errors.KlingError, 0)]
    for each, depth in found:
        public = [
            child for child in each.__subclasses__() if not child.__module__.startswith("kling_async.cli.")
        ]
        found += [(child, depth + 1) for child in public]
    return found


def test_the_page_has_each_class_and_no_other():
    """A class that is new is written about, one that is gone is not."""
    assert {each.__name__ for each, _ in error_classes()} == set(CLASSES)


@pytest.mark.parametrize(("each", "depth"), error_classes(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_class_stands_at_its_depth(each, depth):
    """The dashes before a name are its place in the tree."""
    assert max(0, depth - 1) == CLASSES[each.__name__].count("–")


def test_the_page_has_each_code_and_no_other():
    """The codes are those of the package's table."""
    assert set(errors._CODES) == set(CODES)


@pytest.mark.parametrize(("code", "row"), CODES.items())
def test_a_code_has_its_class(code, row):
    """The class on the page is the one that an answer with this code becomes."""
    found = errors.error_class(code, 400, "", creating=True)
    assert f"`{found.__name__}`" == row[1]
