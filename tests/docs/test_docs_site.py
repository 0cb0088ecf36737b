"""What `make docs` finds in a site's pages, and the drawings that are made by a command."""

import pytest
from docs.check_site import problems
from docs.doc_blocks import ROOT

from benchmarks import drawings


@pytest.fixture
def site(tmp_path):
    """A site of two pages."""
    tmp_path.joinpath("folder").mkdir()
    tmp_path.joinpath("folder", "other.html").write_text('<h2 id="there">', encoding="utf-8")

    def made(html):
        tmp_path.joinpath("index.html").write_text(html, encoding="utf-8")
        return list(problems(tmp_path))

    return made


@pytest.mark.parametrize(
    "html",
    [
        '<a href="folder/other.html#there">',
        '<a href="/folder/other.html">',
        '<h1 id="top"><a href="#top">',
        '<a href="https://klingai.com/nosuch">',
    ],
)
def test_a_right_link_is_left_alone(site, html):
    """Pages, headings, the site's root, and other hosts, which are not asked."""
    assert [] == site(html)


@pytest.mark.parametrize(
    ("html", "why"),
    [
        ('<a href="folder/nosuch.html">', "no such file"),
        ('<a href="folder/other.html#nosuch">', "no such heading"),
        ('<a href="#nosuch">', "no such heading"),
        ('<img src="nosuch.svg">', "no such file"),
        ('<script src="https://cdn.example/x.js">', "another host"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "another host"),
    ],
)
def test_a_wrong_link_is_found(site, html, why):
    """One line for each, which begins with the page."""
    (line,) = site(html)
    assert line.startswith("index.html: ")
    assert why in line


@pytest.mark.parametrize("name", drawings.DRAWINGS)
def test_a_drawing_is_as_its_command_makes_it(name):
    """A change of a schedule changes the drawing: python -m benchmarks.drawings."""
    drawn = ROOT.joinpath("docs", "drawings", f"{name}.svg").read_text(encoding="utf-8")
    assert str(drawings.DRAWINGS[name]()) == drawn
