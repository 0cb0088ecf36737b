"""What the page shows of one result. Pure.

Promises: total, whatever a sidecar's request holds; every text is free of control, bidirectional and surrogate
characters but for line breaks; links are relative, percent-encoded and stay below the page's folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final, Literal
from urllib.parse import quote

from attrs import frozen

from kling_async.errors import harmless
from kling_async.gallery.pictures import Placed
from kling_async.schema.picture_facts import PictureHeader
from kling_async.schema.sidecar import Sidecar

LONGEST_TEXT: Final = 4000
"""Characters of a text that are shown; a prompt has at most 2500."""

_SHOWN_APART: Final = frozenset(
    {"prompt", "negative_prompt", "model_name", "mode", "duration", "image", "image_tail", "camera_control"}
)
_PRESETS: Final = {
    "down_back": "camera down and back",
    "forward_up": "camera forward and up",
    "right_turn_forward": "camera right, then forward",
    "left_turn_forward": "camera left, then forward",
}

Status = Literal["succeed", "failed", "plain"]
"""How a result ended; `plain` is a video of which nothing else is known."""

Shape = Literal["wide", "square", "tall"]
"""A picture's shape, roughly."""


@frozen(kw_only=True)
class Card:
    """One result as the page shows it."""

    name: str
    """Name of its files without a suffix."""

    status: Status
    """How it ended."""

    number: int | None = None
    """Its row in the batch, from 1; None if it is not known."""

    video: str | None = None
    """Link to the video; None if there is none."""

    picture: str | None = None
    """Link to the first frame; None if there is none in the folder."""

    tail: str | None = None
    """Link to the last frame, if one was asked for."""

    shape: Shape | None = None
    """Shape of its picture; None if there is none."""

    prompt: str = ""
    """What should happen; empty if nothing was said."""

    negative_prompt: str = ""
    """What should not be seen."""

    model: str = ""
    """The model; empty if it was left to the service."""

    mode: str = ""
    """The mode; empty if it was left to the service."""

    duration: str = ""
    """Seconds that were asked for; empty if that was left to the service."""

    camera: str = ""
    """The camera movement in words; empty if there is none."""

    reason: str = ""
    """Why it failed, or why there is no video."""

    took: float | None = None
    """Seconds from the task's creation to its end; None if they are not known."""

    made: datetime | None = None
    """Time of the task's end; None if it is not known."""

    details: tuple[tuple[str, str], ...] = ()
    """What else is known, as names and texts."""

    @property
    def took_words(self) -> str:
        """The time taken, such as `2 min 13 s`; empty if it is not known."""
        return "" if self.took is None else in_words(self.took)

    @property
    def made_words(self) -> str:
        """The time of its end, such as `24 November 2026, 15:30 UTC`; empty if it is not known."""
        return "" if self.made is None else f"{day_and_time(self.made.astimezone(UTC))} UTC"


def card_of(sidecar: Sidecar, *, video: str | None, picture: Placed, tail: Placed) -> Card:
    """Makes the card of a result with a sidecar.

    Args:
        sidecar: What is known of it.
        video: Name of its video's file, if that exists.
        picture: Its first frame.
        tail: Its last frame.
    """
    request = sidecar.request
    missing = sidecar.status == "succeed" and video is None
    return Card(
        name=plain(sidecar.name),
        status="failed" if sidecar.status == "failed" else "succeed",
        number=sidecar.number,
        video=link_to(video),
        picture=link_to(picture.path),
        tail=link_to(tail.path),
        shape=_shape(picture.header or tail.header),
        prompt=plain(request.get("prompt")),
        negative_prompt=plain(request.get("negative_prompt")),
        model=plain(request.get("model_name")),
        mode=plain(request.get("mode")),
        duration=plain(request.get("duration")),
        camera=camera_in_words(request.get("camera_control")),
        reason="The video's file is not in this folder." if missing else plain(sidecar.reason),
        took=sidecar.seconds,
        made=sidecar.updated_at,
        details=tuple(_details(sidecar)),
    )


def plain_card(name: str, video: str) -> Card:
    """Makes the card of a video without a sidecar."""
    return Card(name=plain(name), status="plain", video=link_to(video))


def plain(value: object) -> str:
    """A stranger's text or number as it can be shown, with its line breaks; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    lines = str(value)[: 4 * LONGEST_TEXT].splitlines()
    return "\n".join(harmless(line, LONGEST_TEXT) for line in lines)[:LONGEST_TEXT].strip()


def link_to(path: str | None) -> str | None:
    """A path relative to the page's folder as a link; None if it leads out of the folder.

    It begins with `./`, so that no name can be taken for a scheme.
    """
    if path is None or path.startswith("/") or ".." in PurePosixPath(path).parts or "\0" in path:
        return None
    return "./" + quote(os.fsencode(path), safe="/")


def camera_in_words(camera: object) -> str:
    """A request's `camera_control` such as `zoom +5`, with a true minus sign; empty if there is none that can be read."""
    if not isinstance(camera, Mapping):
        return ""
    kind, config = camera.get("type"), camera.get("config")
    if isinstance(kind, str) and kind in _PRESETS:
        return _PRESETS[kind]
    axes = config.items() if isinstance(config, Mapping) else ()
    moves = [
        f"{plain(axis)} {amount:+g}".replace("-", "\N{MINUS SIGN}")
        for axis, amount in axes
        if _is_number(amount) and amount
    ]
    return ", ".join(moves) or plain(kind)


def in_words(seconds: float) -> str:
    """A time span such as `8 s`, `2 min 13 s` or `1 h 4 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def day_and_time(moment: datetime) -> str:
    """A moment such as `24 November 2026, 15:30`."""
    return f"{moment.day} {moment:%B %Y, %H:%M}"


def order(name: str) -> list[tuple[int, int | str]]:
    """A key that sorts names as people count: `9-cat` before `10-cat`."""
    parts = re.split(r"(\d{1,18})", name.casefold())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def _shape(header: PictureHeader | None) -> Shape | None:
    if header is None or not header.height:
        return None
    ratio = header.width / header.height
    return "wide" if ratio > 1.15 else "tall" if ratio < 0.87 else "square"


def _is_number(amount: Any) -> bool:
    return isinstance(amount, int | float) and not isinstance(amount, bool) and abs(amount) < 1e6


def _details(sidecar: Sidecar) -> Iterator[tuple[str, str]]:
    """What the page shows in small: the other fields of the request, and ids."""
    for name, value in sidecar.request.items():
        if name not in _SHOWN_APART and value is not None:
            text = _in_short(name, value)
            if text:
                yield plain(name), text
    if sidecar.video_seconds is not None:
        yield "video", f"{sidecar.video_seconds:g} s"
    for name, given in (("task_id", sidecar.task_id), ("external_task_id", sidecar.external_task_id)):
        if given:
            yield name, plain(given)


def _in_short(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "dynamic_masks" and isinstance(value, list):
        paths = [each.get("trajectories") for each in value if isinstance(each, Mapping)]
        points = sum(len(path) for path in paths if isinstance(path, list))
        return f"{len(value)} moving, {points} points"
    if isinstance(value, list):
        return f"{len(value)}"
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(key)} {plain(each)}".strip() for key, each in list(value.items())[:6])
    return plain(value)
