"""The results' files: rendered off the event loop, cached, and served by the range.

With `render=False` every result is one small fixed file that begins as an MP4 does. Without the extra
`emulator` a video's URL says what to install, and everything else goes on.
"""

import asyncio
import hashlib
import importlib
import ipaddress
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from kling_async.emulator.envelope import Answer
from kling_async.emulator.pictures import MAX_BYTES
from kling_async.emulator.scenes import Sketch, Source

FIXED_VIDEO = b"".join((
    b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41",
    b"\x00\x00\x00\x08free",
    b"\x00\x00\x10\x08mdat",
    bytes(range(256)) * 16,
))  # fmt: skip
"""What `render=False` serves: an MP4's beginning and 4 KiB that tell every offset apart."""

CACHED_VIDEOS = 32
MOST_PICTURE_BYTES = 256 * 1024 * 1024
"""Pictures beyond this much are not kept; their videos show a neutral card."""

FETCH_SECONDS = 10.0

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Gallery:
    """Renders sketches, each once while it is in the cache."""

    def __init__(self) -> None:
        self._pictures: dict[bytes, bytes] = {}
        self._picture_bytes = 0
        self._videos: OrderedDict[Sketch, asyncio.Task[bytes]] = OrderedDict()
        self._turns = asyncio.Semaphore(2)

    def keep(self, data: bytes) -> bytes | None:
        """Hold on to a picture, one copy of each; None where there is no room for it."""
        digest = hashlib.sha256(data).digest()
        kept = self._pictures.get(digest)
        if kept is None and self._picture_bytes + len(data) <= MOST_PICTURE_BYTES:
            self._pictures[digest] = kept = data
            self._picture_bytes += len(data)
        return kept

    async def video(self, sketch: Sketch | None) -> Answer:
        """The whole file of a sketch; a sentence with status 501 where the extra is missing."""
        if sketch is None:
            return Answer(200, FIXED_VIDEO, {"Content-Type": "video/mp4"})
        try:
            data = await asyncio.shield(self._rendering(sketch))
        except ImportError as error:
            sentence = f'{error}\nThe emulator renders with an extra: pip install "kling-async[emulator]"\n'
            return Answer(501, sentence.encode(), {"Content-Type": "text/plain; charset=utf-8"})
        return Answer(200, data, {"Content-Type": "video/mp4"})

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
            pictures = await _pictures(sketch)
            return await asyncio.to_thread(_render, sketch, pictures)

    async def close(self) -> None:
        """Wait for what is being rendered: a thread cannot be stopped."""
        await asyncio.gather(*self._videos.values(), return_exceptions=True)
        self._videos.clear()


def _render(sketch: Sketch, pictures: Mapping[Source, bytes | None]) -> bytes:
    """Call the renderer; it is imported only here, since it needs the extra.

    Raises:
        ImportError: the extra is missing.
    """
    renderer: Any = importlib.import_module("kling_async.emulator.render")

    def found(source: Source | None) -> bytes | None:
        return None if source is None else pictures[source]

    masks = ((found(mask), points) for mask, points in sketch.dynamic_masks)
    scene = renderer.Scene(
        image=found(sketch.image),
        tail=found(sketch.tail),
        seconds=sketch.seconds,
        mode=sketch.mode,
        camera=None if sketch.camera is None else json.loads(sketch.camera),
        static_mask=found(sketch.static_mask),
        dynamic_masks=tuple((mask, points) for mask, points in masks if mask is not None),
    )
    try:
        video: bytes = renderer.render(scene)
    except renderer.MissingExtraError as error:
        raise ImportError(str(error)) from error
    return video


async def _pictures(sketch: Sketch) -> Mapping[Source, bytes | None]:
    sources = {sketch.image, sketch.tail, sketch.static_mask, *(mask for mask, _ in sketch.dynamic_masks)}
    urls = {source for source in sources if isinstance(source, str)}
    found: dict[Source, bytes | None] = {source: source for source in sources if isinstance(source, bytes)}
    for url in urls:
        found[url] = await _fetch(url) if is_loopback(url) else None
    return found


async def _fetch(url: str) -> bytes | None:
    """A picture from this machine, at most 10 MB; None where it cannot be had."""
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            data = bytearray()
            async for chunk in response.content.iter_chunked(65536):
                data += chunk
                if len(data) > MAX_BYTES:
                    return None
            return bytes(data) if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this very machine, by its name or its number."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def partial(whole: Answer, headers: Mapping[str, str]) -> Answer:
    """The part of a file that `Range` asks for, if `If-Range` still names this file.

    One range is served; several, or one that cannot be read, give the whole.
    """
    if whole.status != 200:
        return whole
    total = len(whole.body)
    etag = f'"{hashlib.sha256(whole.body).hexdigest()[:32]}"'
    common = {**whole.headers, "ETag": etag, "Accept-Ranges": "bytes"}
    asked = _asked(headers.get("Range", ""), total) if headers.get("If-Range", etag) == etag else None
    if asked is None:
        return Answer(200, whole.body, common, whole.task)
    first, last = asked
    if first > last:
        return Answer(416, b"", {**common, "Content-Range": f"bytes */{total}"}, whole.task)
    part = {**common, "Content-Range": f"bytes {first}-{last}/{total}"}
    return Answer(206, whole.body[first : last + 1], part, whole.task)


def _asked(text: str, total: int) -> tuple[int, int] | None:
    """First and last byte, counted from 0, the first above the last where there is nothing to send.

    None where the text is no single range.
    """
    match = _RANGE.fullmatch(text.replace(" ", ""))
    first, last = match.groups() if match else ("", "")
    if not first:
        return (max(0, total - int(last)), total - 1) if last else None
    if not last:
        return int(first), total - 1
    return None if int(last) < int(first) else (int(first), min(int(last), total - 1))
