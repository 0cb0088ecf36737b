"""The page as text: nothing of a stranger's is markup, and nothing of it leads elsewhere."""

import base64
import hashlib
import re
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from gallery.sample import put
from hypothesis import given
from hypothesis import strategies as st

from kling_async.errors import ConfigurationError
from kling_async.gallery.cards import Card, in_words, link_to
from kling_async.gallery.folder import read_folder
from kling_async.gallery.page import _template, page

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
ATTACKS = (
    "</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'><svg/onload=alert(1)>", "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)", "<!--", "]]>", "&lt;b&gt;", "a\u202eb\u2066c\x00d\x1b[31m", "\ud800", "</style><style>*{display:none}",
)  # fmt: skip


class Elements(HTMLParser):
    """The tags of a page with their attributes, and the text of one kind of element."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


def skeleton(text):
    """The tags of a page with the names of their attributes: what no text may change."""
    return [(tag, sorted(attributes)) for tag, attributes in Elements(text).tags]


def of(text, *more):
    """A page whose every text is `text`."""
    card = Card(
        name=text, status="failed", prompt=text, negative_prompt=text, model=text, mode=text, duration=text,
        camera=text, reason=text, details=((text, text),), picture=link_to(f"{text}.png"),
    )  # fmt: skip
    return page(text, [card, *more], NOW)


@pytest.mark.parametrize("attack", [each for each in ATTACKS if each.isprintable()])
def test_no_text_becomes_markup(attack):
    """The page has the same tags and attributes as with harmless text."""
    assert skeleton(of("harmless")) == skeleton(of(attack))


@given(st.text(min_size=1).filter(lambda text: text.strip() and "\0" not in text and "/" not in text))
def test_no_text_at_all_becomes_markup(text):
    """So it is for any text; cards are made of cleaned text, as `read_folder` makes them."""
    from kling_async.gallery.cards import plain

    cleaned = plain(text) or "empty"
    assert skeleton(of("harmless")) == skeleton(of(cleaned))


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_in_a_sidecar_are_text(tmp_path, attack):
    """From the file to the page: no control or bidirectional character, no script, no foreign address."""
    request = {
        "prompt": attack,
        "model_name": attack,
        "image": attack,
        "camera_control": {"type": attack},
        attack: attack,
    }
    put(tmp_path, "x", request=request, status="failed", reason=attack)
    text = page(attack, read_folder(tmp_path).cards, NOW)
    text.encode()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b\ud800-\udfff]", text)
    assert 1 == text.count("<script>")
    assert not [
        attributes
        for _, attributes in Elements(text).tags
        if any(name.startswith("on") for name in attributes)
    ]


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("a.mp4", "./a.mp4"),
        ("100% #1?.mp4", "./100%25%20%231%3F.mp4"),
        ("\"'<>&.mp4", "./%22%27%3C%3E%26.mp4"),
        ("javascript:alert(1).mp4", "./javascript%3Aalert%281%29.mp4"),
        ("猫.mp4", "./%E7%8C%AB.mp4"),
        ("\udcff.mp4", "./%FF.mp4"),
        ("in/a.png", "./in/a.png"),
        ("../a.png", None),
        ("in/../../a.png", None),
        ("/etc/a.png", None),
        ("a\0.png", None),
        (None, None),
    ],
)
def test_links_stay_in_the_folder(path, link):
    """Each is relative, begins with `./` and is percent-encoded; what leads out is no link."""
    assert link == link_to(path)


def test_links_of_the_page_are_all_relative():
    """No tag names an address but in the folder or on the page."""
    text = page(
        "t", [Card(name="a", status="succeed", video="./a.mp4", picture="./a.png", tail="./b.png")], NOW
    )
    named = [
        attributes[name]
        for _, attributes in Elements(text).tags
        for name in ("src", "href", "data-src", "poster", "action")
        if name in attributes
    ]
    assert {"./a.mp4", "./a.png", "./b.png", "#results"} == set(named)


def test_the_policy_allows_this_style_and_script_alone():
    """Their digests are those of the page's own texts; there are no others."""
    text = page("t", [Card(name="a", status="plain")], NOW)
    [policy] = [
        tag["content"]
        for name, tag in Elements(text).tags
        if tag.get("http-equiv") == "Content-Security-Policy"
    ]
    for tag in ("style", "script"):
        [content] = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src 'self' file:; media-src 'self' file:; ")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_without_jinja2_the_extra_is_named(monkeypatch):
    """One line that says what to install."""
    _template.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ConfigurationError, match=r'pip install "kling-async\[gallery\]"'):
        page("t", [], NOW)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (133, "2 min 13 s"), (7260, "2 h 1 min")],
)
def test_times_are_in_words(seconds, words):
    """Seconds, minutes and hours."""
    assert words == in_words(seconds)
