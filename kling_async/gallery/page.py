"""The page of a folder's cards: one template, its style and its script, all in one text.

Promises: every text of a card is escaped by the template engine; the page's policy allows its own style and script by
their digests, media of its own origin or disk, and nothing else, so that text that got through would still not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from kling_async.errors import ConfigurationError
from kling_async.gallery.cards import Card, day_and_time, in_words, plain

if TYPE_CHECKING:
    from jinja2 import Template

MARK: Final = "kling-async gallery"
"""The page's `generator`, by which a page of ours is known."""

MOST_VIDEOS: Final = 12
"""Videos that a page has loaded at once."""

_HERE: Final = files("kling_async.gallery")


def page(title: str, cards: Sequence[Card], made: datetime) -> str:
    """Makes the page.

    Args:
        title: The heading.
        cards: The results, in the order of the page.
        made: The time that the page says it was made at.

    Raises:
        ConfigurationError: jinja2 is not installed.
    """
    style, script = _text("gallery.css"), _text("gallery.js")
    return str(
        _template().render(
            mark=MARK,
            title=plain(title),
            cards=cards,
            made=made.isoformat(timespec="seconds"),
            made_words=day_and_time(made),
            most=MOST_VIDEOS,
            policy=_policy(style, script),
            style=_trusted(style),
            script=_trusted(script),
            models=_choices(card.model for card in cards),
            modes=_choices(card.mode for card in cards),
            shape=_shape(cards),
            counts=Counter(card.status for card in cards),
            median=_median(
                [card.took for card in cards if card.took is not None and card.status == "succeed"]
            ),
        )
    )


@cache
def _template() -> Template:
    try:
        from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - the extra may be missing
    except ImportError:
        raise ConfigurationError('a gallery needs jinja2: pip install "kling-async[gallery]"') from None
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_text("gallery.html.jinja"))


def _text(name: str) -> str:
    return _HERE.joinpath(name).read_text(encoding="utf-8").strip()


def _trusted(text: str) -> Any:
    """A text of this package that is not escaped."""
    from markupsafe import Markup  # noqa: PLC0415 - jinja2 brings it

    return Markup(text)  # noqa: S704 - a file of this package, not a stranger's text


def _policy(style: str, script: str) -> str:
    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return "; ".join(
        (
            "default-src 'none'",
            "img-src 'self' file:",  # `file:` as well: not every browser takes 'self' for the files beside a file
            "media-src 'self' file:",
            f"style-src {digest(style)}",
            f"script-src {digest(script)}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _shape(cards: Sequence[Card]) -> str:
    """The shape that most pictures have decides the shape of all frames."""
    shapes = Counter(card.shape for card in cards if card.shape)
    return shapes.most_common(1)[0][0] if shapes else "wide"


def _choices(values: Iterable[str]) -> list[str]:
    return sorted({value for value in values if value})


def _median(times: list[float]) -> str:
    return in_words(sorted(times)[len(times) // 2]) if times else ""
