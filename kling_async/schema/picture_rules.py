"""Rules on pictures: each a pure function from what is known of them to the problems with them.

Promises: no I/O; no field name of an endpoint is known here. A picture of which nothing is known, such as a URL, breaks
no rule on bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from kling_async.errors import Problem
from kling_async.schema.images import ImageURL, LocalImage, Picture
from kling_async.schema.picture_facts import PictureFacts, PictureHeader

MAX_BYTES: Final = 10 * 1024 * 1024
"""图片文件大小不能超过10MB: the largest file, in bytes."""

MIN_SIDE: Final = 300
"""图片宽高尺寸不小于300px: the shortest side, in pixels."""

MAX_RATIO: Final = 2.5
"""图片宽高比介于1:2.5 ~ 2.5:1之间: the longer side over the shorter, for a first frame."""


def picture_problems(path: str, facts: PictureFacts, *, ratio: bool) -> Iterator[Problem]:
    """Yields the rules that one picture breaks.

    Args:
        path: The picture's field.
        facts: What its bytes say.
        ratio: Whether the bound on the aspect ratio applies.
    """
    if facts.size > MAX_BYTES:
        yield Problem(path, f"has {facts.size} bytes; at most {MAX_BYTES} (10 MB) are allowed")
    header = facts.header
    if header is None:
        yield Problem(path, "is not a JPEG or PNG, judged by its bytes, or its header is cut off")
        return
    if min(header.width, header.height) < MIN_SIDE:
        yield Problem(path, f"is {_size(header)}; no side may be shorter than {MIN_SIDE} px")
    if ratio and max(header.width, header.height) > MAX_RATIO * min(header.width, header.height):
        yield Problem(path, f"is {_size(header)}; its aspect ratio must be from 1:2.5 to 2.5:1")
    if not facts.complete:
        yield Problem(path, f"is a {header.format} that ends before its end marker; the file is cut off")


def one_encoding(pictures: Iterable[tuple[str, Any]]) -> Iterator[Problem]:
    """请确保您传递的所有图像数据参数均采用Base64编码格式: if one picture travels as base64, all of them do.

    Args:
        pictures: The request's pictures with their fields' paths; values that could not be built are skipped.
    """
    given = [(path, picture) for path, picture in pictures if isinstance(picture, Picture)]
    first = next((path for path, picture in given if isinstance(picture, LocalImage)), None)
    for path, picture in given:
        if first is not None and isinstance(picture, ImageURL):
            yield Problem(
                path, f"is a URL, but {first} is sent as base64; give either all pictures as URLs or none"
            )


def same_ratio(
    masks: Mapping[str, PictureFacts], image_path: str, image: PictureFacts | None
) -> Iterator[Problem]:
    """图片长宽比必须与输入图片相同: checks that every mask has the aspect ratio of the input image, to the pixel."""
    if image is None or image.header is None:
        return
    for path, mask in _headers(masks):
        if mask.width * image.header.height != mask.height * image.header.width:
            yield Problem(
                path,
                f"is {_size(mask)}; its aspect ratio must be that of {image_path}, which is {_size(image.header)}",
            )


def same_size(masks: Mapping[str, PictureFacts]) -> Iterator[Problem]:
    """分辨率必须一致: checks that all masks have one resolution."""
    headers = list(_headers(masks))
    for path, mask in headers[1:]:
        first_path, first = headers[0]
        if (mask.width, mask.height) != (first.width, first.height):
            yield Problem(
                path,
                f"is {_size(mask)}; all masks must have the same size, and {first_path} is {_size(first)}",
            )


def outside_points(
    path: str, points: Iterable[tuple[int, int]], image_path: str, image: PictureFacts | None
) -> Iterator[Problem]:
    """Yields a warning if points of a path are outside the input image, for which the API reference gives no bound.

    Args:
        path: The path's field.
        points: Its points in pixels from the bottom left, as (x, y).
        image_path: The input image's field.
        image: What is known of the input image; None or without a header: nothing, and there is no warning.
    """
    if image is None or image.header is None:
        return
    width, height = image.header.width, image.header.height
    all_points = list(points)
    outside = [index for index, (x, y) in enumerate(all_points) if not (0 <= x <= width and 0 <= y <= height)]
    if outside:
        x, y = all_points[outside[0]]
        yield Problem(
            path,
            f"{len(outside)} of {len(all_points)} points are outside {image_path}, which is {_size(image.header)}; the first is "
            f"[{outside[0]}] at ({x}, {y}), counted in pixels from the bottom left",
        )


def _headers(facts: Mapping[str, PictureFacts]) -> Iterator[tuple[str, PictureHeader]]:
    return ((path, each.header) for path, each in facts.items() if each.header is not None)


def _size(header: PictureHeader) -> str:
    return f"{header.width}×{header.height} px"
