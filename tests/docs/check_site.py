"""Builds the documentation's site and follows each link of its pages; `make docs`.

Usage: python tests/docs/check_site.py

Fails on a warning of the builder or of what reads the docstrings (the builder's strict mode knows its own alone), on a link to
a page, file or heading that is not there, and on a picture, style or script of another host.
"""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site"
BUILD = [Path(sys.executable).with_name("zensical"), "build", "--strict", "--clean", "-f", "mkdocs.yml"]
SAID = ("Build started", "Build finished", "No issues found")
"""How the lines begin that the builder prints if all is well."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LINKS = {"a": "href", "img": "src", "link": "href", "script": "src"}


class Page(HTMLParser):
    """What a page links to, and the names in it that can be linked to."""

    def __init__(self, text):
        super().__init__()
        self.names, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Notes the element's id, and its link with what the link is for."""
        values = dict(attrs)
        self.names |= {values[key] for key in ("id", "name") if values.get(key)}
        link = values.get(LINKS.get(tag, ""))
        if link is not None and values.get("rel") != "canonical":
            self.links.append((tag, link))


def problems(site):
    """What is wrong with the links of a site's pages, each as one line."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for tag, link in page.links:
            wrong = problem(site, pages, path, tag, link)
            if wrong:
                yield f"{path.relative_to(site)}: {link}: {wrong}"


def problem(site, pages, path, tag, link):
    """What is wrong with one link, or None; a path that begins with a slash is of the site's root."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None if tag == "a" else "is loaded from another host"
    name = unquote(parts.path)
    target = site / name.lstrip("/") if name.startswith("/") else (path.parent / name).resolve()
    target = target if name else path
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return "there is no such file"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].names:
        return "there is no such heading"
    return None


def main():
    """The exit code: 0 if the site is built without a warning and no link is broken."""
    done = subprocess.run(BUILD, cwd=ROOT, capture_output=True, text=True, check=False)
    said = COLOUR.sub("", done.stdout + done.stderr).partition("Traceback")[0]
    found = [line for line in said.splitlines() if line.strip() and not line.startswith(SAID)]
    if not done.returncode:
        found += problems(SITE)
    print(*found, sep="\n", end="\n" if found else "")
    if found or done.returncode:
        return 1
    print(f"{len(list(SITE.rglob('*.html')))} pages without a warning or a broken link: {SITE}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
