"""The pages of docs/ are complete where they list something, and their links lead somewhere."""

import re

import attrs
import pytest
from docs.doc_blocks import ROOT, documents

from kling_async import JobState, events

LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
PATHS = [*documents(), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
LINKS = sorted({(path, link) for path in PATHS for link in LINK.findall(path.read_text(encoding="utf-8"))})
CLASSES = list(events.Event.__args__)


def rows(name):
    """The rows of a page's tables by their first cell, without its backquotes."""
    text = ROOT.joinpath("docs", name).read_text(encoding="utf-8")
    table = (line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `"))
    return {cells[0].strip().strip("`"): cells[1:] for cells in table}


@pytest.mark.parametrize(("path", "link"), LINKS, ids=lambda value: getattr(value, "name", value))
def test_a_link_leads_to_a_file(path, link):
    """Links between the documents, and to pictures and examples, are relative and right."""
    assert (path.parent / link).exists()


def test_readme_links_to_each_page():
    """Nobody has to guess that there is a page."""
    linked = {path.parent / link for path, link in LINKS if path.name == "README.md"}
    assert set() == set(ROOT.glob("docs/*.md")) - linked


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
