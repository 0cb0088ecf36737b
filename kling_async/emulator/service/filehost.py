"""The host of result files: a task and a file's name in, the file's bytes out."""

import asyncio
from collections.abc import Mapping

import attrs

from kling_async.emulator.service.answers import Answer
from kling_async.emulator.service.ranges import partial
from kling_async.emulator.service.routes import FileName
from kling_async.emulator.service.states import Status, Task
from kling_async.emulator.videos.gallery import FIXED_MARKED_VIDEO, FIXED_VIDEO, Gallery
from kling_async.emulator.videos.render import MissingExtraError
from kling_async.emulator.videos.sound import mp3, wav
from kling_async.emulator.videos.stills import FIXED_IMAGE, FIXED_MARKED_IMAGE

TYPES: Mapping[str, str] = {
    "mp4": "video/mp4",
    "png": "image/png",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
}
LISTS: Mapping[str, frozenset[str]] = {
    "mp4": frozenset({"videos"}),
    "png": frozenset({"images"}),
    "mp3": frozenset({"audios", "voices"}),
    "wav": frozenset({"audios"}),
}
"""The result lists that have files of a format."""

EXAMPLE = "example"
"""The name of the files at which the answers of synchronous calls point."""

EXAMPLE_SECONDS = 3.0
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}


class FileHost:
    """Serves results.

    Args:
        gallery: Renders videos and images.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery

    async def file(self, task: Task | None, name: FileName, headers: Mapping[str, str]) -> Answer:
        """Serves a result's file, or the part of it that `Range` asks for.

        Args:
            task: Whose file it is; None if there is no such task.
            name: Which of its files.
            headers: The request's.
        """
        if task is None or not _has(task, name):
            return Answer(404, b"no such file\n", _TEXT)
        try:
            data = await self._data(task, name)
        except MissingExtraError as error:
            sentence = f'{error}\nThe emulator renders with an extra: pip install "kling-async[emulator]"\n'
            return Answer(501, sentence.encode(), _TEXT)
        return partial(Answer(200, data, {"Content-Type": TYPES[name.format]}, task), headers)

    def example(self, name: FileName, headers: Mapping[str, str]) -> Answer:
        """Serves a small fixed file of a format."""
        data = _fixed(name) or _sound(name, EXAMPLE_SECONDS)
        return partial(Answer(200, data, {"Content-Type": TYPES[name.format]}), headers)

    async def _data(self, task: Task, name: FileName) -> bytes:
        if name.format in {"mp3", "wav"}:
            return await asyncio.to_thread(_sound, name, task.seconds)
        if task.sketch is None:
            return _fixed(name) or b""
        sketch = attrs.evolve(task.sketch, marked=name.marked)
        if name.format == "png":
            return await self._gallery.image(sketch, name.index)
        return await self._gallery.video(sketch)


def _has(task: Task, name: FileName) -> bool:
    """Whether the task succeeded and has such a file."""
    return (
        task.status is Status.SUCCEED
        and not LISTS[name.format].isdisjoint(task.product.results)
        and (task.marked or not name.marked)
        and name.index < (task.product.images(task.body) if name.format == "png" else 1)
    )


def _fixed(name: FileName) -> bytes | None:
    files = {"mp4": (FIXED_VIDEO, FIXED_MARKED_VIDEO), "png": (FIXED_IMAGE, FIXED_MARKED_IMAGE)}
    return files[name.format][name.marked] if name.format in files else None


def _sound(name: FileName, seconds: float) -> bytes:
    return wav(seconds) if name.format == "wav" else mp3(seconds)
