"""The results' videos: rendered off the event loop, each once while it is in the cache."""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping

from kling_async.emulator.videos import render
from kling_async.emulator.videos.fetch import fetch
from kling_async.emulator.videos.scene import Scene
from kling_async.emulator.videos.sketches import Sketch, Source

_MP4_BEGINNING = b"".join((
    b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41",
    b"\x00\x00\x00\x08free",
    b"\x00\x00\x10\x08mdat",
))  # fmt: skip
FIXED_VIDEO = _MP4_BEGINNING + bytes(range(256)) * 16
"""What `render=False` serves: an MP4's beginning and 4 KiB in which all offsets differ. It cannot be played."""

FIXED_MARKED_VIDEO = _MP4_BEGINNING + bytes(reversed(range(256))) * 16
"""What `render=False` serves as the copy with the watermark."""

CACHED_VIDEOS = 32
MOST_PICTURE_BYTES = 256 * 1024 * 1024
"""Pictures beyond this many bytes in all are not kept; their videos show a neutral card."""


class Gallery:
    """Renders sketches, at most two at a time."""

    def __init__(self) -> None:
        self._pictures: dict[bytes, bytes] = {}
        self._picture_bytes = 0
        self._videos: OrderedDict[Sketch, asyncio.Task[bytes]] = OrderedDict()
        self._turns = asyncio.Semaphore(2)

    def keep(self, data: bytes) -> bytes | None:
        """Keeps a picture, one copy of each; returns None if there is no room for it."""
        digest = hashlib.sha256(data).digest()
        kept = self._pictures.get(digest)
        if kept is None and self._picture_bytes + len(data) <= MOST_PICTURE_BYTES:
            self._pictures[digest] = kept = data
            self._picture_bytes += len(data)
        return kept

    async def video(self, sketch: Sketch) -> bytes:
        """Renders a sketch, or returns what was rendered before.

        Raises:
            MissingExtraError: A library of the extra `emulator` is not installed.
        """
        return await asyncio.shield(self._rendering(sketch))

    async def image(self, sketch: Sketch, index: int) -> bytes:
        """Draws image `index` (from 0) of a sketch as PNG.

        Raises:
            MissingExtraError: A library of the extra `emulator` is not installed.
        """
        scene = _scene(sketch, await _pictures(sketch))
        return await asyncio.to_thread(render.draw_still, scene, index)

    def _rendering(self, sketch: Sketch) -> asyncio.Task[bytes]:
        rendering = self._videos.get(sketch)
        if rendering is None or (rendering.done() and (rendering.cancelled() or rendering.exception())):
            self._videos[sketch] = rendering = asyncio.create_task(self._render(sketch))
        self._videos.move_to_end(sketch)
        while len(self._videos) > CACHED_VIDEOS:
            self._videos.popitem(last=False)
        return rendering

    async def _render(self, sketch: Sketch) -> bytes:
        async with self._turns:
            scene = _scene(sketch, await _pictures(sketch))
            return await asyncio.to_thread(render.render, scene)

    async def close(self) -> None:
        """Waits for what is being rendered: a thread cannot be stopped."""
        await asyncio.gather(*self._videos.values(), return_exceptions=True)
        self._videos.clear()


def _scene(sketch: Sketch, pictures: Mapping[Source, bytes | None]) -> Scene:
    """The sketch with its pictures' bytes."""

    def found(source: Source | None) -> bytes | None:
        return None if source is None else pictures[source]

    masks = ((found(mask), points) for mask, points in sketch.dynamic_masks)
    return Scene(
        image=found(sketch.image),
        tail=found(sketch.tail),
        seconds=sketch.seconds,
        mode=sketch.mode,
        camera=None if sketch.camera is None else json.loads(sketch.camera),
        static_mask=found(sketch.static_mask),
        dynamic_masks=tuple((mask, points) for mask, points in masks if mask is not None),
        ratio=sketch.ratio,
        marked=sketch.marked,
    )


async def _pictures(sketch: Sketch) -> Mapping[Source, bytes | None]:
    sources = {sketch.image, sketch.tail, sketch.static_mask, *(mask for mask, _ in sketch.dynamic_masks)}
    found: dict[Source, bytes | None] = {source: source for source in sources if isinstance(source, bytes)}
    for url in (source for source in sources if isinstance(source, str)):
        found[url] = await fetch(url)
    return found
