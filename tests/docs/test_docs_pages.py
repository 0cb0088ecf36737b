"""The pages of docs/ are complete where they list something, and their links lead somewhere."""

import re

import attrs
import pytest
from docs.doc_blocks import ROOT, documents

import kling_async
from kling_async import JobState, errors, events

LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
OTHERS = [ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
PATHS = [*documents(), *OTHERS]
LINKS = sorted({(path, *link) for path in PATHS for link in LINK.findall(path.read_text(encoding="utf-8"))})
PAGES = {str(path.relative_to(ROOT / "docs")) for path in documents()[1:]}
NAV = re.findall(
    r"^ +- (?:.+: )?([\w/]+\.md)$", ROOT.joinpath("mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE
)
EXAMPLE = re.compile(r"`((?:examples|benchmarks|tests)/[\w./-]+)`")
CLASSES = list(events.Event.__args__)


def rows(name):
    """The rows of a page's tables by their first cell, without its backquotes."""
    text = ROOT.joinpath("docs", name).read_text(encoding="utf-8")
    table = (line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `"))
    return {cells[0].strip().strip("`"): cells[1:] for cells in table}


def slug(heading):
    """The anchor of a heading, as the site and the usual viewers of Markdown make it."""
    return re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")


@pytest.mark.parametrize(
    ("path", "link", "anchor"),
    LINKS,
    ids=[f"{path.relative_to(ROOT)}→{link}#{anchor}" for path, link, anchor in LINKS],
)
def test_a_link_leads_to_a_file_and_a_heading(path, link, anchor):
    """Links between the documents, and to pictures and examples, are relative and right."""
    target = path.parent / link if link else path
    assert target.exists()
    if anchor:
        assert anchor in {slug(heading) for heading in HEADING.findall(target.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("path", documents()[1:], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_links_to_pages_alone(path):
    """The site holds what is in docs/ alone; files of the checkout are named in code."""
    targets = {(path.parent / link).resolve() for each, link, _ in LINKS if each == path and link}
    assert set() == {target for target in targets if not target.is_relative_to(ROOT / "docs")}


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_named_file_of_the_checkout_is_there(path):
    """Examples, benchmarks and tests that a page names exist."""
    named = set(EXAMPLE.findall(path.read_text(encoding="utf-8")))
    assert set() == {name for name in named if not ROOT.joinpath(name).exists()}


def test_each_page_has_its_place():
    """The site's navigation has each page once, and none that is not there."""
    assert sorted(PAGES) == sorted(NAV)


def test_the_first_page_links_to_each_page():
    """Nobody has to guess that there is a page; README.md links to the first one."""
    linked = {link for path, link, _ in LINKS if path == ROOT / "docs" / "index.md"}
    assert set() == {name for name in PAGES if "/" not in name} - linked - {"index.md"}
    assert (ROOT / "README.md", "docs/index.md", "") in LINKS


def test_each_public_name_is_in_the_reference():
    """Errors and events stand there with their modules."""
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("docs/reference/*.md")]
    shown = {name for text in texts for name in re.findall(r"^::: kling_async\.(\w+)$", text, re.MULTILINE)}
    public = {name for name in kling_async.__all__ if not hasattr(errors, name)} - {"__version__"}
    assert public | {"errors", "events"} == shown


def test_each_event_is_on_its_page():
    """A class that is new is written about, one that is gone is not."""
    assert {each.__name__ for each in CLASSES} == set(rows("events.md"))


@pytest.mark.parametrize("event", CLASSES)
def test_an_event_has_its_fields(event):
    """The fields stand in the order of the class."""
    shown = re.findall(r"`(\w+)`", rows("events.md")[event.__name__][-1])
    assert [field.name for field in attrs.fields(event)] == shown


def test_each_state_of_a_job_is_on_the_journals_page():
    """In the order in which a job goes through them."""
    assert [str(state) for state in JobState] == [
        name for name in rows("journal.md") if name in set(JobState)
    ]
