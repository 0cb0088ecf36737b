"""The preview's picture: first frame, last frame, and what is to be said of the request, in Pillow."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from kling_async.preview.marks import INK, Placement, font, marked
from kling_async.preview.regions import Decoded, decoded
from kling_async.preview.shot import Shot

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH: Final = 1280
"""The sheet's width in pixels."""

_MARGIN: Final = 28
_PANEL: Final = (WIDTH - 3 * _MARGIN) // 2
_TALLEST: Final = 620
_GROUND, _SOFT, _WELL = "#f5f5f2", "#5d6066", "#e6e6e1"
_TONES: Final = {"good": "#23734a", "bad": "#ab2a1f", "warn": "#9a5b00", "plain": INK}


@frozen
class Line:
    """A line of text below the frames."""

    tone: str
    """`good`, `bad`, `warn` or `plain`."""

    text: str
    """The text; it is broken where it is too long."""


def sheet(shot: Shot, last: bytes | None, title: str, last_title: str, lines: Sequence[Line]) -> bytes:
    """Draws the sheet as PNG.

    Args:
        shot: The request's pictures and paths.
        last: The last frame's file; None if there is none at hand.
        title: What is asked for, in short.
        last_title: What the last frame is.
        lines: What is to be said.
    """
    from PIL import Image, ImageDraw  # noqa: PLC0415 - the extra, imported where it is used

    first_panel, last_panel = _first(shot), _panel(decoded(last), room=0)[0]
    tall = max(first_panel.height, last_panel.height)
    broken = [(line.tone, part) for line in lines for part in _broken(line.text)]
    frames_top = 86
    text_top = frames_top + tall + 40
    whole = Image.new("RGB", (WIDTH, text_top + 27 * len(broken) + _MARGIN), _GROUND)
    draw = ImageDraw.Draw(whole)
    _write(draw, (_MARGIN, 22), drawable(title), 24, INK)
    for column, (panel, words) in enumerate(((first_panel, "First frame"), (last_panel, last_title))):
        left = _MARGIN + column * (_PANEL + _MARGIN)
        _write(draw, (left, 60), words, 15, _SOFT)
        draw.rectangle((left, frames_top, left + _PANEL - 1, frames_top + tall - 1), fill=_WELL)
        whole.paste(panel, (left, frames_top + (tall - panel.height) // 2))
    for row, (tone, (text, begins)) in enumerate(broken):
        top = text_top + 27 * row
        if begins:
            draw.ellipse((_MARGIN + 1, top + 5, _MARGIN + 11, top + 15), fill=_TONES[tone])
        _write(draw, (_MARGIN + 22, top), text, 16, _TONES[tone])
    out = io.BytesIO()
    whole.save(out, "PNG", compress_level=4)
    return out.getvalue()


def drawable(text: str) -> str:
    """A text with a question mark for each character that the font lacks."""
    text = text.replace("×", "x").replace("…", "...")
    return "".join(
        each if (each.isprintable() and ord(each) < 0x250) or each in "·–" else "?" for each in text
    )


def _write(draw: Any, at: tuple[int, int], text: str, size: int, colour: str) -> None:
    draw.text(at, text, fill=colour, font=font(size))


def _first(shot: Shot) -> Image:
    """The first frame with all marks; there is room around it for points outside."""
    panel, place = _panel(decoded(shot.image), room=30 if shot.dynamic_masks else 0)
    return marked(panel, place, shot) if place is not None and _has_marks(shot) else panel


def _has_marks(shot: Shot) -> bool:
    return shot.static_mask is not None or bool(shot.dynamic_masks)


def _panel(picture: Decoded | None, *, room: int) -> tuple[Image, Placement | None]:
    """A picture fitted into a panel's width, with room around it."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - the extra, imported where it is used

    if picture is None:
        empty = Image.new("RGB", (_PANEL, _PANEL * 9 // 16), _WELL)
        where: Any = (_PANEL / 2, _PANEL * 9 / 32)
        ImageDraw.Draw(empty).text(where, "no picture at hand", fill=_SOFT, font=font(17), anchor="mm")
        return empty, None
    scale = min((_PANEL - 2 * room) / picture.width, (_TALLEST - 2 * room) / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    panel = Image.new("RGB", (_PANEL, size[1] + 2 * room), _WELL)
    left = (_PANEL - size[0]) // 2
    pixels = picture.pixels.resize(size, Image.Resampling.LANCZOS)
    panel.paste("white", (left, room, left + size[0], room + size[1]))
    panel.paste(pixels, (left, room), pixels)
    return panel, Placement(left, room, scale, picture.width, picture.height)


def _broken(text: str) -> Iterator[tuple[str, bool]]:
    """A text's lines, broken at spaces, and whether each begins the text."""
    shape: Any = font(16)
    line = ""
    begins = True
    for word in drawable(text).split():
        longer = f"{line} {word}".strip()
        if line and shape.getlength(longer) > WIDTH - 2 * _MARGIN - 22:
            yield line, begins
            line, begins = word, False
        else:
            line = longer
    yield line, begins
