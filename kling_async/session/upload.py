"""A create's body: laid out once its pictures were examined, and sent in slices.

Promises: a file's bytes are never held beyond one read; the event loop runs between any two slices, also if the socket
takes everything at once; the body's length is known exactly before the first byte is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Hashable, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Final, Protocol, Self

from attrs import field, frozen

from kling_async.errors import Problem, ValidationError
from kling_async.schema import rules, wire
from kling_async.schema.images import ImageFile, LocalImage, Picture
from kling_async.schema.picture_facts import PictureFacts
from kling_async.session.picture_bytes import encoded_file, encoded_length, encoded_slices, examined

logger: Final = logging.getLogger("kling_async")


@frozen
class Upload:
    """A body that is ready to be sent, any number of times."""

    pieces: tuple[bytes | LocalImage, ...] = field(repr=False)
    """The JSON text, with each picture in its place."""

    sizes: tuple[int, ...]
    """Length of each piece on the wire, in bytes."""

    @property
    def length(self) -> int:
        """Length of the body in bytes, for `Content-Length`."""
        return sum(self.sizes)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yields the body, slice by slice.

        Raises:
            ValidationError: A file cannot be read, or its length has changed since it was examined.
        """
        for piece, size in zip(self.pieces, self.sizes, strict=True):
            if isinstance(piece, bytes):
                yield piece
            elif isinstance(piece, ImageFile):
                async with aclosing(_checked(piece, size)) as texts:
                    async for text in texts:
                        yield text
                        await asyncio.sleep(0)
            else:
                for text in encoded_slices(piece):
                    yield text
                    await asyncio.sleep(0)


async def _checked(picture: ImageFile, size: int) -> AsyncGenerator[bytes, None]:
    """A file's base64 text, which must come to `size` bytes, or a `ValidationError` before more or less was sent."""
    left = size
    try:
        async with aclosing(encoded_file(picture, size)) as texts:
            async for text in texts:
                left -= len(text)
                if left < 0:
                    break
                yield text
    except OSError as error:
        raise ValidationError([Problem(str(picture.path), f"cannot be read: {error.strerror}")]) from None
    if left:
        raise ValidationError([Problem(str(picture.path), "changed while it was being sent")])


class Request(Protocol):
    """What a job needs to know of its request, whatever the endpoint."""

    @property
    def external_task_id(self) -> str | None:
        """The caller's id; None if there is none yet."""
        ...

    @property
    def callback_url(self) -> str | None:
        """URL to which the service posts each change of status; None or "" if there is none."""
        ...

    @property
    def model(self) -> str | None:
        """The model's name, for events; None if the request leaves it to the service or has no such field."""
        ...

    @property
    def kind(self) -> Hashable:
        """What decides how long a job takes; jobs of one kind share a schedule that learns."""
        ...

    @property
    def slots(self) -> int:
        """How many of the service's slots its task takes, 1 or more."""
        ...

    def pictures(self) -> Iterator[tuple[str, Picture]]:
        """Yields every picture with its field's path."""
        ...

    def picture_problems(self, facts: Mapping[str, PictureFacts]) -> Iterator[Problem]:
        """Yields every rule on the pictures' bytes that is broken.

        Args:
            facts: What is known of each picture whose bytes are at hand, by its field's path.
        """
        ...

    def picture_warnings(self, facts: Mapping[str, PictureFacts]) -> Iterator[Problem]:
        """Yields what the pictures' bytes show to be unlikely to be meant, though no rule forbids it.

        Args:
            facts: What is known of each picture whose bytes are at hand, by its field's path.
        """
        ...

    def with_external_task_id(self, external_id: str) -> Self:
        """Returns the same request under another external id."""
        ...

    def with_callback_url(self, url: str) -> Self:
        """Returns the same request with another URL to which the service posts."""
        ...

    def document(self) -> dict[str, Any]:
        """Returns the wire form as a mapping; pictures at hand stay the objects that `pictures` yields."""
        ...


async def prepare(request: Request) -> Upload:
    """Examines every picture at hand and lays out the body; warns of what no rule forbids and hardly anybody means.

    Args:
        request: The request, with its external id.

    Raises:
        ValidationError: Every rule on a picture's bytes that is broken, and files that cannot be read.
    """
    at_hand = [(path, each) for path, each in request.pictures() if isinstance(each, LocalImage)]
    found = await examined(at_hand) if at_hand else {}
    facts = {path: each for path, each in found.items() if isinstance(each, PictureFacts)}
    unreadable = [each for each in found.values() if isinstance(each, Problem)]
    rules.raise_any([*unreadable, *request.picture_problems(facts)])
    for warning in request.picture_warnings(facts):
        logger.warning("the service may do something else than is meant: %s", warning)
    pieces = tuple(_joined(wire.body_pieces(request.document())))
    lengths = {id(picture): encoded_length(facts[path].size) for path, picture in at_hand}
    return Upload(pieces, tuple(len(p) if isinstance(p, bytes) else lengths[id(p)] for p in pieces))


def _joined(pieces: Iterable[bytes | LocalImage]) -> Iterator[bytes | LocalImage]:
    """Joins adjacent bytes, so that a body without pictures is one piece."""
    text = bytearray()
    for piece in pieces:
        if isinstance(piece, bytes):
            text += piece
        else:
            yield bytes(text)
            text.clear()
            yield piece
    yield bytes(text)
