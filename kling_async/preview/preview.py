"""Makes a preview: what would refuse the request, what is hardly meant, and the picture of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from anyio import to_thread
from attrs import field, frozen

from kling_async.errors import Problem
from kling_async.preview.findings import Findings, findings_of
from kling_async.preview.regions import require_pillow
from kling_async.preview.sheet import Line, drawable, sheet
from kling_async.preview.shot import Renderer, Shot, shot_of
from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.models import MAP_OF


@frozen
class Preview:
    """What a request would do."""

    findings: Findings
    """What the rules say."""

    picture: bytes = field(repr=False)
    """PNG: the first frame with masks and paths, the last frame, and the findings."""

    shot: Shot = field(repr=False)
    """What the renderer's `video` takes."""


async def preview_of(
    request: Image2VideoRequest,
    renderer: Renderer,
    *,
    told: Callable[[Problem], str] = str,
) -> Preview:
    """Makes a preview of a request; nothing is sent.

    Args:
        request: The request.
        renderer: Draws the last frame, if the request does not bring it.
        told: Puts a finding into words.

    Raises:
        ConfigurationError: Pillow is not installed.
    """
    require_pillow()
    shot = await to_thread.run_sync(shot_of, request)
    findings = await findings_of(request, shot)
    lines = tuple(_lines(request, findings, told))

    def draw() -> bytes:
        words = "Last frame, roughly: only the movement is drawn"
        if request.image_tail is not None:
            last, words = shot.tail, "Last frame: image_tail"
        else:
            last = None if shot.image is None else renderer.frame(shot, 1.0)
        return sheet(shot, last, in_short(request), words, lines)

    return Preview(findings, await to_thread.run_sync(draw), shot)


def in_short(request: Image2VideoRequest) -> str:
    """A request's model, mode, length and movement, with the service's defaults."""
    model, mode, duration = request.kind
    parts = [model, mode, f"{duration} s"]
    camera = request.camera_control
    if camera is not None:
        axes = [] if camera.config is None else [
            f"{axis} {amount:+g}"
            for axis in ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
            if (amount := getattr(camera.config, axis))
        ]  # fmt: skip
        parts.append(", ".join(axes) or camera.type)
    if request.dynamic_masks:
        parts.append(f"{len(request.dynamic_masks)} moving")
    if request.static_mask is not None:
        parts.append("static region")
    if request.image_tail is not None:
        parts.append("last frame given")
    return " · ".join(parts)


def verdict(request: Image2VideoRequest, findings: Findings) -> str:
    """What the capability map says of a request that keeps all other rules, in a sentence."""
    model, mode, duration = request.kind
    cell = f"{model} in mode {mode} with {duration} s"
    if not findings.known:
        return f"The capability map of {MAP_OF} does not know {model}: only the service can say."
    if findings.refused:
        return f"The capability map of {MAP_OF}: {model} does not take this."
    return f"The capability map of {MAP_OF}: {cell} takes this."


def _lines(request: Image2VideoRequest, findings: Findings, told: Callable[[Problem], str]) -> Iterator[Line]:
    tone = "bad" if findings.refused else "good" if findings.known else "plain"
    yield Line(tone, verdict(request, findings))
    yield from (Line("bad", told(problem)) for problem in (*findings.refused, *findings.broken))
    yield from (Line("warn", told(problem)) for problem in findings.warnings)
    if request.prompt and drawable(request.prompt) == " ".join(request.prompt.split()):
        yield Line("plain", f"Prompt: {request.prompt}"[:600])
