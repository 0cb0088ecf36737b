"""Pictures as they are named in a shell or a manifest, and what the videos made of them are called.

Promises: only the user's own words name a file, and never another folder.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from urllib.parse import urlsplit


def picture(text: str) -> Path | str | bytes:
    """A picture as it is named in a shell: a URL, `-` for stdin, else a file."""
    if text == "-":
        return sys.stdin.buffer.read()
    return text if is_url(text) else Path(text)


def is_url(text: str) -> bool:
    """Whether the text is meant as an address: `scheme://…` or `data:…`."""
    return "://" in text or text[:5].lower() == "data:"


def stem_of(photo: str | Path | None) -> str:
    """The name of a video made of this picture: the file's name without its suffix."""
    if photo is None or photo == "-" or str(photo)[:5].lower() == "data:":
        return "video"
    path = urlsplit(photo).path if isinstance(photo, str) and is_url(photo) else str(photo)
    stem = Path(path).stem
    return "".join(each if each.isalnum() or each in "-_. " else "_" for each in stem) or "video"


def stem_of_text(prompt: str | None) -> str:
    """The name of a video made of a prompt: its first words."""
    words = re.findall(r"\w+", (prompt or "")[:60])
    return "-".join(words[:5]) or "video"
